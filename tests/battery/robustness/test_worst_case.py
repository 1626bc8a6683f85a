"""The worst of all attacks is at least as bad as each of them."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.robustness._legality import known_categories, violations
from assessments.battery.robustness._target import Target
from assessments.battery.robustness.worst_case import ALWAYS, each_attack
from assessments.battery.spec import discover
from tests.battery.robustness.mixed import COLUMNS, applicants, coded, subject_with
from tests.battery.subjects import outcome_of, subject_of, value_of

TEST = "robustness.worst_case"


@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(max_depth=5, random_state=0)])
def test_each_case_counts_at_its_worst(model):
    outcome = outcome_of(TEST, subject_with(model), rows=40)
    *each, together = outcome.tables[0].rows
    assert together[0] == "All together"
    assert together[1] >= max(row[1] for row in each)
    assert together[2] >= max(row[2] for row in each)
    assert together[4] == together[2] >= max(row[4] for row in each) > 0
    curves = {series["name"]: np.array(series["accuracy"]) for series in outcome.charts[0].data["series"]}
    assert len(curves) <= 5
    for name in set(curves) - {"Random changes"}:
        assert (curves["All together"] <= curves[name] + 1e-12).all()


def test_attacks_that_do_not_apply_are_named_with_the_reason():
    outcome = outcome_of(TEST, subject_with(HistGradientBoostingClassifier(max_iter=5)), rows=20)
    said = [note for note in outcome.notes if "not applicable" in note]
    assert [note.split(" is not")[0] for note in said] == ["DeepFool", "Elastic net", "Decision tree attack"]


def test_what_it_finds_could_exist_and_flips_the_estimator():
    subject = subject_with(LogisticRegression())
    params = discover()[TEST].resolve({"rows": 40}, "quick")
    target = Target.of_rows(subject, np.arange(40), params)
    found, _ = each_attack(target, params, np.random.default_rng(0), lambda done, of: None)
    assert list(found) == list(ALWAYS)[:4]
    for one in found.values():
        flips = np.flatnonzero(one.feasible)
        before, after = target.before.take(flips), subject.coder.decode(one.codes[flips])
        before = before.reset_index(drop=True)
        assert violations(before, after, subject.columns, categories=known_categories(subject)).legal.all()
        assert (subject.estimator.predict(before) != subject.estimator.predict(after)).all()


def test_predictions_of_a_number_meet_the_attacks_that_need_no_class():
    frame = applicants().drop(columns="y").assign(y=lambda f: 2.0 * f.income + f.debt)
    frame["y"] += np.random.default_rng(0).normal(0, 20, len(frame))
    model = make_pipeline(coded(), LinearRegression()).fit(frame.drop(columns="y"), frame.y)
    subject = subject_of(frame, model, *COLUMNS, favourable="", task="regression")
    outcome = outcome_of(TEST, subject, rows=30, budget=0.3)
    assert value_of(outcome, "worst_case_success_rate") > 0
    assert [row[0] for row in outcome.tables[0].rows] == ["HopSkipJump", "Square", "All together"]


def test_relations_between_columns_are_kept():
    """tax is a third of income, and nobody changes the one without the other."""
    frame = applicants().assign(tax=lambda f: f.income / 4)
    model = make_pipeline(coded(), LogisticRegression()).fit(frame.drop(columns=["y"]), frame.y)
    subject = subject_of(frame, model, *COLUMNS, favourable="no", relations=("tax = income / 4",))
    params = discover()[TEST].resolve({"rows": 40}, "quick")
    target = Target.of_rows(subject, np.arange(40), params)
    found, _ = each_attack(target, params, np.random.default_rng(0), lambda done, of: None)
    for one in found.values():
        after = subject.coder.decode(one.codes[one.feasible])
        assert (after["tax"] == after["income"] / 4).all()
    assert found["Square"].feasible.any()
    assert value_of(outcome_of("robustness.hopskipjump", subject, rows=40), "evasion_success_rate") is not None
