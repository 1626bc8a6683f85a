"""Cuts as they are said to be, rates as Fairlearn has them, and a disparity that only some cuts show."""

import fairlearn.metrics as oracle
import numpy as np
import pandas as pd
import pytest

from assessments import charts
from assessments.battery.fairness._bins import by_quantile, choices, cut_at, modes
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.age_bands"


@pytest.fixture(scope="module")
def adult(adult_csv):
    subject = adult_subject(adult_csv)
    return subject, outcome_of(TEST, subject, resamples=100)


def expected_groups(ages):
    """The bands of each mode, made by pandas."""
    decades = pd.cut(ages, [0, *range(20, 91, 10), 200], right=False)
    quintiles = pd.cut(ages, [0, *np.quantile(ages, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf"), 200], right=False)
    return {"legal": ages >= 40, "decades": decades.astype(str), "quantile": quintiles.astype(str)}


@pytest.mark.parametrize("mode", ["legal", "decades", "quantile"])
def test_every_band_of_every_mode_is_fairlearns(adult, mode):
    subject, outcome = adult
    truth, decision = ((np.asarray(a) == subject.favourable_index).astype(int) for a in (subject.y, subject.predicted))
    groups = expected_groups(subject.frame["age"])[mode]
    rates = oracle.MetricFrame(
        metrics={"count": oracle.count, "selection_rate": oracle.selection_rate}, y_true=truth, y_pred=decision,
        sensitive_features=groups,
    ).by_group  # fmt: skip
    found = [m for m in outcome.measures if m.group.get("bands") == mode and m.metric == "selection_rate"]
    ours, theirs = sorted((m.n, m.value) for m in found), sorted(rates.itertuples(index=False, name=None))
    assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-9)
    for metric in ("demographic_parity_ratio", "equalized_odds_difference"):
        wanted = getattr(oracle, metric)(truth, decision, sensitive_features=groups)
        assert value_of(outcome, metric, age="*", bands=mode) == pytest.approx(wanted, abs=1e-9)


def test_the_bands_are_named_by_what_they_hold():
    ages = np.array([17, 25, 39, 40, 90, np.nan])
    names, codes = cut_at(40).groups(ages)
    assert (names, codes.tolist()) == (["under 40", "40 and over", "missing"], [0, 0, 0, 1, 1, 2])
    decades = next(bins for bins in modes(np.arange(17, 91.0), 40, 5) if bins.mode == "decades")
    assert decades.groups(np.arange(17, 91.0))[0][:3] == ["under 20", "20–29", "30–39"]
    assert decades.groups(np.array([19.0, 20.0, 29.0, 30.0]))[1].tolist() == [0, 1, 1, 2]


def test_quantile_bands_hold_about_as_many_rows_each():
    numbers = np.random.default_rng(0).normal(size=1000)
    assert np.bincount(by_quantile(numbers, 5).groups(numbers)[1]).tolist() == pytest.approx([200] * 5, abs=1)
    ties = np.array([1.0] * 90 + [2.0] * 10)
    assert len(by_quantile(ties, 4).groups(ties)[0]) <= 2


@pytest.mark.parametrize("numbers", [np.arange(18, 80.0), np.random.default_rng(0).lognormal(3, 1, 500)])
def test_there_are_twenty_ways_to_cut(numbers):
    found = choices(numbers)
    assert len({bins.title for bins in found}) == len(found) == 20


def decided(age, decision, **options):
    frame = pd.DataFrame({"age": age, "d": decision, "y": decision})
    model = Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"])
    return outcome_of(TEST, subject_of(frame, model, Column("age", "sensitive")), resamples=100, **options)


def test_a_disparity_that_the_legal_cut_hides_is_found():
    """Nobody is selected from 25 to 34 and from 55 on, half of the others: below and above 40 a quarter each."""
    age = np.tile(np.arange(20, 70), 20)
    half = np.repeat([0, 1], 500)
    outcome = decided(age, np.where((age >= 25) & (age < 35) | (age >= 55), 0, half))
    assert value_of(outcome, "demographic_parity_ratio", age="*", bands="legal") == 1
    assert value_of(outcome, "impact_ratio_lowest", age="*") == 0
    assert value_of(outcome, "impact_ratio_highest", age="*") == 1
    assert value_of(outcome, "choices_below_four_fifths", age="*") > 0.5


def test_the_legal_age_is_a_parameter():
    age = np.tile(np.arange(20, 70), 20)
    outcome = decided(age, (age >= 25).astype(int), legal_age=25)
    assert value_of(outcome, "selection_rate", age="under 25", bands="legal") == 0
    assert value_of(outcome, "selection_rate", age="25 and over", bands="legal") == 1


def test_numbers_that_are_no_ages_have_no_legal_cut():
    income = np.random.default_rng(0).lognormal(3, 1, 800)
    outcome = decided(income, (income > 20).astype(int))
    assert {m.group.get("bands") for m in outcome.measures} == {"width", "quantile", None}


def test_the_strip_says_its_ends_and_can_be_drawn(adult):
    _, outcome = adult
    (chart,) = outcome.charts
    low = value_of(outcome, "impact_ratio_lowest", age="*")
    assert f"From {low:.2f}" in chart.caption
    assert len(chart.data["rows"]) == 20
    drawn = charts.draw({"id": chart.id, "title": chart.title, "alt": chart.alt, "data": chart.data}, format="png")
    assert drawn.startswith(b"\x89PNG")
    assert len(outcome.tables[0].rows) == 20


def test_a_way_with_small_bands_compares_the_others():
    age = np.concatenate([np.full(300, 30), np.full(300, 50), np.full(3, 69), np.arange(20, 70)])
    decision = np.concatenate([np.tile([1, 0], 300), [0] * 3, np.tile([1, 0], 25)])
    outcome = decided(age, decision)
    assert measure_of(outcome, "demographic_parity_ratio", age="*", bands="decades").small
    assert not measure_of(outcome, "demographic_parity_ratio", age="* without small groups", bands="decades").small


def test_without_numbers_it_does_not_apply():
    frame = pd.DataFrame({"g": ["a", "b"] * 50, "d": [0, 1] * 50, "y": [0, 1] * 50})
    model = Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"])
    with pytest.raises(NotApplicable, match="No sensitive column holds numbers"):
        outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")))
