"""Plain data out of inert nodes: dtypes, arrays, scalars, bytes.

A pickled dtype is a description and a state with flags; compiled code believes the flags. Here only the description
counts: the dtype is made anew from it, and a state that says otherwise is refused. So is whatever would let raw bytes
be taken for objects.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery.gate.container import Stream
from assessments.battery.gate.nodes import ABSENT, Global, Made
from assessments.battery.gate.refusal import Refused

_MODULES = ("numpy._core.multiarray", "numpy.core.multiarray")
DTYPE = "numpy:dtype"
SCALARS = frozenset(f"{module}:scalar" for module in _MODULES)
ARRAYS = frozenset(f"{module}:_reconstruct" for module in _MODULES)
BUFFERS = frozenset({"numpy._core.numeric:_frombuffer", "numpy.core.numeric:_frombuffer"})
MASKED = "numpy.ma.core:_mareconstruct"
ENCODED = "_codecs:encode"
BYTEARRAY = "builtins:bytearray"

PLAIN = re.compile(r"b1|[iu](1|2|4|8)|f(2|4|8|16)|c(8|16|32)|O8?|[SUV][0-9]{1,7}|[Mm]8")
UNIT = re.compile(rb"(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)")
MOST_DIMENSIONS = 32
MOST_FIELDS = 64
CHUNK = 16 << 20


def _corrupt(what: str) -> Refused:
    return Refused("corrupt_structure", what)


# Types


def dtype_of(node: Any, depth: int = 0) -> np.dtype[Any]:
    """The dtype behind a node. Raises Refused where the node is none, or one that its state contradicts."""
    if not (isinstance(node, Made) and node.how == "call" and node.name == DTYPE):
        raise _corrupt("An array in it has a type that is not a numpy dtype.")
    if not isinstance(node.value, np.dtype):
        node.value = _dtype(node, depth)
    return node.value


def _dtype(node: Made, depth: int) -> np.dtype[Any]:
    text = node.args[0] if node.args else None
    if not isinstance(text, str) or not PLAIN.fullmatch(text) or not _are(node.args[1:], bool, int):
        raise _corrupt("A numpy dtype in it is not of a plain kind.")
    if node.state is ABSENT:
        return np.dtype(text)
    state = node.state
    if not isinstance(state, tuple) or len(state) not in {8, 9} or not _are(state[5:8], int):
        raise _corrupt("The state of a numpy dtype in it is not understood.")
    _, order, subarray, names, fields, size, alignment, flags = state[:8]
    if subarray is not None or order not in {"<", ">", "|", "="}:
        raise _corrupt("A numpy dtype in it is not of a plain kind.")
    if names is not None or fields is not None:
        made = _structured(text, names, fields, size, flags, depth)
    elif text in {"M8", "m8"}:
        made = np.dtype(text + _unit(state[8] if len(state) == 9 else None))
    else:
        made = np.dtype(text)
    made = made if order in {"|", "="} else made.newbyteorder(order)
    if size not in {-1, made.itemsize} or flags != made.flags or alignment not in {-1, made.alignment}:
        raise _corrupt("A numpy dtype in it was forged: its flags or size are not those of its kind.")
    return made


def _unit(metadata: Any) -> str:
    try:
        _, (unit, count, one, _) = metadata
    except (TypeError, ValueError):
        raise _corrupt("A date type in it has no unit.") from None
    if not (
        isinstance(unit, bytes) and UNIT.fullmatch(unit) and type(count) is int and 0 < count < 1 << 31 and one == 1
    ):
        raise _corrupt("A date type in it has a unit that does not exist.")
    return "" if unit == b"generic" else f"[{count}{unit.decode()}]"


def _structured(text: str, names: Any, fields: Any, size: Any, flags: int, depth: int) -> np.dtype[Any]:
    proper = isinstance(names, tuple) and isinstance(fields, dict) and set(names) == set(fields) and text[0] == "V"
    if not proper or not _are(names, str) or len(names) > MOST_FIELDS or depth > 2:
        raise _corrupt("A structured numpy dtype in it is not understood.")
    parts = [fields[name] for name in names]
    if not all(isinstance(part, tuple) and len(part) == 2 and type(part[1]) is int for part in parts):
        raise _corrupt("A structured numpy dtype in it is not understood.")
    kinds = [dtype_of(part[0], depth + 1) for part in parts]
    if any(kind.hasobject for kind in kinds):
        raise _corrupt("A structured numpy dtype in it holds objects.")
    offsets = [part[1] for part in parts]
    ends = sorted((offset, offset + kind.itemsize) for offset, kind in zip(offsets, kinds, strict=True))
    if any(offset < 0 for offset, _ in ends) or any(
        end > after for (_, end), (after, _) in zip(ends, ends[1:], strict=False)
    ):
        raise _corrupt("The fields of a structured numpy dtype in it overlap.")
    described: Any = {"names": list(names), "formats": kinds, "offsets": offsets, "itemsize": size}
    try:
        made: np.dtype[Any] = np.dtype(described, align=bool(flags & 0x80))
        return made
    except (TypeError, ValueError) as error:
        raise _corrupt("The fields of a structured numpy dtype in it do not fit its size.") from error


def _are(values: Any, *kinds: type) -> bool:
    return all(type(value) in kinds for value in values)


# Arrays


def check_shape(shape: Any) -> int:
    """How many items an array of this shape has. Raises Refused where it is no shape."""
    if (
        not isinstance(shape, tuple)
        or len(shape) > MOST_DIMENSIONS
        or not all(type(n) is int and n >= 0 for n in shape)
    ):
        raise _corrupt("An array in it has a shape that is none.")
    if any(length >= 1 << 48 for length in shape):
        raise Refused("bomb", "An array in it claims an absurd size.")
    return math.prod(shape)


def wrapper(state: Any) -> tuple[tuple[int, ...], str, np.dtype[Any], bool]:
    """(shape, order, dtype, whether padding stands before the bytes) of the state of joblib's NumpyArrayWrapper."""
    known = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
    if not isinstance(state, dict) or not {"subclass", "shape", "order", "dtype"} <= set(state) <= known:
        raise _corrupt("An array of joblib in it is not described as joblib does.")
    subclass = state["subclass"]
    if not isinstance(subclass, Global) or subclass.name not in {"numpy:ndarray", "numpy:matrix", "numpy:memmap"}:
        raise _corrupt("An array of joblib in it is of a class that is no array.")
    if state["order"] not in {"C", "F"}:
        raise _corrupt("An array of joblib in it has an unknown order.")
    kind = dtype_of(state["dtype"])
    check_shape(state["shape"])
    return state["shape"], state["order"], kind, state.get("numpy_array_alignment_bytes") is not None


def read_array(stream: Stream, shape: tuple[int, ...], order: str, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array of plain items out of raw bytes, in the byte order of this machine. Raises Refused."""
    count = check_shape(shape)
    if count and kind.itemsize == 0 and count > CHUNK:
        raise Refused("bomb", "An array in it claims an absurd size.")
    size = count * kind.itemsize
    if size > stream.left:
        stream.read(size)  # raises what is wrong with a stream that has less
    # Grown as it is read: a size that the file only claims must not be reserved.
    raw = bytearray()
    while len(raw) < size:
        raw += stream.read(min(CHUNK, size - len(raw)))
    return shaped(raw, shape, order, kind)


def shaped(raw: bytes | bytearray, shape: tuple[int, ...], order: str, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """A writable array over the bytes, which must be as many as its shape needs."""
    if kind.hasobject:
        raise _corrupt("An array of objects in it is given as raw bytes.")
    if len(raw) != check_shape(shape) * kind.itemsize:
        raise _corrupt("An array in it has not the bytes that its shape needs.")
    flat = np.frombuffer(bytearray(raw) if isinstance(raw, bytes) else raw, dtype=kind) if raw else np.empty(0, kind)
    if not raw:
        flat = np.zeros(check_shape(shape), kind)
    array = flat.reshape(shape[::-1]).transpose() if order == "F" else flat.reshape(shape)
    native = kind.newbyteorder("=")
    return array if kind == native else array.astype(native)


# Values


def value_of(node: Any) -> Any:
    """The plain value that a node stands for: a dtype, array, scalar or bytes; ABSENT where it stands for an object.

    An array of objects holds nodes. Raises Refused where the parts do not fit.
    """
    if not isinstance(node, Made):
        return node if not isinstance(node, Global) else ABSENT
    maker = _MAKERS.get(node.name) if node.how == "call" else None
    if maker is None or node.kwargs:
        return ABSENT
    if node.value is ABSENT:
        node.value = maker(node)
    if node.items:
        raise _corrupt("A plain value in it is added to.")
    return node.value


def _no_state(node: Made) -> None:
    if node.states:
        raise _corrupt("A plain value in it is given a state.")


def _scalar(node: Made) -> Any:
    _no_state(node)
    content = value_of(node.args[1]) if len(node.args) == 2 else None
    if not isinstance(content, bytes):
        raise _corrupt("A numpy number in it is not understood.")
    kind = dtype_of(node.args[0])
    if kind.hasobject or kind.names or len(content) != kind.itemsize:
        raise _corrupt("A numpy number in it is not of a plain kind, or has not the bytes of its kind.")
    return np.frombuffer(content, dtype=kind)[0] if kind.itemsize else kind.type()


def _ndarray(node: Made) -> np.ndarray[Any, Any]:
    kind, shape, tag = node.args if len(node.args) == 3 else (None, None, None)
    if not (
        isinstance(kind, Global) and kind.name == "numpy:ndarray" and shape == (0,) and value_of(tag) in (b"b", "b")
    ):
        raise _corrupt("An array in it is not made as numpy makes one.")
    return _from_state(node.state)


def _from_state(state: Any) -> np.ndarray[Any, Any]:
    if not isinstance(state, tuple) or len(state) != 5:
        raise _corrupt("An array in it has no content.")
    _, shape, kind, fortran, content = state
    dtype, count = dtype_of(kind), check_shape(shape)
    order = "F" if fortran else "C"
    if not dtype.hasobject:
        if isinstance(content, Made):
            content = value_of(content)
        if not isinstance(content, bytes | bytearray):
            raise _corrupt("An array in it has no bytes.")
        return shaped(content, shape, order, dtype)
    if dtype.names or type(content) is not list or len(content) != count:
        raise _corrupt("An array of objects in it has not as many as its shape needs.")
    flat = np.empty(count, dtype=object)
    for place, item in enumerate(content):
        flat[place] = item
    return flat.reshape(shape, order=order)  # type: ignore[call-overload,no-any-return]


def _buffer(node: Made) -> np.ndarray[Any, Any]:
    _no_state(node)
    if len(node.args) not in {4, 5}:
        raise _corrupt("An array in it is not made as numpy makes one.")
    content, kind, shape, order, *axes = node.args
    dtype = dtype_of(kind)
    if isinstance(content, Made):
        content = value_of(content)
    if not isinstance(content, bytes | bytearray) or order not in {"C", "F", "K"}:
        raise _corrupt("An array in it has no bytes.")
    array = shaped(content, shape, "C" if order == "K" else order, dtype)
    if order == "K" and axes and axes[0] is not None:
        if not isinstance(axes[0], tuple) or sorted(axes[0]) != list(range(array.ndim)):
            raise _corrupt("The axes of an array in it are none.")
        array = array.transpose(axes[0])
    return array


def _masked(node: Made) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], Any]:
    """(content, mask, fill value) of a masked array; the loader joins them."""
    names = [part.name for part in node.args[:2] if isinstance(part, Global)]
    if names not in (["numpy.ma:MaskedArray", "numpy:ndarray"], ["numpy.ma.core:MaskedArray", "numpy:ndarray"]):
        raise _corrupt("A masked array in it is not made as numpy makes one.")
    if len(node.args) != 4 or not isinstance(node.state, tuple) or len(node.state) != 7:
        raise _corrupt("A masked array in it has no content.")
    content = _from_state(node.state[:5])
    mask, fill = node.state[5:]
    mask = value_of(mask)
    if not isinstance(mask, bytes):
        raise _corrupt("A masked array in it has no mask.")
    order = "F" if node.state[3] else "C"
    return content, shaped(mask, content.shape, order, np.dtype(bool)), fill


def _encoded(node: Made) -> bytes:
    _no_state(node)
    text, *coding = node.args or (None,)
    if not isinstance(text, str) or coding not in (["latin1"], ["latin-1"]):
        raise _corrupt("Bytes in it are not written as pickle writes them.")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise _corrupt("Bytes in it are not written as pickle writes them.") from error


def _bytearray(node: Made) -> bytearray:
    _no_state(node)
    content = value_of(node.args[0]) if len(node.args) == 1 else b"" if not node.args else None
    if not isinstance(content, bytes):
        raise _corrupt("A bytearray in it is not made of bytes.")
    return bytearray(content)


_MAKERS: dict[str, Callable[[Made], Any]] = {
    DTYPE: dtype_of,
    **dict.fromkeys(SCALARS, _scalar),
    **dict.fromkeys(ARRAYS, _ndarray),
    **dict.fromkeys(BUFFERS, _buffer),
    MASKED: _masked,
    ENCODED: _encoded,
    BYTEARRAY: _bytearray,
}
DATA = frozenset(_MAKERS)
