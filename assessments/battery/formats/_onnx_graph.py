"""What an ONNX file says of itself, read from its bytes without ONNX Runtime: operators, inputs, outputs, classes.

Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). Where protocol buffers
would join two occurrences of a message, both are looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from assessments.battery.formats._protobuf import fields, message, numbers, signed, text
from assessments.battery.formats._scan import Refused

MOST_DEPTH, MOST_NODES, MOST_TENSORS = 20, 1_000_000, 1_000_000
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
# The elements of tensors: TensorProto.DataType -> numpy.
KINDS: dict[int, type] = {1: np.float32, 6: np.int32, 7: np.int64, 8: str, 9: bool, 11: np.float64}
PASSES_ON = {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}  # the first input, in another form
PICKS = {"ArrayFeatureExtractor", "Gather"}  # the class of a row, out of the list of the classes
LABELS = {"classlabels_strings", "classlabels_ints", "classlabels_int64s"}
WHOLE_HINT = "Export the whole model into one .onnx file, of standard operators only."


@dataclass(frozen=True)
class Tensor:
    """An input or output. kind: a TensorProto.DataType, 0 for a list of maps; shape: None where a size is open."""

    name: str
    kind: int
    shape: tuple[int | None, ...]

    @property
    def width(self) -> int | None:
        """The number of columns; None where it is open."""
        return 1 if len(self.shape) == 1 else self.shape[1] if len(self.shape) == 2 else None


@dataclass
class Node:
    operator: str
    inputs: list[str]
    outputs: list[str]
    labels: list[str] | list[int]


@dataclass
class Graph:
    operators: dict[tuple[str, str], int] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    functions: set[tuple[str, str]] = field(default_factory=set)
    producer: str = ""
    producer_version: str = ""
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)  # of the outermost graph
    constants: dict[str, memoryview] = field(default_factory=dict)
    count: int = 0  # nodes, of all graphs
    tensors: int = 0


def read(content: bytes) -> Graph:
    """Raises Refused where this is no ONNX model, or one that needs more than its bytes and standard operators."""
    found, graphs = Graph(), 0
    if content[4:8] == b"ORTM":
        raise Refused("legacy_container", "The file is in ONNX Runtime's own format.", "Upload the .onnx file.")
    for number, value in fields(memoryview(content)):
        if number == 2:
            found.producer = text(value)[:100]
        elif number == 3:
            found.producer_version = text(value)[:100]
        elif number == 7:
            graphs += 1
            _graph(message(value), found, 0)
        elif number == 8:
            _opset(message(value), found)
        elif number == 20:
            raise Refused("forbidden_opcode", "The file holds instructions for training.", WHOLE_HINT)
        elif number == 25:
            _function(message(value), found)
    if not graphs:
        raise Refused("unparseable", "The file is not an ONNX model: it has no graph.", WHOLE_HINT)
    _check_domains(found)
    held = set(found.constants)
    found.inputs = [each for each in found.inputs if each.name not in held]
    return found


def _check_domains(found: Graph) -> None:
    strange = sorted(
        f"{domain}:{name}"
        for domain, name in found.operators
        if domain not in DOMAINS and (domain, name) not in found.functions
    )
    if strange:
        raise Refused(
            "forbidden_opcode",
            f"The model needs {strange[0]}, which is not an operator of the ONNX standard.",
            WHOLE_HINT,
        )


def _opset(opset: memoryview, found: Graph) -> None:
    domain, version = "", 0
    for number, value in fields(opset):
        if number == 1:
            domain = text(value)
        elif number == 2:
            version = signed(value)
    found.opsets[domain] = version


def _function(function: memoryview, found: Graph) -> None:
    domain = name = ""
    for number, value in fields(function):
        if number == 1:
            name = text(value)
        elif number == 10:
            domain = text(value)
        elif number == 7:
            _node(message(value), found, 1)
    found.functions.add((domain, name))


def _graph(graph: memoryview, found: Graph, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise Refused("bomb", f"Graphs are nested more than {MOST_DEPTH} deep.")
    for number, value in fields(graph):
        if number == 1:
            node = _node(message(value), found, depth)
            if depth == 0:
                found.nodes.append(node)
        elif number == 5:
            name = _tensor(message(value), found)
            if depth == 0:
                found.constants[name] = message(value)
        elif number == 15:
            for part, inner in fields(message(value)):
                if part in (1, 2):
                    _tensor(message(inner), found)
        elif number in (11, 12) and depth == 0:
            (found.inputs if number == 11 else found.outputs).append(_described(message(value)))


def _node(node: memoryview, found: Graph, depth: int) -> Node:
    domain, made = "", Node("", [], [], [])
    for number, value in fields(node):
        if number == 1:
            made.inputs.append(text(value))
        elif number == 2:
            made.outputs.append(text(value))
        elif number == 4:
            made.operator = text(value)[:200]
        elif number == 5:
            made.labels = _attribute(message(value), found, depth) or made.labels
        elif number == 7:
            domain = text(value)[:200]
    key = (domain, made.operator)
    found.operators[key] = found.operators.get(key, 0) + 1
    found.count += 1
    if found.count > MOST_NODES or len(found.operators) > 5_000:
        raise Refused("bomb", "The model has too many operators.")
    return made


def _attribute(attribute: memoryview, found: Graph, depth: int) -> list[str] | list[int]:
    """Its values where it names the classes."""
    name, texts, integers = "", [], []
    for number, value in fields(attribute):
        if number == 1:
            name = text(value)
        elif number in (5, 10):
            _tensor(message(value), found)
        elif number in (6, 11):
            _graph(message(value), found, depth + 1)
        elif number in (22, 23):
            for part, inner in fields(message(value)):
                if part in (1, 2):
                    _tensor(message(inner), found)
        elif number == 9:
            texts.append(value)
        elif number == 8:
            integers.append(value)
    if name not in LABELS:
        return []
    return [text(value) for value in texts] or [each for value in integers for each in numbers(value)]


def _tensor(tensor: memoryview, found: Graph) -> str:
    """Its name. Raises Refused where its values are in another file."""
    name = ""
    found.tensors += 1
    if found.tensors > MOST_TENSORS:
        raise Refused("bomb", f"The model has more than {MOST_TENSORS:,} tensors.")
    for number, value in fields(tensor):
        if number == 8:
            name = text(value)
        elif number == 13 or (number == 14 and value != 0):
            raise Refused("unsafe_state", "The model keeps a part of itself in another file.", WHOLE_HINT)
    return name


def _described(info: memoryview) -> Tensor:
    name, kind = "", 0
    shape: tuple[int | None, ...] = ()
    for number, value in fields(info):
        if number == 1:
            name = text(value)
        elif number == 2:
            for part, inner in fields(message(value)):
                if part == 1:
                    kind, shape = _tensor_type(message(inner))
    return Tensor(name, kind, shape)


def _tensor_type(described: memoryview) -> tuple[int, tuple[int | None, ...]]:
    kind, shape = 0, []
    for number, value in fields(described):
        if number == 1:
            kind = signed(value)
        elif number == 2:
            for part, dimension in fields(message(value)):
                if part == 1:
                    sizes = [signed(size) for name, size in fields(message(dimension)) if name == 1]
                    shape.append(sizes[-1] if sizes and sizes[-1] > 0 else None)
    return kind, tuple(shape)


# Which classes the model tells apart


def classes(graph: Graph, label: str, scores: str) -> list[str] | list[int] | None:
    """The classes in the order of the scores, as the graph itself has them; None where it does not tell."""
    maker = {name: node for node in graph.nodes for name in node.outputs}
    for name in (scores, label):
        for node in _behind(name, maker):
            if node.labels:
                return node.labels
            if node.operator in PICKS and node.inputs and node.inputs[0] in graph.constants:
                return _values(graph.constants[node.inputs[0]])
    return None


def mapped(graph: Graph, scores: str) -> str:
    """The tensor of the scores behind the maps that ZipMap makes of them."""
    maker = {name: node for node in graph.nodes for name in node.outputs}
    for node in _behind(scores, maker):
        if node.operator == "ZipMap" and node.inputs:
            return node.inputs[0]
    return scores


def _behind(name: str, maker: dict[str, Node]) -> Iterator[Node]:
    """The nodes that made a value, back to the first that does more than pass it on."""
    for _ in range(20):
        node = maker.get(name)
        if node is None:
            return
        yield node
        if node.operator not in PASSES_ON or not node.inputs:
            return
        name = node.inputs[0]


def _values(tensor: memoryview) -> list[str] | list[int] | None:
    """A list of texts or whole numbers."""
    kind, texts, integers, raw = 0, [], [], b""
    for number, value in fields(tensor):
        if number == 2:
            kind = signed(value)
        elif number == 6:
            texts.append(text(value))
        elif number in (5, 7):
            integers += numbers(value)
        elif number == 9:
            raw = bytes(message(value))
    if kind == 8:
        return texts
    if kind in (6, 7):
        of = np.dtype(KINDS[kind]).newbyteorder("<")
        return integers or [int(each) for each in np.frombuffer(raw[: len(raw) // of.itemsize * of.itemsize], of)]
    return None
