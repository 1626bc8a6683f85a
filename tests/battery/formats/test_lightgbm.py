"""LightGBM's own files predict as the model that wrote them; damaged ones are refused before the library reads them."""

import re

import numpy as np
import pytest

from assessments.battery import formats
from assessments.battery.errors import LoadError
from assessments.battery.estimator import FittedClassifier
from assessments.battery.introspection import predicts_numbers
from tests.battery.formats.made import outcome, people, with_categories

lightgbm = pytest.importorskip("lightgbm")


def trained(tmp_path, classes=2, **params):
    frame = with_categories(people())
    model = lightgbm.LGBMClassifier(n_estimators=6, num_leaves=5, verbose=-1, **params)
    model.fit(frame, outcome(people(), classes))
    model.booster_.save_model(tmp_path / "model.txt")
    return model, frame, tmp_path / "model.txt"


@pytest.mark.parametrize(
    "params",
    [{}, {"linear_tree": True}, {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, {"max_depth": 1}],
    ids=["plain", "linear leaves", "forest", "stumps"],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_loaded_model_predicts_as_the_saved_one(tmp_path, params, classes):
    model, frame, path = trained(tmp_path, classes, **params)
    scanned = formats.scan(path, "lightgbm")
    assert (scanned["verdict"], scanned["reasons"]) == ("allowed", [])
    loaded, _ = formats.load(path, "lightgbm")
    assert list(loaded.classes_) == list(range(classes))
    assert np.array_equal(loaded.predict_proba(frame), model.predict_proba(frame))
    assert np.array_equal(loaded.predict(frame), model.predict(frame))


def test_names_and_categories_come_from_the_file(tmp_path):
    model, frame, path = trained(tmp_path)
    fitted = FittedClassifier(formats.load(path, "lightgbm")[0])
    rows = people(50, seed=1)[["hours a week", "job", "age"]]
    fitted.bind(rows, [])
    assert fitted.features == list(frame)
    assert np.array_equal(fitted.predict(rows), model.predict(with_categories(rows)[list(frame)]))


def test_a_model_of_an_array_names_no_columns(tmp_path):
    frame = people().drop(columns="job")
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(frame.to_numpy(), outcome(people()))
    model.booster_.save_model(tmp_path / "model.txt")
    fitted = FittedClassifier(formats.load(tmp_path / "model.txt", "lightgbm")[0])
    assert (fitted.feature_names, fitted.n_features) == (None, 2)


@pytest.mark.parametrize("objective", ["regression", "poisson", "quantile"])
def test_a_regression_predicts_as_the_saved_one(tmp_path, objective):
    frame = with_categories(people())
    model = lightgbm.LGBMRegressor(n_estimators=4, objective=objective, verbose=-1).fit(frame, frame["age"] + 0.5)
    model.booster_.save_model(tmp_path / "model.txt")
    loaded, _ = formats.load(tmp_path / "model.txt", "lightgbm")
    assert predicts_numbers(loaded)
    assert np.array_equal(loaded.predict(frame), model.predict(frame))


def test_a_ranking_is_neither_classes_nor_numbers(tmp_path):
    frame = people().drop(columns="job")
    model = lightgbm.LGBMRanker(n_estimators=2, verbose=-1).fit(frame, outcome(people()), group=[150, 150])
    model.booster_.save_model(tmp_path / "model.txt")
    with pytest.raises(LoadError, match="lambdarank") as refused:
        formats.load(tmp_path / "model.txt", "lightgbm")
    assert refused.value.code == "unsupported_task"


DAMAGE = {
    "child out of bounds": (r"(?m)^left_child=\S+", "left_child=900000"),
    "leaf out of bounds": (r"(?m)^right_child=\S+", "right_child=-900000"),
    "child above": (r"(?m)^left_child=\S+", "left_child=0"),
    "column": (r"(?m)^split_feature=\S+", "split_feature=77"),
    "leaf count": (r"(?m)^num_leaves=\d+", "num_leaves=2000000000"),
    "short leaves": (r"(?m)^leaf_value=\S+ ", "leaf_value="),
    "sizes": (r"(?m)^tree_sizes=\d+", "tree_sizes=99"),
    "columns of all": (r"(?m)^max_feature_idx=\d+", "max_feature_idx=100"),
    "categories": (r"(?m)^num_cat=\d+", "num_cat=700"),
    "category bounds": (r"(?m)^cat_boundaries=0 \d+", "cat_boundaries=0 4000000"),
    "classes": (r"(?m)^num_class=\d+", "num_class=5"),
    "unknown heading": (r"(?m)^version=", "parser_config_str=x\nversion="),
    "not a number": (r"(?m)^threshold=\S+", "threshold=one"),
    "parameter": (r"\[neg_bagging_fraction: 1\]\n\[bagging_freq:", "[neg_bagging_fracti"),
    "end of parameters": (r"end of parameters", "end of paramettters"),
    "text after it": (r"\Z", "\nmore\n"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_model_that_points_out_of_itself_is_refused(tmp_path, damage):
    path = trained(tmp_path)[2]
    pattern, text = DAMAGE[damage]
    changed = re.sub(pattern, text, path.read_text(), count=1)
    assert changed != path.read_text()
    path.write_text(fitted_sizes(changed) if damage != "sizes" else changed)
    assert formats.scan(path, "lightgbm")["verdict"] == "refused"
    with pytest.raises(LoadError) as refused:
        formats.load(path, "lightgbm")
    assert (refused.value.code, bool(refused.value.hint)) == ("refused_file", True)


def fitted_sizes(text: str) -> str:
    """The text with the sizes of its trees put right, so that nothing but the damage is wrong."""
    block = text[text.index("\nTree=") + 1 : text.index("\nend of trees") + 1]
    sizes = " ".join(str(len(part)) for part in re.findall(r"(?s)Tree=.*?(?=Tree=|\Z)", block))
    return re.sub(r"(?m)^tree_sizes=.*$", f"tree_sizes={sizes}", text)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_a_file_cut_off_is_refused(tmp_path, share):
    path = trained(tmp_path)[2]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert formats.scan(path, "lightgbm")["verdict"] == "refused"
