"""Reasons for refusals: the columns that lowered the answer, in words, against cases that the model approves."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.explainability.reason_codes import overlap, reasons_of, spoken, usually
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from assessments.battery.stats import wilson
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of

TEST = "explainability.reason_codes"
NAMES = ["income", "debt", "city", "unused"]


def people(n=200, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": rng.uniform(0, 1, n), "debt": rng.uniform(0, 1, n), "city": rng.choice(["near", "far"], n),
            "unused": rng.uniform(0, 1, n),
        }
    )  # fmt: skip
    return frame.assign(y=(frame["income"] > frame["debt"]).astype(int))


def additive(frame):
    return 0.5 + 0.4 * (frame["income"] - 0.5) - 0.3 * (frame["debt"] - 0.5) - 0.1 * (frame["city"] == "far")


def found(decide=additive, frame=None, *columns, **params):
    frame = people() if frame is None else frame
    return outcome_of(TEST, subject_of(frame, Rule(decide, NAMES), *columns), **params)


def test_the_reasons_are_those_of_an_additive_model_by_hand():
    frame = people()
    scores = additive(frame)
    refused, approved = frame[scores <= 0.5], frame[scores > 0.5]
    outcome = found(rows=1000, background=1000)  # all refused, against all approved
    terms = {"income": 0.4 * frame["income"], "debt": -0.3 * frame["debt"], "city": -0.1 * (frame["city"] == "far")}
    assert value_of(outcome, "reason_share", column="unused") == 0
    assert measure_of(outcome, "reason_share", column="income").n == len(refused)
    case = outcome.charts[0]
    row = int(case.title.split("row ")[1].split(" was")[0].replace(",", "")) - 1
    values = {step["name"]: step["value"] for step in case.data["steps"]}
    assert sum(values.values()) == pytest.approx(scores[row] - case.data["base"], abs=1e-12)
    means = {name: float(terms[name][row]) - values[name] for name in terms}
    mid = {name: float(term[approved.index].mean()) for name, term in terms.items()}
    assert means == pytest.approx(mid, abs=0.03)


def test_shares_count_the_refused_cases_with_wilson_s_interval():
    outcome = found(lambda frame: 0.2 + 0.6 * frame["income"], rows=1000)
    share = measure_of(outcome, "reason_share", column="income")
    assert share.ci == wilson(round(share.value * share.n), share.n)
    assert share.value > 0.95  # nothing else can lower the answer
    assert value_of(outcome, "reason_share", column="debt") == 0


def test_a_sensitive_column_among_the_reasons_is_counted_and_said():
    plain = found(additive, None, Column("unused", "sensitive"))
    assert value_of(plain, "sensitive_reason_share") == 0
    by_city = found(additive, None, Column("city", "sensitive"))
    told = [row for row in by_city.tables[0].rows if row[2].startswith("city")]
    assert value_of(by_city, "sensitive_reason_share") == value_of(by_city, "reason_share", column="city") > 0
    assert all("A sensitive column" in row[2] for row in told)
    assert any(step["sensitive"] for step in by_city.charts[0].data["steps"])


def test_at_most_four_reasons_the_worst_first_and_none_that_helped():
    values = np.array([[-3.0, 1, -1, -2, -0.5, -0.1], [1.0, 2, 0, 0, 0, 0]])
    assert reasons_of(values, 4) == [[0, 3, 2, 4], []]
    assert (overlap([0, 3], [3, 2]), overlap([], []), overlap([1], [])) == (1 / 3, 1.0, 0.0)


def test_reasons_are_sentences():
    numbers, letters = pd.Series([0.0, 0, 30000]), pd.Series(["a", "a", "b", None])
    assert usually(numbers, 5.0) == "0 in the middle"
    assert usually(numbers, 0.0) == "10,000 on average"
    assert usually(letters, "b") == "mostly “a” (50%)"
    assert usually(pd.Series([np.nan]), 1.0) == "missing"
    assert [spoken(value) for value in (np.nan, None, 1234.5, "x", True)] == [
        "missing", "missing", "1,234.5", "“x”", "“True”"
    ]  # fmt: skip


def test_the_chart_says_what_the_values_say():
    case = found().charts[0]
    data = case.data
    assert data["base"] + sum(step["value"] for step in data["steps"]) == pytest.approx(data["score"], abs=1e-12)
    assert f"is {data['score']:.2f}, against {data['base']:.2f} on average" in case.caption


def test_where_nobody_is_refused_nobody_is_owed_a_reason():
    with pytest.raises(NotApplicable, match="nobody is owed a reason"):
        found(lambda frame: 0.9 + 0 * frame["income"])


def test_few_approved_cases_leave_all_to_compare_with():
    outcome = found(lambda frame: 0.3 + 0.21 * (frame["income"] > 0.98) + 0.1 * frame["debt"])
    assert any("approves too few cases" in note for note in outcome.notes)
    with pytest.raises(ValueError, match="against must be approved or all"):
        found(against="nobody")


def test_the_same_seed_gives_the_same_outcome():
    assert found() == found()
