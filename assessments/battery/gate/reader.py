"""An inert pickle machine: it reads a joblib file as joblib does, and imports, calls and builds nothing.

It is Python's own machine (pickle._Unpickler, of which joblib's is a subclass too), so that it cannot take the bytes
for something else than joblib would. Where that imports, calls or builds, this one makes a node. joblib's arrays stand
between the opcodes as raw bytes; they are read as such, or, where they hold objects, as the pickle of their own that
they are. Everything is bounded: bytes, opcodes, names, lengths, and what a dict or a set must hash.
"""

import _compat_pickle
import pickle
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from assessments.battery.gate import values
from assessments.battery.gate.container import Stream, open_model
from assessments.battery.gate.nodes import Global, Made
from assessments.battery.gate.refusal import Reasons, Refused

MOST_OPCODES = 20_000_000
MOST_IMPORTS = 5_000
NAME_LENGTH = 500
LONG_BYTES = 4_096  # of one integer
KEY_DEPTH = 3
KEY_PARTS = 64
# Hashes of whole numbers repeat beyond this; many keys of one hash would stall a dict.
KEY_NUMBER = 1 << 60
WRAPPER = "joblib.numpy_pickle:NumpyArrayWrapper"

_Python: Any = pickle._Unpickler

_FORBIDDEN = {
    "INST": pickle.INST,
    "OBJ": pickle.OBJ,
    "PERSID": pickle.PERSID,
    "BINPERSID": pickle.BINPERSID,
    "EXT1": pickle.EXT1,
    "EXT2": pickle.EXT2,
    "EXT4": pickle.EXT4,
    "DUP": pickle.DUP,
    "NEXT_BUFFER": pickle.NEXT_BUFFER,
    "READONLY_BUFFER": pickle.READONLY_BUFFER,
    # The text opcodes of protocol 0, which no library has written for years.
    "INT": pickle.INT,
    "LONG": pickle.LONG,
    "FLOAT": pickle.FLOAT,
    "STRING": pickle.STRING,
    "UNICODE": pickle.UNICODE,
    "GET": pickle.GET,
    "PUT": pickle.PUT,
}


@dataclass
class Reading:
    """What a file holds. uses: name -> how it is used; made: every object in the order of making, reachable or not."""

    container: str = "raw"
    root: Any = None
    globals: dict[str, Global] = field(default_factory=dict)
    uses: dict[str, set[str]] = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)
    complete: bool = False  # read to its end
    opcodes: int = 0
    bytes: int = 0
    reasons: Reasons = field(default_factory=Reasons)

    def used(self, node: Any, how: str) -> None:
        """Note a use of the name behind a node: its own, or that of what made it."""
        while isinstance(node, Made):
            node = node.target
        if isinstance(node, Global):
            self.uses[node.name].add(how)


def read_file(path: Path) -> Reading:
    """Read a joblib file to its end. Never raises what the file provokes: reasons say why it was not read on."""
    reading = Reading()
    try:
        stream = open_model(path)
    except Refused as refused:
        reading.reasons.add(refused.code, refused.message)
        return reading
    try:
        reading.container = stream.container
        reading.root = Machine(stream, reading).load()
        stream.check_end()
        reading.complete = True
    except Refused as refused:
        reading.reasons.add(refused.code, refused.message)
    except MemoryError:
        reading.reasons.add("out_of_memory", "Reading it takes more memory than a scan may use.")
    finally:
        reading.bytes = stream.taken
        stream.close()
    return reading


class Machine(_Python):  # type: ignore[misc]
    """The inert machine. One for a file, and one for each object array in it (with joblib=False: plain pickle)."""

    dispatch: dict[int, Callable[["Machine"], None]] = dict(_Python.dispatch)

    def __init__(self, stream: Stream, reading: Reading, joblib: bool = True) -> None:
        super().__init__(stream)
        self.stream = stream
        self.reading = reading
        self.joblib = joblib

    def load(self) -> Any:
        """The root of the pickle. Raises Refused, and only that."""
        try:
            return self._run()
        except Refused:
            raise
        except EOFError as error:
            raise Refused("truncated", "The file ends in the middle.") from error
        except (
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
            pickle.UnpicklingError,
            struct.error,
        ) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise Refused("unparseable", f"It is not a proper pickle: {said}.") from error

    def _run(self) -> Any:
        self._unframer = pickle._Unframer(self._file_read, self._file_readline)  # type: ignore[attr-defined]
        self.read = self._unframer.read
        self.readinto = self._unframer.readinto
        self.readline = self._unframer.readline
        self.metastack: list[list[Any]] = []
        self.stack: list[Any] = []
        self.append = self.stack.append
        self.proto = 0
        reading, dispatch, read = self.reading, self.dispatch, self.read
        first = read(1)
        if first != pickle.PROTO:
            raise Refused("unparseable", "It does not start like a joblib file.")
        self.load_proto()
        try:
            while True:
                code = read(1)[0]
                reading.opcodes += 1
                if reading.opcodes > MOST_OPCODES:
                    raise Refused("bomb", f"It has more than {MOST_OPCODES:,} instructions.")
                handler = dispatch.get(code)
                if handler is None:
                    raise Refused("unparseable", f"{code:#04x} is not an instruction of a pickle.")
                handler(self)
        except pickle._Stop as stop:  # type: ignore[attr-defined]
            if self.stack or self.metastack:
                raise Refused("unparseable", "It leaves values over at its end.") from None
            if self._unframer.current_frame and self._unframer.current_frame.read(1):
                raise Refused("trailing_data", "There are more bytes after the end of the model.") from None
            return stop.value

    # Names

    def find_class(self, module: str, name: str) -> Global:
        if self.proto < 3:  # as pickle does for names of Python 2
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[(module, name)]
            else:
                module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        full = f"{module}:{name}"
        reading = self.reading
        if full not in reading.globals:
            if len(full) > NAME_LENGTH or not full.isprintable():
                raise Refused("unparseable", "A name that it imports is too long or cannot be printed.")
            if len(reading.globals) >= MOST_IMPORTS:
                raise Refused("too_many_imports", f"It imports more than {MOST_IMPORTS:,} names.")
            reading.globals[full] = Global(full)
            reading.uses[full] = {"import"}
        return reading.globals[full]

    # Objects

    def _make(self, node: Made) -> None:
        self.reading.made.append(node)
        self.append(node)

    def load_reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(args, tuple):
            raise Refused("unparseable", "It calls something with what is not a list of arguments.")
        if isinstance(function, Global):
            self.reading.uses[function.name].add("call")
        elif isinstance(function, Made):
            self.reading.used(function, "call-of-result")
        else:
            raise Refused("unparseable", "It calls what cannot be called.")
        self._make(Made("call", function, args))

    def load_newobj(self) -> None:
        args, kind = self.stack.pop(), self.stack.pop()
        self._new(kind, args, {})

    def load_newobj_ex(self) -> None:
        kwargs, args, kind = self.stack.pop(), self.stack.pop(), self.stack.pop()
        if not isinstance(kwargs, dict):
            raise Refused("unparseable", "It makes an object with what are not arguments.")
        self._new(kind, args, kwargs)

    def _new(self, kind: Any, args: Any, kwargs: dict[Any, Any]) -> None:
        if not isinstance(args, tuple) or not isinstance(kind, Global | Made):
            raise Refused("unparseable", "It makes an object of what is no class, or with what are not arguments.")
        self.reading.used(kind, "new" if isinstance(kind, Global) else "new-of-result")
        self._make(Made("new", kind, args, kwargs))

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Global):
            self.reading.used(target, "build-on-global")
            self.reading.reasons.add("unsafe_state", f"It changes {target.name} itself, for the whole process.")
            return
        if not isinstance(target, Made):
            raise Refused("unparseable", "It sets the state of a plain value.")
        self.reading.used(target, "build")
        target.state = state
        target.states += 1
        if target.states > 1:
            self.reading.reasons.add("unsafe_state", f"It sets the state of one {target.name or 'object'} twice.")
        if self.joblib and target.how == "new" and target.name == WRAPPER:
            self.stack[-1] = self._array(state)

    def _array(self, state: Any) -> Any:
        """What stands behind a wrapper: raw bytes, or the pickle of an array of objects. As joblib reads them."""
        shape, order, kind, aligned = values.wrapper(state)
        if kind.hasobject:
            if kind != np.dtype(object):
                raise Refused("corrupt_structure", "A structured array in it holds objects.")
            return Machine(self.stream, self.reading, joblib=False).load()
        if aligned:
            self.stream.read(self.stream.read(1)[0])
        return values.read_array(self.stream, shape, order, kind)

    # Containers. A dict or a set hashes what it holds: only plain values may be keys.

    def load_append(self) -> None:
        value = self.stack.pop()
        self._extend([value])

    def load_appends(self) -> None:
        self._extend(self.pop_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif isinstance(target, Made):
            self.reading.used(target, "append")
            target.items.extend(("append", item) for item in items)
        else:
            raise Refused("unparseable", "It appends to what is not a list.")

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        self._set(self.pop_mark())

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        pairs = list(zip(items[::2], items[1::2], strict=True))
        check_keys(key for key, _ in pairs)
        if type(target) is dict:
            target.update(pairs)
        elif isinstance(target, Made):
            self.reading.used(target, "setitem")
            target.items.extend(("set", *pair) for pair in pairs)
        else:
            raise Refused("unparseable", "It sets items of what is not a dict.")

    def load_dict(self) -> None:
        items = self.pop_mark()
        check_keys(items[::2])
        self.append(dict(zip(items[::2], items[1::2], strict=True)))

    def load_additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        check_keys(items)
        if type(target) is set:
            target.update(items)
        elif isinstance(target, Made):
            self.reading.used(target, "append")
            target.items.extend(("add", item) for item in items)
        else:
            raise Refused("unparseable", "It adds members to what is not a set.")

    def load_frozenset(self) -> None:
        items = self.pop_mark()
        check_keys(items)
        self.append(frozenset(items))

    def load_long1(self) -> None:
        self.append(pickle.decode_long(self.read(self.read(1)[0])))

    def load_long4(self) -> None:
        (size,) = struct.unpack("<i", self.read(4))
        if not 0 <= size <= LONG_BYTES:
            raise Refused("bomb", "It holds an absurdly long number.")
        self.append(pickle.decode_long(self.read(size)))


def check_keys(keys: Iterable[Any]) -> None:
    """Refuse what a dict or a set must not be made to hash: nested tuples without end, numbers of one hash."""
    for key in keys:
        if type(key) is not str and not _simple(key, [KEY_PARTS], KEY_DEPTH):
            raise Refused("bomb", "A dict or set in it has a key of a kind that no model needs.")


def _simple(key: Any, budget: list[int], depth: int) -> bool:
    budget[0] -= 1
    if budget[0] < 0:
        return False
    if isinstance(key, int | float):
        return not abs(key) >= KEY_NUMBER or key in {float("inf"), float("-inf")}
    if key is None or isinstance(key, str | bytes | Global):
        return True
    if isinstance(key, Made):
        return key.name in values.SCALARS
    return isinstance(key, tuple) and depth > 0 and all(_simple(part, budget, depth - 1) for part in key)


def _forbid(name: str) -> Callable[[Machine], None]:
    def refuse(machine: Machine) -> None:
        raise Refused("forbidden_opcode", f"It uses the pickle instruction {name}, which no model needs.")

    return refuse


def _register() -> None:
    for name, handler in vars(Machine).items():
        opcode = getattr(pickle, name.removeprefix("load_").upper(), None)
        if name.startswith("load_") and isinstance(opcode, bytes):
            Machine.dispatch[opcode[0]] = cast(Callable[[Machine], None], handler)
    for name, opcode in _FORBIDDEN.items():
        Machine.dispatch[opcode[0]] = _forbid(name)


_register()
