"""Crossed groups: Fairlearn's rates, what no single column shows, and chance allowed for."""

import fairlearn.metrics as oracle
import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from assessments.battery.fairness._crossing import crossed, crossings
from assessments.battery.fairness._groups import Grouping
from assessments.battery.fairness._significance import (
    EXACT_ROWS,
    each_against_the_rest,
    homogeneity,
    q_values,
    two_rates,
)
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.intersections"
RATES = {
    "selection_rate": oracle.selection_rate,
    "tpr": oracle.true_positive_rate,
    "fpr": oracle.false_positive_rate,
}
BETWEEN = ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference")


@pytest.fixture(scope="module")
def adult(adult_csv):
    subject = adult_subject(adult_csv)
    return subject, outcome_of(TEST, subject, depth=3, most_groups=150, resamples=100)


@pytest.mark.parametrize("columns", [("race", "sex"), ("age", "sex"), ("age", "race"), ("age", "race", "sex")])
def test_every_rate_of_every_crossed_group_is_fairlearns(adult, columns):
    subject, outcome = adult
    truth, decision = ((np.asarray(a) == subject.favourable_index).astype(int) for a in (subject.y, subject.predicted))
    groups = pd.DataFrame({name: np.array(subject.groups(name)[0])[subject.groups(name)[1]] for name in columns})
    expected = oracle.MetricFrame(metrics=RATES, y_true=truth, y_pred=decision, sensitive_features=groups).by_group
    expected = expected.dropna(how="all")
    found = [m for m in outcome.measures if tuple(m.group) == columns and m.metric == "count" and m.n]
    assert len(found) == len(expected)
    for measure in found:
        row = expected.loc[tuple(measure.group.values())]
        for metric in RATES:
            value = value_of(outcome, metric, **measure.group)
            assert row[metric] == 0 if value is None else value == pytest.approx(row[metric], abs=1e-9)
    for metric in BETWEEN:
        value = value_of(outcome, metric, **dict.fromkeys(columns, "*"))
        wanted = getattr(oracle, metric)(truth, decision, sensitive_features=groups)
        assert value == pytest.approx(wanted, abs=1e-9)


def decided(frame, *sensitive, **options):
    model = Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"])
    return outcome_of(TEST, subject_of(frame, model, *(Column(name, "sensitive") for name in sensitive)), **options)


def hidden():
    """Neither sex nor race changes the rate, both together do: half of the women of one race and men of the other."""
    sex, race = ["f", "f", "m", "m"] * 100, ["a", "b"] * 200
    picked = [int((s == "f") == (r == "a") or i % 8 >= 6) for i, (s, r) in enumerate(zip(sex, race, strict=True))]
    return pd.DataFrame({"sex": sex, "race": race, "d": picked, "y": picked})


def test_what_no_single_column_shows_is_found():
    frame = hidden()
    alone = outcome_of(
        "fairness.group_metrics",
        subject_of(
            frame,
            Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"]),
            Column("sex", "sensitive"),
            Column("race", "sensitive"),
        ),
    )
    assert value_of(alone, "demographic_parity_ratio", race="*") > 0.6
    together = decided(frame, "sex", "race")
    assert value_of(together, "demographic_parity_ratio", sex="*", race="*") < 0.6
    assert value_of(together, "selection_rate_q_value", sex="f", race="a") < 1e-6


def test_differential_fairness_is_the_log_of_the_widest_ratio_of_either_decision():
    """Selected 0.75 and 0.25: rejected 0.25 and 0.75; log(3) for either."""
    frame = pd.DataFrame(
        {"a": ["x", "y"] * 200, "b": ["k"] * 400, "d": [1, 0, 1, 0, 1, 0, 0, 1] * 50, "y": [1, 0] * 200}
    )
    found = measure_of(decided(frame, "a", "b"), "differential_fairness", a="*", b="*")
    assert found.value == pytest.approx(np.log(3), abs=1e-12)
    assert found.ci[0] < np.log(3) < found.ci[1]
    even = frame.assign(d=[1, 1, 0, 0] * 100)
    assert value_of(decided(even, "a", "b"), "differential_fairness", a="*", b="*") == 0


def test_small_crossed_groups_are_told_and_not_judged():
    frame = pd.concat(
        [hidden(), pd.DataFrame({"sex": ["x"] * 5, "race": ["a"] * 5, "d": [0] * 5, "y": [0, 1] * 2 + [0]})]
    )
    outcome = decided(frame.reset_index(drop=True), "sex", "race")
    assert measure_of(outcome, "selection_rate", sex="x", race="a").small
    assert measure_of(outcome, "demographic_parity_ratio", sex="*", race="*").small
    judged = dict.fromkeys(("sex", "race"), "* without small groups")
    assert not measure_of(outcome, "demographic_parity_ratio", **judged).small
    assert any("too small for a verdict: x · a" in note for note in outcome.notes)
    assert not [m for m in outcome.measures if m.metric == "selection_rate_q_value" and m.group["sex"] == "x"]


def test_the_largest_groups_are_kept_and_the_rest_is_told():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 9, 900), "b": rng.integers(0, 9, 900), "d": rng.integers(0, 2, 900)})
    subject = subject_of(
        frame.assign(y=frame["d"]), Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"]),
        Column("a", "sensitive"), Column("b", "sensitive"),
    )  # fmt: skip
    sizes = frame.groupby(["a", "b"]).size()
    found = crossed(subject, ("a", "b"), subject.predicted == 1, 20, {"minimum_rows": 5, "minimum_share": 0.0})
    assert (len(found.grouping.parts), found.left_out) == (20, len(sizes) - 20)
    assert int(found.grouping.cells.rows.sum()) + found.rows_left_out == 900
    assert found.grouping.cells.rows.min() >= sizes.nlargest(20).min()
    for (one, other), rows in zip(found.grouping.parts, found.grouping.cells.rows, strict=True):
        assert sizes[int(one), int(other)] == rows
    notes = outcome_of(TEST, subject, most_groups=20, resamples=100).notes
    assert f"a × b: the 20 largest of {len(sizes)} groups are shown and compared; " in notes[0]


def test_no_number_of_columns_makes_more_measures_than_a_result_holds():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{at}": rng.integers(0, 10, 3000) for at in range(6)} | {"d": rng.integers(0, 2, 3000)})
    subject = subject_of(
        frame.assign(y=frame["d"]), Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"]),
        *(Column(f"c{at}", "sensitive") for at in range(6)),
    )  # fmt: skip
    outcome = outcome_of(TEST, subject, plan="thorough", resamples=100)
    assert len(outcome.measures) <= 5000
    assert len(outcome.notes) <= 100


def test_columns_are_crossed_by_twos_first():
    assert crossings(["a", "b", "c"], 2, 10)[0] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert crossings(["a", "b", "c"], 3, 3) == ([("a", "b"), ("a", "c"), ("b", "c")], 4)


def test_with_one_sensitive_column_there_is_nothing_to_cross():
    with pytest.raises(NotApplicable, match="One column only"):
        decided(hidden(), "sex")


def test_each_group_is_compared_with_everybody_else_by_fishers_exact_test():
    frame = hidden()
    outcome = decided(frame, "sex", "race")
    mine = (frame["sex"] == "m") & (frame["race"] == "b")
    table = pd.crosstab(mine, frame["d"]).to_numpy()
    found = value_of(outcome, "selection_rate_p_value", sex="m", race="b")
    assert found == pytest.approx(fisher_exact(table).pvalue, abs=1e-12)
    each = [m.value for m in outcome.measures if m.metric == "selection_rate_p_value"]
    corrected = [m.value for m in outcome.measures if m.metric == "selection_rate_q_value"]
    assert corrected == pytest.approx(false_discovery_control(each), abs=1e-12)


def test_a_group_that_cannot_be_compared_costs_the_others_nothing():
    assert q_values([0.01, None, 0.04]) == pytest.approx([0.02, None, 0.04])
    assert q_values([]) == []


def test_with_many_rows_the_normal_limit_takes_over_from_fishers_test():
    half = EXACT_ROWS // 2
    top, bottom = np.array([half // 10, half // 10 + 60]), np.array([half, half])
    assert two_rates(top, bottom + 1) == pytest.approx(two_rates(top, bottom), rel=0.05)
    assert two_rates(np.array([0, 0]), np.array([half, half + 9])) == 1.0
    assert two_rates(np.array([0, 0]), np.array([0, 9])) is None


def test_several_rates_are_compared_by_pearsons_test():
    """30, 45 and 60 of 100: chi-square 18.18 with two degrees of freedom, by hand."""
    assert homogeneity(np.array([30, 45, 60]), np.array([100] * 3)) == pytest.approx(np.exp(-18.181818 / 2), rel=1e-5)
    assert homogeneity(np.array([0, 0, 0]), np.array([5] * 3)) == 1.0
    assert homogeneity(np.array([3, 0]), np.array([5, 0])) is None


def test_where_no_group_differs_few_are_called_different():
    """Of 40 samples of a model that treats 24 groups alike, about one in twenty calls any group different."""
    rng, called = np.random.default_rng(5), 0
    for _ in range(40):
        top = rng.binomial(60, 0.3, 24)
        called += min(q_values(each_against_the_rest(top, np.full(24, 60)))) <= 0.05
    assert called <= 6


@pytest.mark.long
def test_all_rates_on_all_of_adult_are_fairlearns(adult_csv):
    """Some 40,000 rows by sex, race, age and all their crossings."""
    subject = adult_subject(adult_csv, 40_000)
    truth, decision = ((np.asarray(a) == subject.favourable_index).astype(int) for a in (subject.y, subject.predicted))
    names = {name: np.array(subject.groups(name)[0])[subject.groups(name)[1]] for name in ("age", "race", "sex")}
    for columns in (("sex",), ("race",), ("age",), ("race", "sex"), ("age", "sex"), ("age", "race"), tuple(names)):
        groups = pd.DataFrame({name: names[name] for name in columns})
        expected = oracle.MetricFrame(
            metrics=RATES, y_true=truth, y_pred=decision, sensitive_features=groups
        ).by_group.dropna(how="all")
        if len(columns) == 1:
            grouping = Grouping.of(subject, columns[0], {"minimum_rows": 30, "minimum_share": 0.02})
        else:
            selected = subject.predicted == subject.favourable_index
            grouping = crossed(subject, columns, selected, 999, {"minimum_rows": 30, "minimum_share": 0.02}).grouping
        assert len(grouping.parts) == len(expected)
        for at, part in enumerate(grouping.parts):
            row = expected.loc[part if len(columns) > 1 else part[0]]
            ours = {rate: np.nan_to_num(grouping.cells.rate(rate)[at]) for rate in RATES}
            assert ours == pytest.approx(row.to_dict(), abs=1e-9)
