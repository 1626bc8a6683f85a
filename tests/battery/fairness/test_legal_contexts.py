"""The published form of Local Law 144, the arithmetic of the Guidelines' own example, contexts as dated data."""

import numpy as np
import pandas as pd
import pytest

from assessments import charts
from assessments.battery import controls
from assessments.battery.fairness._intervals import pair_ratio_interval
from assessments.battery.fairness._legal import FILE, contexts
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.legal_contexts"


def decided(frame, *sensitive, **options):
    model = Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"])
    return outcome_of(TEST, subject_of(frame, model, *(Column(name, "sensitive") for name in sensitive)), **options)


def applicants():
    """The question and answer on the Guidelines (44 FR 11998): 80 whites, 48 hired; 40 blacks, 12 hired."""
    hired = [1] * 48 + [0] * 32 + [1] * 12 + [0] * 28
    return pd.DataFrame(
        {"race": ["white"] * 80 + ["black"] * 40, "sex": ["m", "f"] * 60, "d": hired, "y": np.resize([1, 0, 1], 120)}
    )


def table_of(outcome, start):
    (found,) = [table for table in outcome.tables if table.id.startswith(start)]
    return found


def test_the_guidelines_own_example():
    """60 % against 30 %: the ratio is one half, and 7 more hires would have reached four-fifths (19.2 of 40)."""
    outcome = decided(applicants(), "race", contexts="eeoc")
    found = measure_of(outcome, "impact_ratio", race="black")
    assert found.value == pytest.approx(0.5, abs=1e-12)
    assert found.ci[0] < 0.5 < found.ci[1] < 0.9
    table = table_of(outcome, "eeoc_race")
    rows = {row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}
    assert (rows["black"]["rows"], rows["black"]["selected"], rows["black"]["impact ratio"]) == (40, 12, 0.5)
    assert rows["black"]["shortfall"] == 8  # 20 of 40 are the first that reach 0.48
    assert (rows["white"]["impact ratio"], rows["white"]["shortfall"]) == (1.0, 0)
    assert "Below 0.8: black." in table.note


def test_local_law_144_shows_categories_and_their_intersections():
    frame = applicants()
    outcome = decided(frame, "race", "sex", contexts="nyc_ll144")
    assert {table.id for table in outcome.tables} >= {"nyc_ll144_race", "nyc_ll144_sex", "nyc_scoring_race"}
    crossed = next(table for table in outcome.tables if table.id.startswith("nyc_ll144_race _"))
    assert crossed.columns == ["race × sex", "rows", "selected", "selection rate", "impact ratio"]
    rates = frame.groupby(["race", "sex"])["d"].mean()
    for name, rows, selected, rate, ratio in crossed.rows:
        race, sex = name.split(" · ")
        mine = frame[(frame["race"] == race) & (frame["sex"] == sex)]
        assert (rows, selected) == (len(mine), mine["d"].sum())
        assert rate == pytest.approx(rates[race, sex], abs=1e-6)
        assert ratio == pytest.approx(rates[race, sex] / rates.max(), abs=1e-6)


def test_the_scoring_rate_is_the_share_above_the_median_of_all():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": np.resize(["a", "a", "b"], 300), "s": rng.random(300), "y": rng.integers(0, 2, 300)})
    model = Rule(lambda rows: rows["s"], ["s"])
    outcome = outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")), contexts="nyc_ll144")
    above = frame["s"] > frame["s"].median()
    rates = above.groupby(frame["g"]).mean()
    assert value_of(outcome, "scoring_impact_ratio", g="a") == pytest.approx(rates["a"] / rates.max(), abs=1e-12)
    assert table_of(outcome, "nyc_scoring").rows[0][2] == pytest.approx(rates["a"], abs=1e-6)


def test_a_category_below_two_per_cent_is_shown_without_a_ratio():
    few = pd.DataFrame({"race": ["other"] * 2, "sex": ["m"] * 2, "d": [1, 1], "y": [1, 0]})
    outcome = decided(pd.concat([applicants(), few], ignore_index=True), "race", contexts="nyc_ll144")
    shown = {row[0]: row[1:] for row in table_of(outcome, "nyc_ll144_race").rows}
    assert shown["other"] == [2, 2, 1.0, None]
    assert shown["white"][3] == 1.0  # the most selected that is counted
    assert "without a ratio: other" in table_of(outcome, "nyc_ll144_race").note
    assert value_of(decided(applicants(), "race"), "impact_ratio", race="black") == pytest.approx(0.5)


def test_the_unknown_are_counted():
    frame = applicants()
    frame.loc[::10, "race"] = np.nan
    assert "12 people of unknown category" in table_of(decided(frame, "race", contexts="eeoc"), "eeoc").note


def test_all_contexts_stand_side_by_side_and_claim_nothing():
    outcome = decided(applicants(), "race")
    assert {table.id.split("_race")[0] for table in outcome.tables} >= {"eeoc", "nyc_ll144", "ecoa", "eu"}
    said = " ".join(outcome.notes).lower()
    assert "evidence toward" in said
    assert "compliant" not in said
    assert "compliant" not in FILE.read_text().lower()


def test_a_context_that_is_not_there_is_named():
    with pytest.raises(NotApplicable, match="no legal context mars; there are eeoc"):
        decided(applicants(), "race", contexts="mars")


def test_every_clause_of_the_data_is_a_control_of_the_test():
    known = {value for name, value in vars(controls).items() if name.isupper()}
    named = {clause for context in contexts("all") for clause in context.clauses}
    assert named <= known


def test_the_interval_of_a_ratio_is_the_inverse_of_that_the_other_way():
    low, high = pair_ratio_interval((12, 40), (48, 80))
    assert pair_ratio_interval((48, 80), (12, 40)) == pytest.approx((1 / high, 1 / low), rel=1e-9)
    assert pair_ratio_interval((0, 40), (48, 80))[0] == 0


def coverage(rows, rates, samples):
    rng, held = np.random.default_rng(6), 0
    for _ in range(samples):
        one, other = (int(rng.binomial(n, rate)) for n, rate in zip(rows, rates, strict=True))
        low, high = pair_ratio_interval((one, rows[0]), (other, rows[1])) if other else (0.0, np.inf)
        held += low <= rates[0] / rates[1] <= high
    return held / samples


@pytest.mark.parametrize("rows", [(30, 30), (40, 400), (2000, 3000)])
def test_the_interval_holds_the_truth(rows):
    assert 0.93 <= coverage(rows, (0.3, 0.45), 2000) <= 0.97


def test_the_ratios_can_be_drawn():
    (chart,) = decided(applicants(), "race").charts
    assert charts.draw(chart.__dict__, format="svg").startswith(b"<svg")
