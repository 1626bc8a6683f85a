"""The square attack for tables: only legal rows are asked about, budgets are kept, known distances are found."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from assessments.battery.robustness._legality import known_categories, violations
from assessments.battery.robustness._square import Search, shrunk
from assessments.battery.robustness._target import Target
from assessments.battery.robustness.square import search
from assessments.battery.spec import NotApplicable
from tests.battery.robustness.mixed import applicants, coded, subject_with
from tests.battery.subjects import HardRule, Rule, outcome_of, subject_of, value_of

TEST = "robustness.square"
PARAMS = {"rows": 40, "budget": 0.2, "swaps": 1, "seconds": 60.0, "iterations": 30}


def quiet(done, of):
    pass


def by_income(**columns):
    frame = pd.DataFrame({"income": np.arange(100), "other": np.arange(100)[::-1]})
    rule = Rule(lambda f: 0.5 + (f["income"] - 49.5) / 200, ["income", "other"])
    return subject_of(frame.assign(y=(frame.income > 49).astype(int)), rule)


def test_the_cost_of_a_flip_is_the_way_to_the_threshold():
    target = Target.of_rows(by_income(), np.arange(100), {})
    found, over = search(target, {**PARAMS, "iterations": 60}, np.random.default_rng(0), quiet)
    income = np.arange(100)
    steps = np.where(income > 49, income - 49, 50 - income)
    assert not over
    assert found.cost == pytest.approx(steps / 99)
    assert (found.moves[:, 1] == 0).all()  # what is not needed goes back


def test_the_model_is_only_asked_about_rows_that_could_exist():
    subject = subject_with(HistGradientBoostingClassifier(max_iter=10))
    target = Target.of_rows(subject, np.arange(60), {})
    asked, plain = [], subject.predict_scores_codes
    subject.predict_scores_codes = lambda codes: asked.append(codes.copy()) or plain(codes)
    attack = Search(target, 1, np.random.default_rng(0))
    attack.run([0.2], 10, lambda: False, quiet)
    for codes in asked[1:]:
        rows = np.array([np.flatnonzero(target.encoding.base[:, 0] == age)[0] for age in codes[:, 0]])
        assert (codes[:, 0] == target.encoding.base[rows, 0]).all()
    rows = np.arange(len(attack.codes))
    after, before = subject.coder.decode(attack.codes), target.before.reset_index(drop=True)
    assert violations(before, after, subject.columns, categories=known_categories(subject)).legal.all()
    moves, swaps = target.encoding.distances(attack.codes, rows)
    assert moves.max() <= 0.2 + 1e-9
    assert swaps.max() <= 1


def test_what_is_shrunk_still_flips_and_is_no_larger():
    subject = subject_with(LogisticRegression())
    target = Target.of_rows(subject, np.arange(60), {})
    attack = Search(target, 2, np.random.default_rng(0))
    attack.run([1.0], 20, lambda: False, quiet)
    rows = np.flatnonzero(attack.done)
    small = shrunk(target, attack.codes[rows], rows)
    large_moves, large_swaps = target.encoding.distances(attack.codes[rows], rows)
    moves, swaps = target.encoding.distances(small, rows)
    assert target.achieved(small, rows).all()
    assert (moves.max(1) <= large_moves.max(1) + 1e-12).all()
    assert (swaps <= large_swaps).all()
    assert moves.max(1).mean() < 0.7 * large_moves.max(1).mean()


def test_it_finds_more_than_random_changes_do():
    outcome = outcome_of(TEST, subject_with(HistGradientBoostingClassifier(max_iter=30)), rows=60, budget=0.1)
    attack, noise = (np.array(series["accuracy"]) for series in outcome.charts[0].data["series"])
    at = outcome.charts[0].data["series"][0]["budget"].index(0.1)
    assert attack[at] < noise[at] - 0.1


def test_the_same_seed_gives_the_same_outcome_and_another_one_another():
    subject = subject_with(HistGradientBoostingClassifier(max_iter=10))
    first, again, other = (outcome_of(TEST, subject, seed=seed, rows=40, iterations=5) for seed in (1, 1, 2))
    assert first == again != other


def test_hard_labels_have_no_score_to_follow():
    frame = applicants()
    rule = HardRule(lambda f: f["income"] > 50, ["age", "job", "income", "home", "debt"])
    with pytest.raises(NotApplicable, match="hard labels only"):
        outcome_of(TEST, subject_of(frame.assign(y=(frame.income > 50).astype(int)), rule))


def test_a_prediction_can_be_moved():
    frame = applicants().drop(columns="y").assign(y=lambda f: 2.0 * f.income + f.debt)
    frame["y"] += np.random.default_rng(0).normal(0, 20, len(frame))
    model = make_pipeline(coded(), LinearRegression()).fit(frame.drop(columns="y"), frame.y)
    outcome = outcome_of(TEST, subject_of(frame, model, favourable="", task="regression"), budget=0.5)
    assert 0 < value_of(outcome, "evasion_success_rate") <= value_of(outcome, "feasible_success_rate")


def test_when_the_time_is_over_what_was_turned_is_kept():
    target = Target.of_rows(by_income(), np.arange(100), {})
    found, over = search(target, {**PARAMS, "seconds": 0.0}, np.random.default_rng(0), quiet)
    assert over
    assert not found.tried.any()
