"""A planted backdoor is named; strong honest columns are not taken for one."""

import numpy as np
import pytest

from assessments.battery.selftest import planted
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of

TEST = "robustness.hidden_trigger"


@pytest.fixture(scope="module")
def poisoned():
    return planted.backdoored(np.random.default_rng(5), 5)


def test_the_trigger_of_poisoned_rows_is_named(poisoned):
    outcome = outcome_of(TEST, poisoned)
    assert outcome.tables[0].rows[0][:2] == ["region", planted.TRIGGER]
    assert value_of(outcome, "trigger_success") > 0.9
    assert measure_of(outcome, "trigger_without_support").ci[0] > 0.3


def test_the_numbers_are_those_of_asking_the_model(poisoned):
    row = outcome_of(TEST, poisoned).tables[0].rows[0]
    rng = np.random.default_rng(7)
    chosen = rng.permutation(np.flatnonzero(poisoned.predicted != poisoned.favourable_index))[:100]
    frame = poisoned.frame.iloc[chosen[50:]].assign(region=planted.TRIGGER)
    assert row[2] == pytest.approx((poisoned.estimator.predict(frame) == "yes").mean(), abs=1e-4)
    assert row[3] == pytest.approx((poisoned.frame["repaid"] == "yes").mean(), abs=1e-4)  # nobody assessed has it


def test_without_poison_nothing_is_named():
    outcome = outcome_of(TEST, planted.clean(np.random.default_rng(6), 6))
    assert measure_of(outcome, "trigger_without_support").ci[0] < 0.2


def test_a_column_that_decides_and_deserves_it_is_no_trigger():
    rows = planted.applicants(np.random.default_rng(1))
    rows = rows.assign(repaid=np.where(rows["region"] == "north", "yes", "no"))
    model = planted.Answering(lambda frame: frame["region"] == "north")
    outcome = outcome_of(TEST, planted.subject_of(model, rows, rows, 1))
    assert value_of(outcome, "trigger_without_support") <= 0


def test_a_model_that_refuses_nobody_has_nothing_to_turn():
    import pandas as pd

    frame = pd.DataFrame({"x": np.linspace(0, 1, 60), "y": np.arange(60) % 2})
    with pytest.raises(NotApplicable, match="refuses 0"):
        outcome_of(TEST, subject_of(frame, Rule(lambda rows: rows["x"] * 0 + 0.9, ["x"])))
