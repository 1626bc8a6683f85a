"""ONNX models: a graph of standard operators, run by ONNX Runtime on the CPU.

The format holds no code. What it may still do, needing operators of its own or files beside it, is refused before the
runtime sees the bytes. Source: https://onnx.ai/onnx/intro/; https://onnxruntime.ai/docs/.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.errors import LoadError, listed, short
from assessments.battery.formats import _onnx_graph, _scan
from assessments.battery.formats._onnx_graph import Graph, Tensor
from assessments.battery.formats._protobuf import field, number_field
from assessments.battery.formats._scan import Findings, Import, Refused
from assessments.battery.labels import as_text

MOST_BYTES = 1 << 30
HINT = (
    "Export a classifier whose outputs are the label and the probabilities, for example with "
    "skl2onnx.to_onnx(pipeline, frame[:1], options={'zipmap': False})."
)


def scan(path: Path) -> dict[str, Any]:
    return _scan.scan(path, "onnx", _read)


def load(path: Path) -> tuple["OnnxModel", list[str]]:
    _scan.refusing(path, _read)
    content = path.read_bytes()
    graph = _onnx_graph.read(content)
    kind = OnnxRegressor if _is_one_number(graph) else OnnxClassifier
    model = kind(content, graph, path.name)
    return model, model.notes


def _read(path: Path, found: Findings) -> list[Refused]:
    graph = _onnx_graph.read(_scan.content(path, MOST_BYTES))
    found.operations = graph.count
    found.libraries = {graph.producer or "unknown": graph.producer_version or "unknown"}
    found.imports = tuple(
        Import(f"{domain or 'ai.onnx'}:{name}", ("call",), note="a function inside the file" if inside else "")
        for (domain, name) in sorted(graph.operators)
        for inside in [(domain, name) in graph.functions]
    )
    return []


class OnnxModel:
    """The model as an estimator; feature_names_in_ where each input is one column.

    Missing text is given as the empty text, missing numbers as NaN. One thread: with more, sums over trees differ in
    their last bits from run to run.
    """

    spelling = "onnx"  # how the names of columns are written: what is no letter, digit or _ becomes _

    def __init__(self, content: bytes, graph: Graph, name: str) -> None:
        """Raises LoadError where the graph does not take a table."""
        self.notes: list[str] = []
        self.libraries = {graph.producer or "unknown": graph.producer_version or "unknown"}
        self._inputs = graph.inputs
        self._session = _session(content, name)
        self._settle_features(name)

    def _settle_features(self, name: str) -> None:
        if unknown := [each.name for each in self._inputs if each.kind not in _onnx_graph.KINDS or len(each.shape) > 2]:
            raise LoadError("unsupported_task", f"{name} takes {listed(unknown)}, which is no table of values.", HINT)
        widths = [each.width for each in self._inputs]
        if len(widths) > 1 and set(widths) == {1}:
            self.feature_names_in_ = np.array([each.name for each in self._inputs], dtype=object)
        if all(width is not None for width in widths):
            self.n_features_in_ = sum(width for width in widths if width is not None)
        elif len(widths) > 1:
            raise LoadError("unsupported_task", f"{name} has several inputs and does not say how wide they are.", HINT)

    def _run(self, output: str, rows: Any) -> Any:
        table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(np.asarray(rows))
        return self._session.run([output], dict(self._fed(table)))[0]

    def _fed(self, table: pd.DataFrame) -> Iterator[tuple[str, NDArray[Any]]]:
        at = 0
        for each in self._inputs:
            width = each.width if each.width is not None else table.shape[1]
            block = table.iloc[:, at : at + width]
            at += width
            columns = [_as_kind(block.iloc[:, column], each.kind) for column in range(block.shape[1])]
            yield each.name, columns[0] if len(each.shape) == 1 else np.column_stack(columns)


class OnnxRegressor(OnnxModel):
    """The one output of the graph, a number a row."""

    def __init__(self, content: bytes, graph: Graph, name: str) -> None:
        super().__init__(content, graph, name)
        self._output = graph.outputs[0].name

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type="regressor", target_tags=TargetTags(required=False))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, rows: Any) -> NDArray[Any]:
        answers: NDArray[Any] = np.asarray(self._run(self._output, rows)).ravel()
        return answers


class OnnxClassifier(OnnxModel):
    """classes_, predict and predict_proba, of a graph that gives the label and the scores."""

    def __init__(self, content: bytes, graph: Graph, name: str) -> None:
        """Raises LoadError where the graph is no classifier."""
        label, scores = _outputs(graph, name)
        self._label = label.name
        self._scores = _onnx_graph.mapped(graph, scores.name)
        super().__init__(_with_output(content, self._scores, graph), graph, name)
        self.classes_ = self._settled_classes(graph, label, scores, name)

    def _settled_classes(self, graph: Graph, label: Tensor, scores: Tensor, name: str) -> NDArray[Any]:
        found = _onnx_graph.classes(graph, label.name, scores.name)
        if found is None and label.kind == 7 and scores.width:
            self.notes.append(f"The model does not say its classes: they are taken to be 0 to {scores.width - 1}.")
            found = list(range(scores.width))
        if found is None:
            raise LoadError("not_an_estimator", f"{name} does not say which classes it predicts.", HINT)
        if scores.width is not None and scores.width != len(found):
            raise LoadError(
                "not_an_estimator", f"{name} has {len(found)} classes and {scores.width} probabilities a row.", HINT
            )
        return np.array(found, dtype=object if isinstance(found[0], str) else np.int64)

    def predict(self, rows: Any) -> NDArray[Any]:
        answers: NDArray[Any] = np.asarray(self._run(self._label, rows)).ravel()
        return answers

    def predict_proba(self, rows: Any) -> NDArray[np.floating[Any]]:
        """(rows, classes). Raises LoadError where what the graph gives are not probabilities."""
        found: NDArray[np.floating[Any]] = np.asarray(self._run(self._scores, rows))
        if found.ndim == 1 or found.shape[1:] == (1,):
            found = np.column_stack([1 - found.ravel(), found.ravel()])
        if (found < -1e-4).any() or (found > 1 + 1e-4).any() or (np.abs(found.sum(axis=1) - 1) > 1e-2).any():
            raise LoadError(
                "unsupported_task",
                "The scores of the ONNX model are not probabilities: they are not between 0 and 1 with the sum 1.",
                "Export a model that was trained with probabilities, for example CalibratedClassifierCV around an SVC.",
            )
        return found


def _as_kind(column: pd.Series, kind: int) -> NDArray[Any]:
    if kind != 8:
        numbers: NDArray[Any] = column.to_numpy(dtype=_onnx_graph.KINDS[kind])
        return numbers
    codes, uniques = pd.factorize(column, use_na_sentinel=False)
    texts: NDArray[Any] = np.array([as_text(value) for value in uniques], dtype=object)
    return np.asarray(texts[codes])


def _is_one_number(graph: Graph) -> bool:
    return len(graph.outputs) == 1 and graph.outputs[0].kind in (1, 11) and graph.outputs[0].width == 1


def _outputs(graph: Graph, name: str) -> tuple[Tensor, Tensor]:
    """The label and the scores. Raises LoadError where there are not both."""
    labels = [each for each in graph.outputs if each.kind in (6, 7, 8)]
    scores = [each for each in graph.outputs if each.kind in (0, 1, 11)]
    if len(labels) != 1 or len(scores) != 1:
        given = listed([each.name for each in graph.outputs])
        raise LoadError("unsupported_task", f"{name} gives {given}, not one label and its probabilities.", HINT)
    return labels[0], scores[0]


def _with_output(content: bytes, name: str, graph: Graph) -> bytes:
    """The model with one more output: protocol buffers join a second graph to the first.

    ZipMap makes a dictionary of each row, which takes most of the time of a prediction; its input is the same numbers.
    """
    if name in {each.name for each in graph.outputs}:
        return content
    tensor_type = field(2, field(1, number_field(1, 1)))  # a tensor of float32; the runtime finds its shape
    return content + field(7, field(12, field(1, name.encode()) + tensor_type))


def _session(content: bytes, name: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own errors have no common class
        raise LoadError("not_a_model", f"{name} could not be opened by ONNX Runtime: {short(error)}", HINT) from error
