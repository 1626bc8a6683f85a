"""A compiled form that is wrong anywhere is noticed before it answers, and the model is asked instead."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from assessments.battery.estimator import FittedModel
from assessments.battery.plan import PlannedTest
from assessments.battery.predictors import _columns, _ensemble, _hist_trees, _linear, _sklearn_trees
from tests.battery.applicants import applicants
from tests.battery.predictors.fitted import CLASSIFIERS, bound, fit, outcome, strange_rows, table, transformers
from tests.battery.test_estimators import NAMES, forest, prepared_by
from tests.battery.test_run import events_here, results, without_seconds, write_plan


def german(path, name, before="dense"):
    frame, target = table(path)
    given = frame.drop(columns=target)
    estimator = fit(make_pipeline(transformers()[before], CLASSIFIERS[name]), given, outcome(frame, target, 2, False))
    return bound(estimator, given), given


def differs(model, given) -> None:
    """The model says that its compiled form is wrong, and still answers as the estimator."""
    model.compile()
    assert "differs from the model's on" in model.form, model.form
    codes = strange_rows(model, given[:100])
    assert np.array_equal(model.predict_codes(codes), model.codes_of(model.prepared(model.coder.decode(codes))))


def wrong_tree(change):
    """tree_of, with something in the third tree changed."""
    right, count = _sklearn_trees.tree_of, [0]

    def tree_of(*arguments):
        tree = right(*arguments)
        count[0] += 1
        return change(tree) if count[0] == 3 else tree

    return tree_of


def test_one_wrong_node_in_a_forest_is_noticed(german_csv, monkeypatch):
    def change(tree):
        left, right = tree.left.copy(), tree.right.copy()
        node = left[0]  # the two ways of one node, exchanged
        left[node], right[node] = right[node], left[node]
        return dataclasses.replace(tree, left=left, right=right)

    monkeypatch.setattr(_sklearn_trees, "tree_of", wrong_tree(change))
    differs(*german(german_csv, "forest"))


def test_one_wrong_leaf_in_its_last_digits_is_noticed(german_csv, monkeypatch):
    def change(tree):
        counts = np.where(tree.left < 0, 1, 0)
        value = tree.value.copy()
        value[np.flatnonzero(counts)[0]] += 1e-12
        return dataclasses.replace(tree, value=value)

    monkeypatch.setattr(_sklearn_trees, "tree_of", wrong_tree(change))
    model, given = german(german_csv, "forest")
    model.compile()
    assert "its score differs from the model's on" in model.form


def test_a_missing_value_sent_the_wrong_way_is_noticed(german_csv, monkeypatch):
    right = _hist_trees._tree

    def wrong(*arguments):
        tree = right(*arguments)
        swapped = {_ensemble.LEFT: _ensemble.RIGHT, _ensemble.RIGHT: _ensemble.LEFT}
        return dataclasses.replace(tree, way=np.array([swapped.get(way, way) for way in tree.way], dtype=np.int8))

    monkeypatch.setattr(_hist_trees, "_tree", wrong)
    differs(*german(german_csv, "histogram boosting", "missing"))


def test_a_wrong_scale_is_noticed(german_csv, monkeypatch):
    monkeypatch.setattr(_columns, "_robust", lambda step: lambda block: block - step.center_)
    differs(*german(german_csv, "logistic"))


def test_a_weight_that_is_off_by_one_bit_is_noticed(german_csv, monkeypatch):
    right = _linear.linear_classifier

    def wrong(estimator, scores_from):
        core = right(estimator, scores_from)
        return dataclasses.replace(core, raw=lambda X: np.nextafter(core.raw(X), np.inf))

    monkeypatch.setattr("assessments.battery.predictors._families.SKLEARN", {wrong: "LogisticRegression"})
    monkeypatch.setattr(
        "assessments.battery.predictors._families.LIBRARIES", {"sklearn": {wrong: "LogisticRegression"}}
    )
    differs(*german(german_csv, "logistic"))


def test_what_has_no_compiled_form_says_so():
    frame = applicants()
    numbers = frame[["age"]]
    model = bound(KNeighborsClassifier().fit(numbers, frame["repaid"]), numbers)
    model.compile()
    assert model.form == "asked as it is: KNeighborsClassifier has no compiled form"
    custom = make_pipeline(FunctionTransformer(np.nan_to_num), RandomForestClassifier(3)).fit(numbers, frame["repaid"])
    model = bound(custom, numbers)
    model.compile()
    assert model.form == "asked as it is: it has a step with a function of its own"


def test_a_model_is_compiled_once_it_is_asked_often():
    frame = applicants()
    model = bound(prepared_by(forest()).fit(frame[NAMES], frame["repaid"]), frame)
    assert model.form == "asked as it is: too few questions to be worth compiling"
    for _ in range(9):
        model.predict(frame.head(3))
    assert model.form == "compiled: RandomForestClassifier"
    before = model.rows_asked_as_is
    model.scores(frame)
    assert model.rows_asked_as_is == before


TESTS = {  # SHAP values that are read from a compiled form are of its raw answer: here the model is asked
    "performance.discrimination": {},
    "robustness.hopskipjump": {},
    "robustness.noise": {},
    "explainability.shap_importance": {"space": "score"},
}


@pytest.mark.parametrize("name", ["histogram boosting", "logistic", pytest.param("forest", marks=pytest.mark.long)])
def test_a_run_gives_the_same_bytes_with_and_without(tmp_path, monkeypatch, name):
    frame = applicants(200)
    before = transformers()["ordinal" if name == "histogram boosting" else "sparse"]
    model = fit(make_pipeline(before, CLASSIFIERS[name]), frame[NAMES], frame["repaid"])
    plan = write_plan(
        tmp_path, model, [PlannedTest(test, params) for test, params in TESTS.items()], frame, plan_name="quick"
    )
    compiled = without_seconds(events_here(plan))
    monkeypatch.setattr(FittedModel, "may_compile", False)
    asked = without_seconds(events_here(plan))
    assert compiled[0]["subject"].pop("predictor").startswith("compiled: ")
    assert asked[0]["subject"].pop("predictor").startswith("asked as it is: ")
    assert {entry["status"] for entry in results(compiled).values()} == {"done"}
    assert json.dumps(results(compiled)) == json.dumps(results(asked))
    assert json.dumps(compiled[0]) == json.dumps(asked[0])
