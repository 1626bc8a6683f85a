"""The performance numbers equal scikit-learn's own functions, and the charts hold them."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from assessments.battery import curves
from assessments.battery.performance import discrimination, probability, threshold_metrics
from assessments.battery.plan import Target
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from tests.battery.applicants import applicants

TESTS = {
    "discrimination": discrimination.run,
    "threshold_metrics": threshold_metrics.run,
    "probability": probability.run,
}


def measured(subject, *names):
    """The measures and the charts of the named tests, by id."""
    measures, charts = {}, {}
    for name in names or TESTS:
        outcome = TESTS[name](subject, {"resamples": 100}, np.random.default_rng(0), lambda done, of: None)
        measures |= {measure.metric: measure for measure in outcome.measures}
        charts |= {chart.id: chart for chart in outcome.charts}
    return measures, charts


def adult_pipeline(last, frame):
    first = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )
    return make_pipeline(first, last).fit(frame.drop(columns="income").head(1000), frame["income"].head(1000))


def expected_binary(truth, predicted, score, probabilities):
    fpr, tpr, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    auc = metrics.roc_auc_score(truth, score)
    return {
        "roc_auc": auc,
        "gini": 2 * auc - 1,
        "ks": (tpr - fpr).max(),
        "average_precision": metrics.average_precision_score(truth, score),
        "accuracy": metrics.accuracy_score(truth, predicted),
        "precision": metrics.precision_score(truth, predicted),
        "recall": metrics.recall_score(truth, predicted),
        "f1": metrics.f1_score(truth, predicted),
        "log_loss": metrics.log_loss(truth, probabilities),
        "brier": metrics.brier_score_loss(truth, score),
    }


@pytest.mark.parametrize("favourable", [">50K", "<=50K"])
@pytest.mark.parametrize(
    "last",
    [
        LogisticRegression(max_iter=500),
        RandomForestClassifier(20, random_state=0),
        HistGradientBoostingClassifier(max_iter=20),
    ],
    ids=["logistic", "forest", "boosting"],
)
def test_every_number_on_adult_equals_scikit_learn(adult_csv, last, favourable):
    frame = pd.read_csv(adult_csv, nrows=2000)
    model = adult_pipeline(last, frame)
    compared(model, frame, "income", favourable)


@pytest.mark.parametrize("favourable", ["yes", "no"])
def test_every_number_on_made_up_rows_equals_scikit_learn(favourable):
    frame = applicants(600)
    model = HistGradientBoostingClassifier(max_iter=10).fit(frame[["age", "income"]], frame["repaid"])
    compared(model, frame, "repaid", favourable)


def compared(model, frame, target, favourable):
    """Every measure against scikit-learn's own functions, and each interval around its value."""
    measures, _ = measured(Subject(model, frame, Target(target, favourable)))
    given = frame[model.feature_names_in_]
    column = list(model.classes_).index(favourable)
    probabilities = model.predict_proba(given)
    expected = expected_binary(
        frame[target] == favourable,
        model.predict(given) == favourable,
        probabilities[:, column],
        probabilities[:, [1 - column, column]],
    )
    assert set(measures) == set(expected)
    for name, value in expected.items():
        assert measures[name].value == pytest.approx(value, abs=1e-9), name
        low, high = measures[name].ci
        assert low <= value <= high, name
        assert low < high, name


def graded():
    frame = applicants(600)
    names = ["age", "income"]
    return frame, names, HistGradientBoostingClassifier(max_iter=15).fit(frame[names], frame["grade"])


def test_more_than_two_labels_are_averaged_as_scikit_learn_does():
    frame, names, model = graded()
    measures, charts = measured(Subject(model, frame, Target("grade", "A")))
    y, predicted, scores = frame["grade"], model.predict(frame[names]), model.predict_proba(frame[names])
    gaps = []
    for position, label in enumerate(model.classes_):
        fpr, tpr, _ = metrics.roc_curve(y == label, scores[:, position])
        gaps.append((tpr - fpr).max())
    onehot = (y.to_numpy()[:, None] == model.classes_[None, :]).astype(int)
    auc = metrics.roc_auc_score(y, scores, multi_class="ovr", average="macro")
    expected = {
        "roc_auc": auc,
        "gini": 2 * auc - 1,
        "ks": np.mean(gaps),
        "average_precision": metrics.average_precision_score(onehot, scores, average="macro"),
        "accuracy": metrics.accuracy_score(y, predicted),
        "precision": metrics.precision_score(y, predicted, average="macro"),
        "recall": metrics.recall_score(y, predicted, average="macro"),
        "f1": metrics.f1_score(y, predicted, average="macro"),
        "log_loss": metrics.log_loss(y, scores),
        "brier": metrics.brier_score_loss(y, scores),
    }
    for name, value in expected.items():
        assert measures[name].value == pytest.approx(value, abs=1e-9), name
        assert measures[name].ci[0] <= value <= measures[name].ci[1], name
    assert [series["name"] for series in charts["roc"].data["series"]] == ["A", "B", "C"]
    assert charts["ks_original"].data["negative"] == "not A"


def test_single_precision_scores_give_scikit_learns_number_too():
    frame, names, model = graded()

    class Single(type(model)):
        def predict_proba(self, given):
            return super().predict_proba(given).astype(np.float32)

    model.__class__ = Single
    measures, _ = measured(Subject(model, frame, Target("grade")), "probability")
    scores = model.predict_proba(frame[names])
    assert scores.dtype == np.float32
    assert measures["log_loss"].value == pytest.approx(metrics.log_loss(frame["grade"], scores), abs=1e-9)
    assert measures["brier"].value == pytest.approx(metrics.brier_score_loss(frame["grade"], scores), abs=1e-9)


def test_a_label_that_the_data_lacks_is_left_out_of_the_mean():
    frame, names, model = graded()
    two = frame[frame["grade"] != "C"].reset_index(drop=True)
    measures, _ = measured(Subject(model, two, Target("grade", "A")))
    scores = model.predict_proba(two[names])
    areas = [metrics.roc_auc_score(two["grade"] == label, scores[:, at]) for at, label in enumerate("AB")]
    assert measures["roc_auc"].value == pytest.approx(np.mean(areas), abs=1e-9)
    expected = metrics.log_loss(two["grade"], scores, labels=["A", "B", "C"])
    assert measures["log_loss"].value == pytest.approx(expected, abs=1e-9)
    macro = metrics.f1_score(two["grade"], model.predict(two[names]), average="macro", zero_division=0)
    assert measures["f1"].value == pytest.approx(macro, abs=1e-9)


def test_row_losses_average_to_the_scores():
    frame, names, model = graded()
    scores = model.predict_proba(frame[names])
    y = np.searchsorted(model.classes_, frame["grade"])
    logarithmic, squared = probability.row_losses(scores, y, 2)
    assert logarithmic.mean() == pytest.approx(metrics.log_loss(y, scores), abs=1e-12)
    assert squared.mean() == pytest.approx(metrics.brier_score_loss(y, scores), abs=1e-12)


def test_margins_rank_but_are_no_probabilities():
    frame = applicants(400)
    model = make_pipeline(StandardScaler(), LinearSVC()).fit(frame[["age"]], frame["repaid"])
    subject = Subject(model, frame, Target("repaid", "yes"))
    with pytest.raises(NotApplicable, match="decision function"):
        measured(subject, "probability")
    measures, charts = measured(subject, "discrimination", "threshold_metrics")
    margins = model.decision_function(frame[["age"]])
    auc = metrics.roc_auc_score(frame["repaid"] == "yes", margins)
    assert measures["roc_auc"].value == pytest.approx(auc, abs=1e-9)
    assert charts["precision_threshold"].data["at"] == 0.5


def test_a_model_that_never_says_yes_has_no_precision():
    frame = applicants(100)
    model = DecisionTreeClassifier(max_depth=1).fit(frame[["age"]], frame["repaid"])
    model.tree_.value[:] = [0.9, 0.1]
    subject = Subject(model, frame, Target("repaid", "yes"))
    outcome = threshold_metrics.run(subject, {"resamples": 50}, np.random.default_rng(0), lambda *_: None)
    values = {measure.metric: (measure.value, measure.ci) for measure in outcome.measures}
    assert values["precision"] == (None, None)
    assert values["recall"][0] == values["f1"][0] == 0
    assert values["recall"][1][1] > 0, "a rate of zero still has an upper end"
    assert "The model never predicts 'yes'." in outcome.notes


def test_rates_of_many_tables_equal_those_of_each():
    tables = np.random.default_rng(0).integers(1, 50, (6, 3, 3))
    together = threshold_metrics.rates(tables, None, np.arange(3))
    for draw, table in enumerate(tables):
        truth, predicted = (np.repeat(index.ravel(), table.ravel()) for index in np.indices((3, 3)))
        assert together["accuracy"][draw] == pytest.approx(metrics.accuracy_score(truth, predicted))
        for name, function in (
            ("precision", metrics.precision_score),
            ("recall", metrics.recall_score),
            ("f1", metrics.f1_score),
        ):
            assert together[name][draw] == pytest.approx(function(truth, predicted, average="macro"))


# Charts


def big_subject(rows=3000):
    frame = applicants(rows)
    model = LogisticRegression().fit(frame[["age"]], frame["repaid"])
    jitter = np.random.default_rng(0).normal(0, 0.01, rows)
    return Subject(model, frame.assign(age=frame["age"] + jitter), Target("repaid", "yes"))


def test_curves_are_thinned_but_keep_their_ends_and_the_largest_gap():
    subject = big_subject()
    measures, charts = measured(subject)
    roc = charts["roc"].data["series"][0]
    assert len(roc["fpr"]) == len(roc["tpr"]) <= curves.POINTS
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0, 0, 1, 1)
    assert max(np.subtract(roc["tpr"], roc["fpr"])) == pytest.approx(measures["ks"].value, abs=1e-12)
    assert metrics.auc(roc["fpr"], roc["tpr"]) == pytest.approx(roc["auc"], abs=1e-3)
    assert roc["auc"] == pytest.approx(measures["roc_auc"].value, abs=1e-12)
    pr = charts["precision_recall"].data["series"][0]
    assert len(pr["recall"]) == len(pr["precision"]) <= curves.POINTS
    assert {pr["recall"][0], pr["recall"][-1]} == {0, 1}
    assert pr["base_rate"] == pytest.approx(subject.y_favourable.mean())


def test_the_ks_curve_is_two_cumulative_shares_with_their_gap():
    subject = big_subject()
    measures, charts = measured(subject, "discrimination")
    data = charts["ks_original"].data
    assert data["ks"] == pytest.approx(measures["ks"].value, abs=1e-12)
    at = data["score"].index(data["at"])
    assert data["cdf_negative"][at] - data["cdf_positive"][at] == pytest.approx(data["ks"], abs=1e-12)
    score, positive = subject.favourable_score, subject.y_favourable
    assert data["cdf_positive"][at] == pytest.approx((score[positive] <= data["at"]).mean())
    assert data["cdf_negative"][-1] == data["cdf_positive"][-1] == 1
    assert (np.diff(data["score"]) > 0).all()
    assert (data["negative"], data["positive"], data["n"]) == ("no", "yes", 3000)


def test_the_precision_graph_is_precision_and_recall_at_each_threshold():
    subject = big_subject()
    _, charts = measured(subject, "threshold_metrics")
    data = charts["precision_threshold"].data
    assert len(data["threshold"]) <= curves.POINTS
    for at in (0, 100, 200, len(data["threshold"]) - 1):
        chosen = subject.favourable_score >= data["threshold"][at]
        assert data["precision"][at] == pytest.approx(subject.y_favourable[chosen].mean(), abs=1e-12)
        assert data["recall"][at] == pytest.approx(chosen[subject.y_favourable].mean(), abs=1e-12)


def test_every_chart_says_its_figures_in_one_sentence():
    measures, charts = measured(big_subject())
    assert set(charts) == {"roc", "precision_recall", "ks_original", "precision_threshold"}
    assert f"{measures['roc_auc'].value:.3f}" in charts["roc"].alt
    assert f"{measures['average_precision'].value:.3f}" in charts["precision_recall"].alt
    assert f"{measures['ks'].value:.3f}" in charts["ks_original"].alt
    assert f"precision {measures['precision'].value:.3f}" in charts["precision_threshold"].alt
    assert all(chart.data["kind"] == chart.id.replace("_original", "") for chart in charts.values())


def test_at_most_six_labels_get_a_curve():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=900), "label": rng.choice(list("abcdefghi"), 900)}).astype(
        {"label": object}
    )
    model = DecisionTreeClassifier(max_depth=4).fit(frame[["x"]], frame["label"])
    _, charts = measured(Subject(model, frame, Target("label")), "discrimination")
    names = [series["name"] for series in charts["roc"].data["series"]]
    assert len(names) == 6
    assert set(names) == set(frame["label"].value_counts().index[:6])
