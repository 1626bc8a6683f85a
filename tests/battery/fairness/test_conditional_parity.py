"""Berkeley's admissions of 1973, hand-worked strata, and a difference that only like people show."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.fairness._strata import contrast, mantel_haenszel, newcombe
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.conditional_parity"
# Bickel, Hammel, O'Connell 1975: men admitted and refused, women admitted and refused, by department.
BERKELEY = np.array(
    [[512, 313, 89, 19], [353, 207, 17, 8], [120, 205, 202, 391], [138, 279, 131, 244], [53, 138, 94, 299],
     [22, 351, 24, 317]]
)  # fmt: skip


@pytest.fixture(scope="module")
def berkeley():
    """A row a person; the model repeats the decision d."""
    cells = [("m", 1), ("m", 0), ("f", 1), ("f", 0)]
    rows = [
        (department, sex, decision)
        for department, counts in zip("ABCDEF", BERKELEY, strict=True)
        for (sex, decision), count in zip(cells, counts, strict=True)
        for _ in range(count)
    ]
    frame = pd.DataFrame(rows, columns=["department", "sex", "d"])
    frame["y"] = frame["d"]
    model = Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"])
    return subject_of(frame, model, Column("sex", "sensitive"))


def test_berkeley_is_explained_by_the_departments(berkeley):
    outcome = outcome_of(TEST, berkeley, strata="department")
    named = {"sex": "m", "alike in": "department"}
    assert value_of(outcome, "raw_difference", **named) == pytest.approx(1198 / 2691 - 557 / 1835, abs=1e-12)
    among = measure_of(outcome, "conditional_difference", **named)
    assert -0.05 < among.value < 0
    assert among.ci[0] < 0 < among.ci[1]
    # Mantel-Haenszel chi-square without correction 1.5246 (R: mantelhaen.test(UCBAdmissions, correct = FALSE)).
    assert value_of(outcome, "conditional_p_value", **named) == pytest.approx(0.2169, abs=5e-4)
    women = value_of(outcome, "conditional_difference", sex="f", **{"alike in": "department"})
    assert women == pytest.approx(-among.value, abs=1e-12)


def test_the_difference_is_the_weighted_mean_of_the_strata():
    found, _, _ = mantel_haenszel(BERKELEY[:, 0], BERKELEY[:, :2].sum(1), BERKELEY[:, 2], BERKELEY[:, 2:].sum(1))
    men, women = BERKELEY[:, :2].sum(1), BERKELEY[:, 2:].sum(1)
    gaps = BERKELEY[:, 0] / men - BERKELEY[:, 2] / women
    assert found == pytest.approx(np.average(gaps, weights=men * women / (men + women)), abs=1e-12)


def test_one_stratum_is_no_stratum():
    rng = np.random.default_rng(0)
    member, selected = rng.random(500) < 0.3, rng.random(500) < 0.4
    one = contrast(member, np.zeros(500, dtype=int), selected)
    assert one.value == pytest.approx(one.raw, abs=1e-12)
    assert one.raw == pytest.approx(selected[member].mean() - selected[~member].mean(), abs=1e-12)


def test_the_raw_interval_is_newcombes():
    """56/70 less 48/80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    assert newcombe((56, 70), (48, 80))[1] == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_without_a_named_column_each_is_a_lead_and_nothing_is_judged(berkeley):
    frame = berkeley.frame
    model = Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d", "department"])
    outcome = outcome_of(TEST, subject_of(frame, model, Column("sex", "sensitive")))
    assert outcome.measures == []
    (table,) = outcome.tables
    within = {(row[0], row[1]): row for row in table.rows}
    assert within["m", "department"][2] == pytest.approx(0.1416, abs=1e-4)
    assert abs(within["m", "department"][3]) < 0.05
    assert "nothing is judged" in outcome.notes[0]


def test_rows_that_are_alone_in_their_stratum_compare_with_nobody():
    member = np.array([True] * 50 + [False] * 50)
    found = contrast(member, np.repeat([0, 1], 50), np.arange(100) % 2 == 0)
    assert (found.value, found.interval, found.p_value) == (None, None, None)


def test_a_column_that_is_not_there_is_named(berkeley):
    with pytest.raises(NotApplicable, match="no column 'salary'"):
        outcome_of(TEST, berkeley, strata="salary")


def coverage(size, samples, seed=1):
    """How often the interval holds a true difference of 0.1 within five strata of other rates; `size` in the group."""
    rng, held, outside = np.random.default_rng(seed), 0, 0
    base = np.array([0.1, 0.2, 0.4, 0.6, 0.8])
    for _ in range(samples):
        member = np.repeat([True, False], [size, 4 * size])
        strata = np.where(member, rng.choice(5, 5 * size, p=[0.1, 0.1, 0.2, 0.3, 0.3]), rng.integers(0, 5, 5 * size))
        selected = rng.random(5 * size) < base[strata] + 0.1 * member
        found = contrast(member, strata, selected)
        low, high = found.interval
        held += low <= 0.1 <= high
        outside += (
            newcombe((int(rng.binomial(size, 0.3)), size), (int(rng.binomial(4 * size, 0.2)), 4 * size))[1][0] > 0.1
        )
    return held / samples, outside / samples


def test_the_interval_holds_the_truth():
    assert coverage(30, 200)[0] >= 0.9


@pytest.mark.long
@pytest.mark.parametrize("size", [30, 300])
def test_the_interval_holds_the_truth_in_many_samples(size):
    held, outside = coverage(size, 3000)
    assert 0.93 <= held <= 0.97
    assert outside <= 0.035
