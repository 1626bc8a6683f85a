"""ONNX files give the predictions of the pipeline they were exported from, up to float32."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assessments.battery import formats
from assessments.battery.errors import LoadError
from assessments.battery.estimator import FittedClassifier
from assessments.battery.formats._protobuf import field, number_field
from assessments.battery.introspection import predicts_numbers
from tests.battery.formats.made import outcome, people

skl2onnx = pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

NUMBERS = ["age", "hours a week"]


def pipeline(last, y):
    prepare = ColumnTransformer([("n", StandardScaler(), NUMBERS), ("c", OneHotEncoder(), ["job"])])
    return Pipeline([("prepare", prepare), ("last", last)]).fit(people(), y)


def exported(model, **options):
    kinds = skl2onnx.common.data_types
    given = {"age": kinds.Int64TensorType, "job": kinds.StringTensorType, "hours a week": kinds.FloatTensorType}
    types = [(name, kind([None, 1])) for name, kind in given.items()]
    return skl2onnx.convert_sklearn(model, initial_types=types, options=options or None, target_opset=18)


def write(model, tmp_path):
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("labels", ["text", "numbers", "three"])
@pytest.mark.parametrize(
    "last",
    [LogisticRegression(), GradientBoostingClassifier(n_estimators=5, random_state=0), MLPClassifier((4,), tol=1e3)],
    ids=lambda last: type(last).__name__,
)
def test_the_exported_model_predicts_as_the_pipeline(tmp_path, zipmap, labels, last):
    y = outcome(people(), 3 if labels == "three" else 2)
    model = pipeline(last, np.where(y, "yes", "no") if labels == "text" else y)
    path = write(exported(model, zipmap=zipmap), tmp_path)
    loaded, notes = formats.load(path, "onnx")
    assert notes == []
    assert list(loaded.classes_) == list(model.classes_)
    assert np.abs(loaded.predict_proba(people()) - model.predict_proba(people())).max() < 1e-6
    assert np.array_equal(loaded.predict(people()), model.predict(people()))


def test_columns_are_found_under_the_names_that_the_export_gives_them(tmp_path):
    model = pipeline(LogisticRegression(), outcome(people()))
    fitted = FittedClassifier(formats.load(write(exported(model), tmp_path), "onnx")[0])
    rows = people(40, seed=3)[["hours a week", "job", "age"]].assign(other=1)
    fitted.bind(rows, [])
    assert fitted.features == ["age", "job", "hours a week"]
    assert np.array_equal(fitted.predict(rows), model.predict(rows))


def test_a_model_of_one_array_goes_by_position(tmp_path):
    rows = people()[NUMBERS].to_numpy(dtype=np.float32)
    model = LogisticRegression().fit(rows, outcome(people()))
    fitted = FittedClassifier(
        formats.load(write(skl2onnx.to_onnx(model, rows[:1], target_opset=18), tmp_path), "onnx")[0]
    )
    assert (fitted.feature_names, fitted.n_features) == (None, 2)
    fitted.bind(people(), [NUMBERS])
    assert np.abs(fitted.scores(people()) - model.predict_proba(rows)).max() < 1e-6


def test_the_scan_names_the_operators_and_the_exporter(tmp_path):
    path = write(exported(pipeline(LogisticRegression(), outcome(people()))), tmp_path)
    scanned = formats.scan(path, "onnx")
    assert scanned["verdict"] == "allowed"
    assert {"ai.onnx.ml:LinearClassifier", "ai.onnx.ml:ZipMap"} <= {each["name"] for each in scanned["imports"]}
    assert scanned["libraries"] == {"skl2onnx": skl2onnx.__version__}
    assert scanned["opcodes"] == len(onnx.load(path).graph.node)


def test_scores_that_are_no_probabilities_are_not_taken_for_them(tmp_path):
    model = exported(pipeline(LogisticRegression(), outcome(people())), zipmap=False)
    linear = next(node for node in model.graph.node if node.op_type == "LinearClassifier")
    next(each for each in linear.attribute if each.name == "post_transform").s = b"NONE"
    loaded, _ = formats.load(write(model, tmp_path), "onnx")
    with pytest.raises(LoadError, match="not probabilities"):
        loaded.predict_proba(people())


def test_a_regression_predicts_as_the_exported_one(tmp_path):
    rows = people()[NUMBERS].to_numpy(dtype=np.float32)
    model = LinearRegression().fit(rows, rows @ [2.0, 0.3])
    loaded, _ = formats.load(write(skl2onnx.to_onnx(model, rows[:1], target_opset=18), tmp_path), "onnx")
    assert predicts_numbers(loaded)
    assert np.abs(loaded.predict(rows) - model.predict(rows)).max() < 1e-3


def test_a_transformer_is_neither(tmp_path):
    rows = people()[NUMBERS].to_numpy(dtype=np.float32)
    model = skl2onnx.to_onnx(StandardScaler().fit(rows), rows[:1], target_opset=18)
    with pytest.raises(LoadError, match="label and its probabilities"):
        formats.load(write(model, tmp_path), "onnx")


def custom_operator(model):
    model.graph.node[0].domain = "evil.corp"


def contributed_operator(model):
    model.graph.node[0].domain = "com.microsoft"


def operator_in_a_branch(model):
    inner = onnx.helper.make_graph([onnx.helper.make_node("Run", [], ["z"], domain="evil")], "inner", [], [])
    model.graph.node.append(onnx.helper.make_node("If", ["label"], ["q"], then_branch=inner, else_branch=inner))


def outside_weights(model):
    tensor = model.graph.initializer.add(name="w", data_type=1, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def outside_weights_of_a_constant(model):
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[1])
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["q"], value=tensor))


def training(model):
    model.training_info.add()


HARM = [
    custom_operator,
    contributed_operator,
    operator_in_a_branch,
    outside_weights,
    outside_weights_of_a_constant,
    training,
]


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_what_needs_more_than_the_standard_is_refused(tmp_path, harm):
    model = exported(pipeline(LogisticRegression(), outcome(people())))
    harm(model)
    path = write(model, tmp_path)
    scanned = formats.scan(path, "onnx")
    assert scanned["verdict"] == "refused"
    assert scanned["reasons"][0]["code"] in {"forbidden_opcode", "unsafe_state"}
    with pytest.raises(LoadError) as refused:
        formats.load(path, "onnx")
    assert refused.value.code == "refused_file"


def test_a_second_graph_that_would_be_joined_is_read_too(tmp_path):
    path = write(exported(pipeline(LogisticRegression(), outcome(people()))), tmp_path)
    node = field(4, b"Run") + field(7, b"evil")
    path.write_bytes(path.read_bytes() + field(7, field(1, node)))
    assert onnx.load(path).graph.node[-1].domain == "evil"  # protocol buffers do join them
    assert formats.scan(path, "onnx")["verdict"] == "refused"


@pytest.mark.parametrize(
    "content",
    [b"", b"\x08", b"\x08\x0a", b"hello", b"\x08\x0a:\xff\xff\xff\xff\x0f", b"\x08\x0a\x00\x00ORTM", b"\xff" * 100],
)
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    assert formats.scan(tmp_path / "model.onnx", "onnx")["verdict"] == "refused"


def test_graphs_in_graphs_in_graphs_are_refused(tmp_path):
    graph = b""
    for _ in range(3000):
        graph = field(1, field(5, field(6, graph) + number_field(20, 5)))
    (tmp_path / "model.onnx").write_bytes(number_field(1, 10) + field(7, graph))
    assert [each["code"] for each in formats.scan(tmp_path / "model.onnx", "onnx")["reasons"]] == ["bomb"]
