"""The estimate before a run: what it grows with, its words, and what earlier runs change."""

import pytest

from assessments import catalogue, costing, estimates

TESTS = [{"id": "performance.discrimination"}, {"id": "robustness.hopskipjump"}]


def seconds(**changes):
    asked = {"plan_name": "standard", "rows": 10_000, "columns": 14, **changes}
    return costing.estimate(TESTS, **asked)["seconds"]


def test_it_grows_with_rows_columns_plan_and_a_slow_model():
    assert seconds(rows=100_000) > seconds()
    assert seconds(columns=140) > seconds()
    assert seconds(plan_name="quick") < seconds() < seconds(plan_name="thorough")
    assert seconds(estimator="Pipeline RandomForestClassifier") > seconds(estimator="LogisticRegression")


def test_what_a_test_costs_is_worked_by_hand(monkeypatch):
    cost = {"seconds": 2.0, "seconds_per_1000_rows": 0.5, "questions": 10_000, "questions_per_1000_rows": 1_000}
    monkeypatch.setattr(costing, "costs", lambda: {"a.b": {"standard": cost}})
    found = costing.estimate(
        [{"id": "a.b"}], plan_name="standard", rows=4_000, columns=28, estimator="RandomForestClassifier"
    )
    # Own: (2 + 0.5 x 4) x 28/14 columns; the model: 14,000 questions at 0.05 s for 1,000.
    assert found["tests"]["a.b"] == pytest.approx(8 + 0.7)
    assert found["seconds"] == pytest.approx(8.7 + costing.START_SECONDS + 0.5 * 4_000 * 28 / 100_000, abs=0.05)
    assert found["basis"] == "typical"


def test_runs_before_are_the_better_guess():
    slow = costing.estimate(TESTS, plan_name="standard", rows=10_000, before=(30.0, 10.0))
    usual = costing.estimate(TESTS, plan_name="standard", rows=10_000)
    assert slow["basis"] == "measured"
    for test, said in usual["tests"].items():
        assert slow["tests"][test] == pytest.approx(3 * said, abs=0.02)


@pytest.mark.parametrize(
    ("given", "text"),
    [(3.0, "about 5 s"), (22.0, "about 20 s"), (41.0, "about 40 s"), (88.0, "about 90 s"), (130.0, "about 2 min"),
     (7_200.0, "about 2 h"), (9_000.0, "about 2.5 h")],
)  # fmt: skip
def test_the_words_are_as_exact_as_it_is_known(given, text):
    assert costing.text(given) == text


def test_most_of_the_catalogue_has_been_measured():
    measured = set(costing.costs())
    wanted = {test for test in catalogue.tests_of("standard") if test.split(".")[0] in {"performance", "robustness"}}
    assert wanted <= measured, "run `python -m benchmarks.costs --data adult.csv --write`"
    assert measured <= set(catalogue.catalogue())


@pytest.mark.django_db
def test_the_quick_plan_is_the_quickest_and_a_test_alone_is_quicker(model_version, dataset_version):
    plans = {
        plan: estimates.before_start(model_version, dataset_version, plan_name=plan)["seconds"]
        for plan in ("quick", "standard", "thorough")
    }
    assert plans["quick"] < plans["standard"] < plans["thorough"]
    alone = estimates.before_start(model_version, dataset_version, tests=["performance.probability"])
    assert alone["seconds"] < plans["quick"]
    assert list(alone["tests"]) == ["performance.probability"]
