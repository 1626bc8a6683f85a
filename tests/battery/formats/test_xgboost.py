"""XGBoost's own files predict as the model that wrote them; damaged ones are refused before the library reads them."""

import json

import numpy as np
import pytest

from assessments.battery import formats
from assessments.battery.errors import LoadError
from assessments.battery.estimator import FittedClassifier
from assessments.battery.introspection import predicts_numbers
from tests.battery.formats.made import outcome, people, with_categories

xgboost = pytest.importorskip("xgboost")


def trained(tmp_path, ending="json", classes=2, **params):
    frame = with_categories(people())
    if params.get("booster") == "gblinear":
        frame = frame.drop(columns="job")
    model = xgboost.XGBClassifier(n_estimators=8, enable_categorical="job" in frame, **params)
    model.fit(frame, outcome(people(), classes))
    model.save_model(tmp_path / f"model.{ending}")
    return model, frame, tmp_path / f"model.{ending}"


@pytest.mark.parametrize("ending", ["json", "ubj"])
@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_loaded_model_predicts_as_the_saved_one(tmp_path, ending, booster, classes):
    model, frame, path = trained(tmp_path, ending, classes, booster=booster)
    scanned = formats.scan(path, "xgboost")
    assert (scanned["verdict"], scanned["reasons"]) == ("allowed", [])
    assert scanned["libraries"] == {"xgboost": xgboost.__version__}
    loaded, notes = formats.load(path, "xgboost")
    assert notes == []
    assert list(loaded.classes_) == list(range(classes))
    assert np.array_equal(loaded.predict_proba(frame), model.predict_proba(frame))
    assert np.array_equal(loaded.predict(frame), model.predict(frame))


def test_a_pruned_model_is_read_too(tmp_path):
    model, frame, path = trained(tmp_path, gamma=20.0, max_depth=5)
    assert formats.scan(path, "xgboost")["verdict"] == "allowed"
    assert np.array_equal(formats.load(path, "xgboost")[0].predict_proba(frame), model.predict_proba(frame))


def test_names_and_categories_come_from_the_file(tmp_path):
    model, frame, path = trained(tmp_path, "ubj")
    fitted = FittedClassifier(formats.load(path, "xgboost")[0])
    rows = people(50, seed=1)[["hours a week", "job", "age"]]
    fitted.bind(rows, [])
    assert fitted.features == list(frame)
    assert np.array_equal(fitted.predict(rows), model.predict(with_categories(rows)[list(frame)]))


def test_a_regression_predicts_as_the_saved_one(tmp_path):
    frame = with_categories(people())
    model = xgboost.XGBRegressor(n_estimators=4, enable_categorical=True).fit(frame, frame["age"] + 0.5)
    model.save_model(tmp_path / "model.ubj")
    loaded, _ = formats.load(tmp_path / "model.ubj", "xgboost")
    assert predicts_numbers(loaded)
    assert np.array_equal(loaded.predict(frame), model.predict(frame))


def test_raw_margins_are_neither_classes_nor_numbers(tmp_path):
    frame = people().drop(columns="job")
    model = xgboost.XGBClassifier(n_estimators=2, objective="binary:logitraw").fit(frame, outcome(people()))
    model.save_model(tmp_path / "model.json")
    assert formats.scan(tmp_path / "model.json", "xgboost")["verdict"] == "allowed"
    with pytest.raises(LoadError, match="binary:logitraw") as refused:
        formats.load(tmp_path / "model.json", "xgboost")
    assert refused.value.code == "unsupported_task"


def tree(model):
    return model["learner"]["gradient_booster"]["model"]["trees"][0]


DAMAGE = {
    "child out of bounds": lambda model: tree(model)["left_children"].__setitem__(0, 10_000_000),
    "child above": lambda model: tree(model)["left_children"].__setitem__(tree(model)["left_children"][0], 0),
    "negative child": lambda model: tree(model)["right_children"].__setitem__(0, -7),
    "column out of bounds": lambda model: tree(model)["split_indices"].__setitem__(0, 2**30),
    "negative column": lambda model: tree(model)["split_indices"].__setitem__(0, -1),
    "short array": lambda model: tree(model)["split_conditions"].pop(),
    "node count": lambda model: tree(model)["tree_param"].__setitem__("num_nodes", "2147483647"),
    "category segment": lambda model: tree(model)["categories_segments"].__setitem__(0, 2**40),
    "category size": lambda model: tree(model)["categories_sizes"].__setitem__(0, 2**62),
    "class of a tree": lambda model: model["learner"]["gradient_booster"]["model"]["tree_info"].__setitem__(0, 9),
    "number of columns": lambda model: model["learner"]["learner_model_param"].__setitem__("num_feature", "999999"),
    "number of classes": lambda model: model["learner"]["learner_model_param"].__setitem__("num_class", "2000000000"),
    "no trees": lambda model: model["learner"]["gradient_booster"].pop("model"),
    "a fraction": lambda model: tree(model)["left_children"].__setitem__(0, 1.5),
    "category names": lambda model: model["learner"]["gradient_booster"]["model"]["cats"]["enc"][1].update(
        offsets=[0, 1 << 40]
    ),
    "parent of another": lambda model: tree(model)["parents"].__setitem__(tree(model)["left_children"][0], -1),
    "parent of the root": lambda model: tree(model)["parents"].__setitem__(0, 1),
    "order of categories": lambda model: model["learner"]["gradient_booster"]["model"]["cats"].update(
        sorted_idx=[56, 1, 2]
    ),
    "unknown booster": lambda model: model["learner"]["gradient_booster"].__setitem__("name", "gbother"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_model_that_points_out_of_itself_is_refused(tmp_path, damage):
    path = trained(tmp_path)[2]
    model = json.loads(path.read_text())
    DAMAGE[damage](model)
    path.write_text(json.dumps(model))
    scanned = formats.scan(path, "xgboost")
    assert scanned["verdict"] == "refused"
    assert scanned["reasons"][0]["hint"]
    with pytest.raises(LoadError) as refused:
        formats.load(path, "xgboost")
    assert refused.value.code == "refused_file"


@pytest.mark.parametrize("ending", ["json", "ubj"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_off_is_refused(tmp_path, ending, share):
    path = trained(tmp_path, ending)[2]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert formats.scan(path, "xgboost")["verdict"] == "refused"


def test_bytes_after_the_model_are_refused(tmp_path):
    path = trained(tmp_path, "ubj")[2]
    path.write_bytes(path.read_bytes() + b"more")
    assert [reason["code"] for reason in formats.scan(path, "xgboost")["reasons"]] == ["trailing_data"]


@pytest.mark.parametrize("content", [b'{"a":' * 100_000, b"[" * 3_000_000, b"{L" + (b"\0" * 7 + b"\1a{L") * 5000])
def test_deep_nesting_is_refused(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    assert formats.scan(tmp_path / "model.json", "xgboost")["verdict"] == "refused"
