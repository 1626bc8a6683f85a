"""skops files: a tree of named parts in JSON, with arrays beside it.

No code of skops reads them here. The tree is read into the same inert values as a pickle would be, and judged and built
by the gate: the same allow-list, the same rules on arguments and states, never a list of types out of the file.
Source: skops/io (protocol 2), https://skops.readthedocs.io/en/stable/persistence.html.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assessments.battery.errors import LoadError, short
from assessments.battery.formats._scan import Refused
from assessments.battery.formats._skops_archive import Archive
from assessments.battery.gate import checks, loader, refusal, values
from assessments.battery.gate import scan as scanning
from assessments.battery.gate.nodes import ABSENT, Global, Made
from assessments.battery.gate.reader import MOST_IMPORTS, NAME_LENGTH, Reading, check_keys
from assessments.battery.plan import Trust

MOST_NODES, MOST_DEPTH = 2_000_000, 150
PROTOCOLS = (0, 1, 2)
HINT = "Save the fitted estimator with skops.io.dump(estimator, 'model.skops') and upload that file."
# Classes that scikit-learn makes anew by a function, which then sets the state.
MADE_BY = {
    "sklearn.metrics._dist_metrics": "newObj",
    "sklearn.neighbors._kd_tree": "newObj",
    "sklearn.neighbors._ball_tree": "newObj",
}
KEYS: dict[str, Callable[[str], Any]] = {
    "builtins:str": str,
    "builtins:int": int,
    "builtins:float": float,
    "builtins:bool": lambda text: {"true": True, "false": False}[text.lower()],
    **{f"numpy:{name}": int for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    **{f"numpy:{name}": float for name in ("float32", "float64")},
    "numpy:str_": str,
}


def scan(path: Path) -> dict[str, Any]:
    reading, version = read(path)
    judgement = checks.judge(reading)
    found = scanning.document(reading, judgement) | {"format": "skops", "container": "zip"}
    found["libraries"] |= {"skops": version} if version else {}
    for reason in found["reasons"]:
        reason["hint"] = _in_skops(reason["hint"])
    return found


def load(path: Path, trust: Trust = "restricted") -> tuple[Any, list[str]]:
    from assessments.battery import pickles

    if trust == "waived":
        return pickles.noting(lambda: _as_skops_would(path))
    reading, _ = read(path)
    judgement = checks.judge(reading)

    def made() -> Any:
        if judgement.verdict != "allowed":
            raise loader.NotAllowed(judgement.reasons, dict(judgement.verdicts))
        return loader.build(reading)

    try:
        return pickles.through_the_gate(path, made)
    except LoadError as error:
        raise LoadError(error.code, error.message, _in_skops(error.hint)) from error


def _as_skops_would(path: Path) -> Any:
    """Whatever the file names, of which an officer saw the list."""
    import skops.io

    try:
        return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    except Exception as error:
        raise LoadError("not_a_model", f"{path.name} could not be opened: {short(error)}", HINT) from error


def _in_skops(hint: str) -> str:
    for name in ("model", "estimator"):
        hint = hint.replace(f"joblib.dump({name}, 'model.joblib')", f"skops.io.dump({name}, 'model.skops')")
    return hint


def read(path: Path) -> tuple[Reading, str]:
    """The file as inert values, and the version of skops that wrote it. Never raises what the file provokes."""
    reading, version = Reading(container="zip"), ""
    archive = None
    try:
        archive = Archive(path)
        schema = archive.schema()
        if isinstance(said := schema.get("_skops_version"), str) and checks.VERSION.fullmatch(said):
            version = said
        if type(schema.get("protocol")) is not int or schema["protocol"] not in PROTOCOLS:
            raise Refused("unparseable", "The file is of an unknown protocol of skops.")
        reading.root = _Translation(archive, reading).value(schema, 0)
        reading.complete = True
    except refusal.Refused as refused:
        reading.reasons.add(refused.code, refused.message)
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        reading.reasons.add("unparseable", f"The file is not as skops writes it: {short(error)}")
    except MemoryError:
        reading.reasons.add("out_of_memory", "Reading it takes more memory than a scan may use.")
    except RecursionError:
        reading.reasons.add("bomb", "It is nested too deeply.")
    if archive:
        reading.bytes = archive.taken
        archive.close()
    return reading, version


class _Translation:
    """Nodes of skops as values of the gate. Repeated ids are one value, as in skops."""

    def __init__(self, archive: Archive, reading: Reading) -> None:
        self.archive, self.reading = archive, reading
        self.known: dict[int, Any] = {}
        self.begun: set[int] = set()

    def value(self, node: Any, depth: int) -> Any:
        self.reading.opcodes += 1
        if depth > MOST_DEPTH or self.reading.opcodes > MOST_NODES:
            raise Refused("bomb", "The file is nested too deeply, or has too many parts.")
        number = node.get("__id__")
        if number in self.known:
            return self.known[number]
        if number in self.begun or node["__loader__"] == "CachedNode":
            raise Refused("corrupt_structure", "A part of the file contains itself, or one that is not there.")
        if number is not None:
            self.begun.add(number)
        kind = node["__loader__"]
        read = getattr(self, f"_{kind}".lower(), None) if isinstance(kind, str) and kind.endswith("Node") else None
        if read is None:
            raise Refused("unparseable", f"The file has a part of the unknown kind {str(node['__loader__'])[:80]!r}.")
        found = read(node, depth + 1)
        if number is not None:
            self.known[number] = found
        return found

    def name(self, module: Any, attribute: Any, *uses: str) -> Global:
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise Refused("unparseable", "A part of the file has no name.")
        full = f"{module}:{attribute}"
        if len(full) > NAME_LENGTH or not full.isprintable():
            raise Refused("unparseable", "A name in the file is too long or cannot be printed.")
        reading = self.reading
        if full not in reading.globals:
            if len(reading.globals) >= MOST_IMPORTS:
                raise Refused("too_many_imports", f"It imports more than {MOST_IMPORTS:,} names.")
            reading.globals[full], reading.uses[full] = Global(full), set()
        reading.uses[full] |= {"import", *uses}
        return reading.globals[full]

    def made(self, how: str, module: Any, attribute: Any, args: tuple[Any, ...] = (), state: Any = ABSENT) -> Made:
        uses = [how] if state is ABSENT else [how, "build"]
        node = Made(how, self.name(module, attribute, *uses), args)
        if state is not ABSENT:
            node.state, node.states = state, 1
        self.reading.made.append(node)
        return node

    def _of_class(self, node: dict[str, Any], *expected: str) -> str:
        kind = f"{node['__module__']}:{node['__class__']}"
        if kind not in expected:
            raise Refused("unparseable", f"The file has a {str(node['__loader__'])[:40]} of the class {kind[:200]!r}.")
        return kind

    # Plain values

    def _jsonnode(self, node: dict[str, Any], depth: int) -> Any:
        found = json.loads(node["content"])
        if isinstance(found, list | dict):
            raise Refused("unparseable", "A plain value in the file is none.")
        return found

    def _bytesnode(self, node: dict[str, Any], depth: int) -> bytes:
        return self.archive.read(node["file"])

    def _bytearraynode(self, node: dict[str, Any], depth: int) -> Made:
        return self.made("call", "builtins", "bytearray", (self.archive.read(node["file"]),))

    def _slicenode(self, node: dict[str, Any], depth: int) -> Made:
        content = node["content"]
        return self.made("call", "builtins", "slice", (content["start"], content["stop"], content["step"]))

    def _typenode(self, node: dict[str, Any], depth: int) -> Global:
        return self.name(node["__module__"], node["__class__"])

    def _functionnode(self, node: dict[str, Any], depth: int) -> Global:
        content = node.get("content")
        if isinstance(content, dict):  # protocol 0
            return self.name(content["module_path"], content["function"])
        return self.name(node["__module__"], node["__class__"])

    # Containers

    def _all(self, nodes: Any, depth: int) -> list[Any]:
        if not isinstance(nodes, list):
            raise Refused("unparseable", "A list in the file is none.")
        return [self.value(each, depth) for each in nodes]

    def _listnode(self, node: dict[str, Any], depth: int) -> list[Any]:
        self._of_class(node, "builtins:list")
        return self._all(node["content"], depth)

    def _setnode(self, node: dict[str, Any], depth: int) -> set[Any]:
        self._of_class(node, "builtins:set")
        members = self._all(node["content"], depth)
        check_keys(members)
        return set(members)

    def _tuplenode(self, node: dict[str, Any], depth: int) -> Any:
        parts = tuple(self._all(node["content"], depth))
        if (node["__module__"], node["__class__"]) == ("builtins", "tuple"):
            return parts
        return self.made("new", node["__module__"], node["__class__"], parts)

    def _dictnode(self, node: dict[str, Any], depth: int) -> Any:
        kind = self._of_class(node, "builtins:dict", "collections:OrderedDict", "sklearn.utils._bunch:Bunch")
        pairs = self._pairs(node, depth)
        if kind == "builtins:dict":
            return dict(pairs)
        how = "call" if kind == "collections:OrderedDict" else "new"
        made = self.made(how, node["__module__"], node["__class__"])
        return self._filled(made, pairs)

    def _filled(self, made: Made, pairs: list[tuple[Any, Any]]) -> Made:
        if pairs:
            self.reading.used(made, "setitem")
        made.items.extend(("set", *pair) for pair in pairs)
        return made

    def _pairs(self, node: dict[str, Any], depth: int) -> list[tuple[Any, Any]]:
        kinds = self._all(node["key_types"]["content"], depth)
        if len(kinds) != len(node["content"]) or not all(isinstance(kind, Global) for kind in kinds):
            raise Refused("corrupt_structure", "The keys of a dict in the file have no types.")
        found = []
        for kind, (text, value) in zip(kinds, node["content"].items(), strict=True):
            if kind.name not in KEYS:
                raise Refused("unparseable", f"A key in the file is of the type {kind.name[:200]!r}.")
            found.append((KEYS[kind.name](text), self.value(value, depth)))
        check_keys(key for key, _ in found)
        return found

    def _defaultdictnode(self, node: dict[str, Any], depth: int) -> Made:
        factory = self.value(node["content"]["default_factory"], depth)
        made = self.made("call", "collections", "defaultdict", () if factory is None else (factory,))
        return self._filled(made, self._pairs(node["content"]["main"], depth))

    # Arrays

    def _ndarraynode(self, node: dict[str, Any], depth: int) -> Any:
        if node["type"] == "numpy":
            array = self.archive.array(node["file"])
            if (node["__module__"], node["__class__"]) == ("numpy", "ndarray"):
                return array
            scalar = array[()] if array.shape == () else None
            if not isinstance(scalar, np.generic) or node["__module__"] != "numpy":
                raise Refused("corrupt_structure", "A number in the file is none.")
            return scalar
        self._of_class(node, "numpy:ndarray")
        shape = self.value(node["shape"], depth)
        items = self._all(node["content"], depth)
        if not isinstance(shape, tuple) or values.check_shape(shape) > MOST_NODES:
            raise Refused("corrupt_structure", "An array of objects in the file has no shape.")
        return _shaped(items, shape)

    def _maskedarraynode(self, node: dict[str, Any], depth: int) -> Made:
        data, mask = (self.value(node["content"][part], depth) for part in ("data", "mask"))
        if not isinstance(mask, np.ndarray):
            mask = np.full(np.shape(data), bool(mask))
        if not isinstance(data, np.ndarray) or mask.dtype != bool or mask.shape != data.shape:
            raise Refused("corrupt_structure", "A masked array in the file has no mask.")
        made = self.made("call", "numpy.ma.core", "_mareconstruct")
        made.value = (data, mask, None)
        return made

    def _dtypenode(self, node: dict[str, Any], depth: int) -> Any:
        content = self.value(node["content"], depth)
        if not isinstance(content, np.ndarray):
            raise Refused("corrupt_structure", "A type of numbers in the file is none.")
        return content.dtype

    def _sparsematrixnode(self, node: dict[str, Any], depth: int) -> Made:
        form, parts = self.archive.sparse(node["file"])
        kind = f"{node['__class__']}"
        if form not in ("csr", "csc") or not kind.startswith(form) or set(parts) - {"_is_array"} != {
            "data", "indices", "indptr", "shape",
        }:  # fmt: skip
            raise Refused(
                "unparseable", f"The file has a sparse matrix of the form {form[:20]!r}; csr and csc are read."
            )
        shape = tuple(int(length) for length in parts["shape"])
        state = {"_shape": shape, "maxprint": 50} | {name: parts[name] for name in ("data", "indices", "indptr")}
        return self.made("new", f"scipy.sparse._{form}", kind, (), state)

    def _randomstatenode(self, node: dict[str, Any], depth: int) -> Made:
        state = self.value(node["content"], depth)
        return self.made("call", "numpy.random._pickle", "__randomstate_ctor", ("MT19937",), state)

    def _randomgeneratornode(self, node: dict[str, Any], depth: int) -> Made:
        state = self.value(node["content"]["bit_generator"], depth)
        return self.made("call", "numpy.random._pickle", "__generator_ctor", (state["bit_generator"],), state)

    # Objects

    def _objectnode(self, node: dict[str, Any], depth: int) -> Made:
        content = node.get("content")
        state = ABSENT if content is None else self.value(content, depth)
        state = ABSENT if state is None else state
        module, name = node["__module__"], node["__class__"]
        if module in MADE_BY:
            return self.made("call", module, MADE_BY[module], (self.name(module, name),), state)
        return self.made("new", module, name, (), state)

    def _treenode(self, node: dict[str, Any], depth: int) -> Made:
        self._of_class(node, "sklearn.tree._tree:Tree")
        args = self.value(node["__reduce__"]["args"], depth)
        return self.made("call", "sklearn.tree._tree", "Tree", _arguments(args), self.value(node["content"], depth))

    def _lossnode(self, node: dict[str, Any], depth: int) -> Made:
        args = self.value(node["__reduce__"]["args"], depth)
        if self.value(node["content"], depth) not in ({}, ()):
            raise Refused("corrupt_structure", "A loss in the file has a state.")
        return self.made("call", node["__module__"], node["__class__"], _arguments(args))

    # What calls something of the file's choice. Named for the reviewer, and judged by its name and use.

    def _called(self, node: dict[str, Any], depth: int, *parts: str) -> Made:
        content = node.get("content", {})
        inner = [content[part] for part in parts] if isinstance(content, dict) and parts else [content]
        args = tuple(self.value(each, depth) for each in inner)
        made = self.made("call", node["__module__"], node["__class__"], args)
        self.reading.used(made, "call-of-result")
        return made

    def _constructorfromreducenode(self, node: dict[str, Any], depth: int) -> Made:
        return self._called(node, depth)

    def _partialnode(self, node: dict[str, Any], depth: int) -> Made:
        return self._called(node, depth, "func", "args", "kwds", "namespace")

    def _operatorfuncnode(self, node: dict[str, Any], depth: int) -> Made:
        return self._called({**node, "content": node["attrs"]}, depth)

    def _methodnode(self, node: dict[str, Any], depth: int) -> Made:
        owner = self.value(node["content"]["obj"], depth)
        made = self.made("call", node["__module__"], f"{node['__class__']}.{node['content']['func']}", (owner,))
        self.reading.used(made, "call-of-result")
        return made


def _arguments(args: Any) -> tuple[Any, ...]:
    if not isinstance(args, tuple):
        raise Refused("corrupt_structure", "The arguments of an object in the file are none.")
    return args


def _shaped(items: list[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """An array of objects: skops nests its items as lists, one level an axis."""
    flat = items
    for _ in shape[1:]:
        flat = [item for part in flat for item in part]
    if len(flat) != values.check_shape(shape):
        raise Refused("corrupt_structure", "An array of objects in the file has not as many as its shape needs.")
    found = np.empty(len(flat), dtype=object)
    for place, item in enumerate(flat):
        found[place] = item
    return found.reshape(shape)
