"""Group metrics equal Fairlearn's, and say where groups are too small to be judged."""

import fairlearn.metrics as oracle
import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.banding import MISSING
from assessments.battery.fairness import _counts
from assessments.battery.fairness._counts import Cells
from assessments.battery.plan import Column
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.group_metrics"
RATES = {
    "selection_rate": oracle.selection_rate,
    "tpr": oracle.true_positive_rate,
    "fpr": oracle.false_positive_rate,
}
DISPARITIES = {
    name: getattr(oracle, name)
    for name in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference")
}


def favourable(subject):
    """True and decided labels as Fairlearn wants them: 1 for favourable."""
    return (subject.y == subject.favourable_index).astype(int), (subject.predicted == subject.favourable_index).astype(
        int
    )


def people(**columns):
    """A table with a column "g" of groups, the model's decision "d" and the truth "y"."""
    return pd.DataFrame(columns)


def decided(frame, **options):
    """The outcome for a model that repeats the column d."""
    model = Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"])
    return outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")), **options)


@pytest.mark.parametrize("column", ["sex", "race", "age"])
def test_every_rate_of_every_group_is_fairlearns(adult_csv, column):
    subject = adult_subject(adult_csv)
    names, codes = subject.groups(column)
    truth, decision = favourable(subject)
    frame = oracle.MetricFrame(metrics=RATES, y_true=truth, y_pred=decision, sensitive_features=np.array(names)[codes])
    outcome = outcome_of(TEST, subject)
    for metric in RATES:
        for name in names:
            found = value_of(outcome, metric, **{column: name})
            expected = frame.by_group.loc[name, metric]
            assert expected == 0 if found is None else found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("column", ["sex", "race", "age"])
@pytest.mark.parametrize("metric", DISPARITIES)
def test_every_disparity_is_fairlearns(adult_csv, column, metric):
    subject = adult_subject(adult_csv)
    truth, decision = favourable(subject)
    _, codes = subject.groups(column)
    expected = DISPARITIES[metric](truth, decision, sensitive_features=codes)
    assert value_of(outcome_of(TEST, subject), metric, **{column: "*"}) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", DISPARITIES)
def test_rows_without_a_group_are_shown_but_not_compared(adult_csv, metric):
    full = adult_subject(adult_csv)
    frame = full.frame.copy()
    frame.loc[::7, "sex"] = np.nan
    model = Rule(lambda rows: (rows["hours_per_week"] > 45) * 0.8 + 0.1, ["hours_per_week"])
    frame["income"] = (frame["income"] == ">50K").astype(int)
    subject = subject_of(frame, model, Column("sex", "sensitive"), target="income")
    known = frame["sex"].notna().to_numpy()
    truth, decision = favourable(subject)
    expected = DISPARITIES[metric](truth[known], decision[known], sensitive_features=frame["sex"][known])
    outcome = outcome_of(TEST, subject)
    assert value_of(outcome, metric, sex="*") == pytest.approx(expected, abs=1e-9)
    assert value_of(outcome, "count", sex=MISSING) == (~known).sum()


def test_ppv_is_the_share_of_the_selected_who_are_truly_favourable(adult_csv):
    subject = adult_subject(adult_csv)
    truth, decision = favourable(subject)
    women = (subject.frame["sex"] == "Female").to_numpy()
    expected = truth[women & (decision == 1)].mean()
    assert value_of(outcome_of(TEST, subject), "ppv", sex="Female") == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("metric", DISPARITIES)
def test_resampling_the_counts_is_resampling_the_rows(adult_csv, metric):
    """One multinomial over the cells against Fairlearn on rows drawn again."""
    subject = adult_subject(adult_csv)
    truth, decision = favourable(subject)
    group = (subject.frame["sex"] == "Male").to_numpy().astype(int)
    truth, decision, group = truth[:600], decision[:600], group[:600]
    rng, theirs = np.random.default_rng(3), []
    for _ in range(80):
        rows = rng.integers(len(truth), size=len(truth))
        theirs.append(DISPARITIES[metric](truth[rows], decision[rows], sensitive_features=group[rows]))
    cells = Cells.of(group, truth == 1, decision == 1, 2).resampled(1000, rng)
    low, high = np.percentile(theirs, [2.5, 97.5])
    ours = np.percentile(getattr(_counts, metric)(cells), [2.5, 97.5])
    assert np.abs(ours - [low, high]).max() < 0.3 * (high - low)


@pytest.mark.parametrize("metric", DISPARITIES)
def test_between_two_large_groups_the_interval_is_nearly_that_of_the_bootstrap(adult_csv, metric):
    subject = adult_subject(adult_csv)
    truth, decision = favourable(subject)
    group = (subject.frame["sex"] == "Male").to_numpy().astype(int)
    cells = Cells.of(group, truth == 1, decision == 1, 2).resampled(2000, np.random.default_rng(3))
    low, high = np.percentile(getattr(_counts, metric)(cells), [2.5, 97.5])
    found = np.array(measure_of(outcome_of(TEST, subject), metric, sex="*").ci)
    assert np.abs(found - [low, high]).max() < 0.35 * (high - low)


def test_a_resample_of_the_cells_keeps_the_number_of_rows():
    cells = Cells.of(np.array([0, 0, 1, 1]), np.array([1, 0, 1, 0], bool), np.array([1, 1, 0, 0], bool), 2)
    drawn = cells.resampled(50, np.random.default_rng(0))
    assert drawn.counts.shape == (50, 2, 2, 2)
    assert (drawn.rows.sum(-1) == 4).all()


def test_a_model_that_selects_men_only_has_an_impact_ratio_of_zero():
    frame = people(g=["m", "f"] * 50, d=[1, 0] * 50, y=[1, 1, 0, 0] * 25)
    outcome = decided(frame)
    assert value_of(outcome, "demographic_parity_ratio", g="*") == 0
    assert value_of(outcome, "demographic_parity_difference", g="*") == 1
    assert value_of(outcome, "equalized_odds_difference", g="*") == 1


def test_a_model_that_treats_groups_alike_has_an_impact_ratio_of_one():
    frame = people(g=["m", "m", "f", "f"] * 25, d=[1, 0] * 50, y=[1, 0, 1, 1] * 25)
    assert value_of(decided(frame), "demographic_parity_ratio", g="*") == 1


def small_and_large():
    """Two large groups selected at 1/2 and 1/4, and ten people of whom nobody is."""
    large = people(g=["a"] * 200 + ["b"] * 200, d=[1, 0] * 100 + [1, 0, 0, 0] * 50, y=[1, 1, 0, 0] * 100)
    return pd.concat([large, people(g=["c"] * 10, d=[0] * 10, y=[1, 0] * 5)], ignore_index=True)


def test_a_small_group_is_reported_and_left_out_of_what_is_judged():
    outcome = decided(small_and_large())
    headline = measure_of(outcome, "demographic_parity_ratio", g="*")
    judged = measure_of(outcome, "demographic_parity_ratio", g="* without small groups")
    assert (headline.value, headline.small) == (0, True)
    assert (judged.value, judged.small, judged.n) == (0.5, False, 400)
    assert measure_of(outcome, "selection_rate", g="c").small


def test_without_small_groups_there_is_one_value_and_it_is_judged():
    outcome = decided(small_and_large(), minimum_rows=1, minimum_share=0.0)
    found = [m for m in outcome.measures if m.metric == "demographic_parity_ratio"]
    assert [(m.group, m.small) for m in found] == [({"g": "*"}, False)]


def test_with_one_large_group_nothing_is_judged():
    outcome = decided(small_and_large().query("g != 'b'").reset_index(drop=True))
    found = [m for m in outcome.measures if m.metric in DISPARITIES]
    assert all(m.small for m in found)
    assert any("nothing is judged" in note for note in outcome.notes)


def test_a_column_with_one_group_is_not_compared():
    outcome = decided(people(g=["a"] * 60, d=[0, 1] * 30, y=[0, 1, 1] * 20))
    assert not [m for m in outcome.measures if m.metric in DISPARITIES]
    assert outcome.notes == ["g has one group only: nothing to compare."]


def nobody_deserving():
    """Nobody of group b is truly favourable, so b has no true positive rate."""
    return people(g=["a"] * 100 + ["b"] * 100, d=[1, 0, 0, 0] * 50, y=[1, 0] * 50 + [0] * 100)


def test_a_rate_that_divides_by_no_row_is_null_and_zero_in_fairlearns_headline():
    outcome, frame = decided(nobody_deserving()), nobody_deserving()
    expected = oracle.equalized_odds_difference(frame["y"], frame["d"], sensitive_features=frame["g"])
    assert value_of(outcome, "tpr", g="b") is None
    assert value_of(outcome, "equalized_odds_difference", g="*") == pytest.approx(expected, abs=1e-12)


def test_a_rate_that_divides_by_no_row_is_left_out_of_what_is_judged():
    outcome = decided(nobody_deserving())
    fpr = [value_of(outcome, "fpr", g=name) for name in "ab"]
    judged = measure_of(outcome, "equalized_odds_difference", g="* without small groups")
    assert judged.value == pytest.approx(abs(fpr[0] - fpr[1]))
    assert not judged.small


def test_where_nobody_is_selected_there_is_no_ratio():
    outcome = decided(people(g=["a", "b"] * 50, d=[0] * 100, y=[0, 0, 1, 1] * 25))
    found = measure_of(outcome, "demographic_parity_ratio", g="*")
    assert (found.value, found.ci) == (None, None)
    assert value_of(outcome, "demographic_parity_difference", g="*") == 0


def test_with_three_classes_the_favourable_one_stands_against_the_rest():
    frame = people(g=["a", "b"] * 60, d=[0, 1, 2] * 40, y=["no", "maybe", "yes", "yes"] * 30)
    model = DecisionTreeClassifier(max_depth=2).fit(frame[["d"]], pd.Series(["no", "maybe", "yes"] * 40))
    subject = subject_of(frame, model, Column("g", "sensitive"), favourable="yes")
    expected = oracle.equalized_odds_difference(frame["y"] == "yes", frame["d"] == 2, sensitive_features=frame["g"])
    assert subject.task == "multiclass"
    assert value_of(outcome_of(TEST, subject), "equalized_odds_difference", g="*") == pytest.approx(expected, abs=1e-9)


def test_the_chart_says_its_figures_in_a_sentence(adult_csv):
    subject = adult_subject(adult_csv)
    (chart,) = [chart for chart in outcome_of(TEST, subject).charts if chart.id == "selection_rate_sex"]
    rates = {group["name"]: group["rate"] for group in chart.data["groups"]}
    assert f"Female: {100 * rates['Female']:.3g} %" in chart.caption
    assert f"{rates['Female'] / rates['Male']:.2f} of the highest" in chart.alt
    assert chart.data["four_fifths"] == pytest.approx(0.8 * rates["Male"])


def test_the_counts_of_the_chart_add_up_to_the_rows(adult_csv):
    subject = adult_subject(adult_csv)
    (chart,) = [chart for chart in outcome_of(TEST, subject).charts if chart.id == "count_age"]
    truth, decision = favourable(subject)
    totals = {key: sum(group[key] for group in chart.data["groups"]) for key in ("n", "favourable", "selected")}
    assert totals == {"n": len(truth), "favourable": truth.sum(), "selected": decision.sum()}


def test_the_same_seed_gives_the_same_intervals(adult_csv):
    subject = adult_subject(adult_csv)
    assert outcome_of(TEST, subject, seed=1) == outcome_of(TEST, subject, seed=1)
    assert outcome_of(TEST, subject, seed=1) != outcome_of(TEST, subject, seed=2)


@pytest.mark.parametrize("column", ["número", "a/b", "x" * 200, "sex\n"])
def test_a_chart_of_any_column_has_an_id_that_the_intake_takes(column):
    import jsonschema

    from assessments.battery.fairness.group_metrics import chart_id
    from assessments.recording import CHART

    jsonschema.validate(chart_id("selection_rate", column), CHART["properties"]["id"])
    assert chart_id("selection_rate", "sex") == "selection_rate_sex"
    assert chart_id("count", "a/b") != chart_id("count", "a?b")
