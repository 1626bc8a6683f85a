"""Noise does what it says, and models of known sensitivity get the numbers that follow from their formula."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier

from assessments.battery.plan import Column, Target
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness.noise import Noise
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from tests.battery.subjects import HardRule, Rule, adult_subject, measure_of, outcome_of, subject_of, value_of
from tests.battery.test_regression import house_subject

TEST = "robustness.noise"


def numbers(rows=4000, seed=1):
    """A normal column, one of whole numbers, a text column, and a label that a coin decides."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(0, 3, rows),
            "code": rng.integers(0, 1000, rows),
            "kind": rng.choice(["a", "b", "c"], rows, p=[0.5, 0.3, 0.2]),
            "y": rng.integers(0, 2, rows),
        }
    )


def test_a_constant_model_does_not_mind():
    subject = subject_of(numbers(), HardRule(lambda f: np.ones(len(f)), ["x", "code"]))
    outcome = outcome_of(TEST, subject)
    rates = [m.value for m in outcome.measures if m.metric in {"flip_rate", "worst_column_flip_rate"}]
    assert rates == [0.0] * 4
    assert (value_of(outcome, "accuracy_drop"), value_of(outcome, "scale_stability")) == (0.0, 1.0)


def test_a_threshold_flips_as_often_as_its_formula_says():
    """x and x + λσe lie on two sides of 0 with probability arctan(λ)/π, both being normal."""
    subject = subject_of(numbers(), Rule(lambda f: f["x"] > 0, ["x"]))
    outcome = outcome_of(TEST, subject, rows=4000, repeats=20, level=0.4)
    measure = measure_of(outcome, "flip_rate", noise="Numbers, normal error")
    assert measure.value == pytest.approx(np.arctan(0.4) / np.pi, abs=0.006)
    assert measure.ci[0] < measure.value < measure.ci[1]


def test_a_model_of_last_digits_is_found_out():
    subject = subject_of(numbers(), HardRule(lambda f: (f["code"] % 10) >= 5, ["x", "code"]))
    outcome = outcome_of(TEST, subject, repeats=10)
    (worst,) = [m for m in outcome.measures if m.metric == "worst_column_flip_rate"]
    assert worst.group == {"column": "code"}
    assert worst.value == pytest.approx(0.5, abs=0.05)
    assert value_of(outcome, "flip_rate", noise="Numbers, normal error") == pytest.approx(0.5, abs=0.05)


def test_a_replaced_category_flips_with_the_chance_of_another_value():
    subject = subject_of(numbers(), HardRule(lambda f: f["kind"] == "a", ["kind"]))
    outcome = outcome_of(TEST, subject, rows=4000, repeats=20, level=0.4)
    expected = 0.4 * 2 * 0.5 * 0.5  # drawn from the column: a becomes another with 0.5, another becomes a with 0.5
    assert value_of(outcome, "flip_rate") == pytest.approx(expected, abs=0.01)


def test_noise_is_legal_and_leaves_what_is_missing():
    frame = numbers()
    frame.loc[:99, ["x", "kind"]] = np.nan
    subject = subject_of(frame, Rule(lambda f: f["x"] > 0, ["x", "code", "kind"]), Column("code", min=0, max=999))
    noise, codes = Noise.of(subject), subject.coder.encode(frame[["x", "code", "kind"]])
    for kind in ("all", "quantile"):
        noisy = noise.noisy(codes, kind, 0.4, np.random.default_rng(0))
        assert np.isnan(noisy[:100, [0, 2]]).all()
        assert np.array_equal(noisy[:, 1], np.rint(noisy[:, 1]))
        assert (noisy[:, 1].min(), noisy[:, 1].max()) == (0, 999)
        assert set(np.unique(noisy[100:, 2])) == {0, 1, 2}


def test_moves_in_rank_stay_within_their_level_and_among_values_of_the_data():
    frame = numbers()
    subject = subject_of(frame, Rule(lambda f: f["x"] > 0, ["x"]))
    codes = subject.coder.encode(frame[["x"]])
    noisy = Noise.of(subject).noisy(codes, "quantile", 0.1, np.random.default_rng(0))
    rank = frame["x"].rank(pct=True).to_numpy()
    moved = pd.Series(np.concatenate([codes[:, 0], noisy[:, 0]])).rank(pct=True, method="min").to_numpy()[len(codes) :]
    assert set(noisy[:, 0]) <= set(codes[:, 0])
    assert 0.08 < np.abs(moved - rank).max() < 0.13
    same = Noise.of(subject).noisy(codes, "quantile", 0.0, np.random.default_rng(0))
    assert np.array_equal(same, codes)


def test_groups_that_are_hit_harder_are_seen():
    frame = numbers().assign(sex=np.where(np.arange(4000) % 2, "f", "m"))
    rule = HardRule(lambda f: (f["x"] > 0) & (f["sex"] == "f"), ["x", "sex"])
    subject = subject_of(frame, rule, Column("sex", "sensitive"))
    outcome = outcome_of(TEST, subject, rows=4000, level=0.2)
    assert measure_of(outcome, "flip_rate", sex="f").ci[0] > measure_of(outcome, "flip_rate", sex="m").ci[1]


def test_five_labels_and_numbers_are_measured_too():
    data = load_wine(as_frame=True)
    frame = data.data.assign(y=data.target)
    model = RandomForestClassifier(10, random_state=0).fit(data.data, data.target)
    wine = outcome_of(TEST, Subject(model, frame, Target("y")))
    assert 0 <= value_of(wine, "roc_auc_drop") < 0.2
    house = outcome_of(TEST, house_subject(), level=0.2)
    assert value_of(house, "r2_drop") > 0.01
    assert {m.metric for m in house.measures} == {
        "r2_drop", "flip_rate", "worst_column_flip_rate", "scale_stability"
    }  # fmt: skip


def test_without_anything_that_varies_it_does_not_apply():
    frame = pd.DataFrame({"x": np.ones(60), "y": np.arange(60) % 2})
    with pytest.raises(NotApplicable, match="nothing to make noisy"):
        outcome_of(TEST, subject_of(frame, Rule(lambda f: f["x"] > 0, ["x"])))


def test_the_loss_on_real_data_is_what_scikit_learn_finds_on_the_same_rows(adult_csv):
    from sklearn.metrics import roc_auc_score

    subject = adult_subject(adult_csv)
    noise = Noise.of(subject)
    sample = q.Sample.draw(subject, 600, np.random.default_rng(5))
    noisy = noise.noisy(sample.codes, "all", 0.2, np.random.default_rng(6))
    value, ci = q.drop(sample.grade(sample.told), [sample.grade(q.asked(subject, noisy))])
    decoded = subject.coder.decode(noisy)
    truth = subject.frame["income"].to_numpy()[sample.rows]
    before = subject.estimator.predict_proba(subject.frame[subject.features].take(sample.rows))[:, 1]
    after = subject.estimator.predict_proba(decoded)[:, 1]
    assert value == pytest.approx(roc_auc_score(truth, before) - roc_auc_score(truth, after), abs=1e-9)
    assert ci[0] < value < ci[1]


def test_the_same_seed_gives_the_same():
    subject = house_subject(rows=300)
    assert outcome_of(TEST, subject) == outcome_of(TEST, subject)


def test_a_time_limit_keeps_the_level_of_the_verdict(monkeypatch):
    monkeypatch.setattr("assessments.battery.robustness._quality.monotonic", itertools.count().__next__)
    cut = outcome_of(TEST, house_subject(rows=300), seconds=5)
    assert cut.notes[0].startswith("Incomplete: the limit of 5 s was reached. Not measured: area alone, ")
    assert value_of(cut, "r2_drop") is not None
