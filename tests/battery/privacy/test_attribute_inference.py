"""Attribute inference: what the model gives away is a lift, correlation alone is none; numbers are recomputed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from assessments.battery.plan import Column
from assessments.battery.privacy.attribute_inference import Guesses
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import HardRule, Rule, measure_of, outcome_of, subject_of, value_of

TEST = "privacy.attribute_inference"
SENSITIVE = Column("ill", "sensitive")


def patients(rows=2400, seed=1):
    """ill is told in part by what the person buys; the outcome has nothing to do with it."""
    rng = np.random.default_rng(seed)
    ill = rng.random(rows) < 0.4
    frame = pd.DataFrame(
        {
            "ill": np.where(ill, "yes", "no"),
            "age": rng.integers(20, 80, rows),
            "buys": rng.normal(size=rows) + 1.5 * ill,
        }
    )
    return frame.assign(y=(frame["age"] + rng.normal(0, 10, rows) > 50).astype(int))


def test_a_model_that_says_the_attribute_has_the_whole_lift():
    leaky = Rule(lambda f: 0.2 + 0.6 * (f["ill"] == "yes"), ["ill", "age", "buys"])
    outcome = outcome_of(TEST, subject_of(patients(), leaky, SENSITIVE), plan="standard")
    assert value_of(outcome, "attribute_accuracy", column="ill") == 1
    lift = value_of(outcome, "attribute_lift", column="ill")
    assert lift == pytest.approx(1 - value_of(outcome, "attribute_accuracy_without", column="ill"))
    assert measure_of(outcome, "attribute_lift", column="ill").ci[0] > 0.1


def test_correlation_alone_is_no_lift():
    """Whatever is guessed is guessed from what the person buys, with or without the model."""
    outcome = outcome_of(TEST, subject_of(patients(), Rule(lambda f: f["age"] / 100, ["age", "buys"]), SENSITIVE),
                         plan="standard")  # fmt: skip
    assert value_of(outcome, "attribute_accuracy", column="ill") > 0.7
    low, high = measure_of(outcome, "attribute_lift", column="ill").ci
    assert low <= 0 <= high
    assert "attribute_lift_matching" not in {m.metric for m in outcome.measures}  # the model is not given it


def test_scores_to_many_digits_give_away_what_the_model_is_given():
    """A weight of a thousandth cannot be learned from scores, but be seen by asking for both values."""
    model = Rule(lambda f: f["age"] / 100 + 0.001 * (f["ill"] == "yes"), ["ill", "age", "buys"])
    outcome = outcome_of(TEST, subject_of(patients(), model, SENSITIVE), plan="standard")
    assert measure_of(outcome, "attribute_lift", column="ill").ci[0] < 0.05
    without = value_of(outcome, "attribute_accuracy_without", column="ill")
    assert value_of(outcome, "attribute_lift_matching", column="ill") == pytest.approx(1 - without)


def test_where_matching_tells_nothing_the_likeliest_group_is_taken():
    blind = Rule(lambda f: f["age"] / 100, ["ill", "age", "buys"])
    outcome = outcome_of(TEST, subject_of(patients(), blind, SENSITIVE), plan="standard")
    assert value_of(outcome, "attribute_lift_matching", column="ill") == 0


def test_accuracies_are_balanced_as_scikit_learns_and_the_lift_is_their_difference():
    rng = np.random.default_rng(3)
    groups = rng.choice(3, 900, p=[0.7, 0.2, 0.1])
    guessed = [np.where(rng.random(900) < share, groups, rng.choice(3, 900)) for share in (0.6, 0.4)]
    found = Guesses("x", ["a", "b", "c"], groups, guessed[0] == groups, guessed[1] == groups, None)
    one, other = (balanced_accuracy_score(groups, each) for each in guessed)
    assert found.accuracy(found.seen) == pytest.approx(one, abs=1e-12)
    assert found.lift(found.seen)[0] == pytest.approx(one - other, abs=1e-12)


def test_a_guess_at_random_is_the_least_without_the_model():
    groups = np.repeat([0, 1], 100)
    found = Guesses("x", ["a", "b"], groups, np.ones(200, bool), np.zeros(200, bool), None)
    assert found.lift(found.seen)[0] == 0.5


def test_groups_that_are_too_small_are_left_out_and_said():
    frame = patients(400)
    frame.loc[:20, "ill"] = "perhaps"
    outcome = outcome_of(TEST, subject_of(frame, Rule(lambda f: f["age"] / 100, ["age"]), SENSITIVE), plan="standard")
    assert outcome.tables[0].rows[0][1] == 2
    alone = frame.assign(ill=np.where(np.arange(400) < 20, "yes", "no"))
    with pytest.raises(NotApplicable, match="ill: 1 groups have at least 30 rows"):
        outcome_of(TEST, subject_of(alone, Rule(lambda f: f["age"] / 100, ["age"]), SENSITIVE), plan="standard")


def test_decisions_and_trained_models_are_attacked_too():
    frame = patients(1200)
    hard = HardRule(lambda f: f["ill"] == "yes", ["ill", "age", "buys"])
    outcome = outcome_of(TEST, subject_of(frame, hard, SENSITIVE), plan="standard")
    assert value_of(outcome, "attribute_accuracy", column="ill") == 1
    columns = ["age", "buys"]
    model = LogisticRegression().fit(frame[columns], frame["y"])
    aged = subject_of(frame, model, Column("age", "sensitive"))
    guessed = outcome_of(TEST, aged, plan="standard")
    assert guessed.tables[0].rows[0][1] == 7  # bands of ten years
    assert measure_of(guessed, "attribute_lift", column="age").ci[0] > 0.2  # the score is nearly the age


@pytest.mark.parametrize("truth", [0.0, pytest.param(0.1, marks=pytest.mark.long)])
def test_the_interval_holds_the_lift(truth):
    """Two attacks whose guesses hang together; each is right in 70 % and 50 % of two unequal groups."""
    rng, held, times = np.random.default_rng(6), 0, 400
    for _ in range(times):
        groups = np.repeat([0, 1], [400, 60])
        draw = rng.random(460)
        right = np.where(groups == 0, 0.7, 0.5)
        blind, seen = draw < right, np.where(rng.random(460) < 0.5, draw, rng.random(460)) < right + truth
        low, high = Guesses("x", ["a", "b"], groups, seen, blind, None).lift(seen)[1]
        held += low <= truth <= high
    assert 0.925 * times <= held <= 0.98 * times
