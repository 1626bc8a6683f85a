"""Slips in one column: each kind does what it says, and formulas of known weakness show it."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.plan import Column
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness.data_errors import heap, slips
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import HardRule, Rule, measure_of, outcome_of, subject_of, value_of
from tests.battery.test_regression import house_subject

TEST = "robustness.data_errors"


def table(rows=400):
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "income": rng.integers(1000, 9000, rows),
            "age": rng.integers(18, 80, rows),
            "job": rng.choice(["clerk", "nurse"], rows),
            "y": rng.integers(0, 2, rows),
        }
    )


def subject_with(rule, *columns):
    return subject_of(table(), rule, *columns)


def test_each_slip_changes_one_column_as_it_says():
    subject = subject_with(Rule(lambda f: f["age"] > 40, ["income", "age", "job"]))
    sample = q.Sample.draw(subject, 400, np.random.default_rng(0))
    made = {
        (kind, where): subject.coder.decode(codes) for kind, where, codes in slips(sample, np.random.default_rng(0))
    }
    frame = subject.frame
    assert made["100 times too large", "income"]["income"].equals(100 * frame["income"])
    assert made["sign changed", "age"]["age"].equals(-frame["age"])
    assert set(made["rounded", "age"]["age"] % 5) == {0}
    assert made["two columns exchanged", "income and age"]["age"].equals(frame["income"])
    typed = made["typing error", "job"]["job"]
    assert not (typed == frame["job"]).any()
    assert (typed.str.lower().str.len() - frame["job"].str.len()).abs().max() == 1
    assert typed.nunique() > 10


@pytest.mark.parametrize(("spread", "step"), [(13.6, 5), (4.1, 2), (2500, 1000), (0.3, 0.1), (0, 0)])
def test_people_round_to_ones_twos_and_fives(spread, step):
    assert heap(spread) == pytest.approx(step)


def test_a_threshold_on_an_amount_falls_to_a_wrong_unit():
    subject = subject_with(HardRule(lambda f: f["income"] >= 5000, ["income", "age"]))
    outcome = outcome_of(TEST, subject, rows=400)
    below = (subject.frame["income"] < 5000) & (10 * subject.frame["income"] >= 5000)
    assert value_of(outcome, "worst_column_flip_rate", mistake="10 times too large", column="income") == below.mean()
    assert value_of(outcome, "flip_rate", mistake="10 times too large") == pytest.approx(below.mean() / 2)


def test_a_constant_does_not_mind_and_a_refusal_is_no_change():
    calm = outcome_of(TEST, subject_with(HardRule(lambda f: np.ones(len(f)), ["income", "job"])))
    assert (value_of(calm, "flip_rate"), value_of(calm, "refused_share")) == (0.0, 0.0)

    def strict(frame):
        if not set(frame["job"]) <= {"clerk", "nurse"}:
            raise ValueError("unknown job")
        return frame["job"] == "nurse"

    outcome = outcome_of(TEST, subject_with(HardRule(strict, ["job"])))
    assert [m.metric for m in outcome.measures] == ["refused_share"]
    assert value_of(outcome, "refused_share") == 1.0
    assert "unknown job" in outcome.tables[1].rows[0][2]


def test_groups_are_told_apart_and_numbers_are_measured():
    rule = HardRule(lambda f: (f["age"] > 0) | (f["job"] == "nurse"), ["age", "job"])
    outcome = outcome_of(TEST, subject_with(rule, Column("job", "sensitive")), rows=400)
    clerk, nurse = (measure_of(outcome, "flip_rate", job=job).value for job in ("clerk", "nurse"))
    assert clerk > nurse
    house = outcome_of(TEST, house_subject())
    assert value_of(house, "flip_rate", mistake="100 times too large") == 1.0


def test_codes_without_numbers_or_text_have_no_slips():
    frame = pd.DataFrame({"flag": np.arange(60) % 2 == 0, "y": np.arange(60) % 2})
    with pytest.raises(NotApplicable, match="no slip to make"):
        outcome_of(TEST, subject_of(frame, Rule(lambda f: f["flag"], ["flag"])))


def test_the_same_seed_gives_the_same():
    subject = subject_with(HardRule(lambda f: f["job"] == "nurse", ["job", "age"]))
    assert outcome_of(TEST, subject) == outcome_of(TEST, subject)
