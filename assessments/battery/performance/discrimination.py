"""How well do the scores put favourable rows before the others, whatever the threshold?

ROC AUC is the chance that a favourable row scores above another one, ties one half (Hanley and McNeil 1982);
Gini = 2 AUC - 1; KS = the largest gap between true and false positive rate; average precision sums precision over the
steps in recall. With more than two labels each is the plain mean over the one-against-rest questions. Values are
scikit-learn's; the intervals are percentile bootstraps over rows, for KS corrected for the upward bias of a maximum.

What to do: where it fails, no threshold will help: better columns, more rows or another method are needed. Compare it
with “Against simple models” before spending on either.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.curves import ks_data, rest_name, shown_labels, thinned
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, battery_test
from assessments.battery.subject import Subject

METRICS = [
    Metric("roc_auc", "ROC AUC", better="higher"),
    Metric("gini", "Gini coefficient", better="higher"),
    Metric("ks", "Kolmogorov–Smirnov distance", better="higher"),
    Metric("average_precision", "Average precision", better="higher"),
]


@battery_test(
    title="Discrimination",
    needs=Needs(scores=True),
    params=[Param("resamples", 1000, "Bootstrap resamples", quick=300, thorough=2000, minimum=50, maximum=20_000)],
    metrics=METRICS,
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_TESTING,
        controls.OSFI_REVIEW,
        controls.EU_ACCURACY,
        controls.EU_METRICS_DOCUMENTED,
        controls.NIST_TEST_METRICS,
    ],
    charts=["roc", "precision_recall", "ks_original"],
    headline=("roc", "precision_recall", "ks_original"),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    truth, scores = questions(subject)
    values = ranking_values(truth, scores)
    progress(1, 3)
    draws = stats.ranking_draws(truth, scores, params["resamples"], rng)
    values["gini"], draws["gini"] = 2 * values["roc_auc"] - 1, 2 * draws["roc_auc"] - 1
    progress(2, 3)
    intervals = {name: stats.percentile_interval(draws[name]) for name in values}
    intervals["ks"] = stats.corrected_interval(draws["ks"], values["ks"])
    measures = [
        Measure(metric.id, values[metric.id], intervals[metric.id], len(truth), better=metric.better)
        for metric in METRICS
    ]
    charts = [_roc(subject, values, intervals), _precision_recall(subject, values, intervals), _ks(subject)]
    notes = []
    if not subject.scores_are_probabilities:
        notes.append("The scores come from decision_function, mapped to 0–1 in the same order.")
    if subject.task == "multiclass":
        notes.append("Each number is the mean over one-against-rest questions, one a label.")
    return Outcome(measures, [chart for chart in charts if chart is not None], notes=notes)


def questions(subject: Subject) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """(rows, questions): the true answers and the scores. One question for binary, one a label present otherwise."""
    scores = subject.scores
    assert scores is not None  # noqa: S101 - the runner has checked Needs(scores=True)
    counts = np.bincount(subject.y, minlength=len(subject.labels))
    asked = [subject.favourable_index] if subject.task == "binary" else np.flatnonzero(counts).tolist()
    return np.column_stack([subject.y == c for c in asked]), scores[:, asked]


def ranking_values(truth: NDArray[np.bool_], scores: NDArray[Any]) -> dict[str, float]:
    """scikit-learn's values, the mean over the questions."""
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    found: dict[str, list[float]] = {"roc_auc": [], "ks": [], "average_precision": []}
    for c in range(truth.shape[1]):
        fpr, tpr, _ = roc_curve(truth[:, c], scores[:, c], drop_intermediate=False)
        found["roc_auc"].append(roc_auc_score(truth[:, c], scores[:, c]))
        found["ks"].append(float(np.max(tpr - fpr)))
        found["average_precision"].append(average_precision_score(truth[:, c], scores[:, c]))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _with_interval(value: float, interval: stats.Interval | None) -> str:
    return f"{value:.3f}" + (f" (95 % interval {interval[0]:.3f}–{interval[1]:.3f})" if interval else "")


def _roc(subject: Subject, values: dict[str, float], intervals: dict[str, stats.Interval | None]) -> Chart:
    from sklearn.metrics import auc, roc_curve

    assert subject.scores is not None  # noqa: S101
    series = []
    for c in shown_labels(subject):
        fpr, tpr, _ = roc_curve(subject.y == c, subject.scores[:, c])
        kept = thinned(len(fpr), int(np.argmax(tpr - fpr)))
        series.append(
            {
                "name": subject.labels[c],
                "fpr": fpr[kept].tolist(),
                "tpr": tpr[kept].tolist(),
                "auc": float(auc(fpr, tpr)),
            }
        )
    area = _with_interval(values["roc_auc"], intervals["roc_auc"])
    return Chart(
        "roc",
        "ROC curve",
        f"True against false positive rate at every threshold, {len(subject.y):,} rows. Area {area}; 0.5 is chance.",
        f"ROC curve of {_whose(subject)}: area under the curve {area}.",
        {"kind": "roc", "series": series},
    )


def _precision_recall(subject: Subject, values: dict[str, float], intervals: dict[str, stats.Interval | None]) -> Chart:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    assert subject.scores is not None  # noqa: S101
    series = []
    for c in shown_labels(subject):
        truth, score = subject.y == c, subject.scores[:, c]
        precision, recall, _ = precision_recall_curve(truth, score)
        kept = thinned(len(recall))
        series.append(
            {
                "name": subject.labels[c],
                "recall": recall[kept].tolist(),
                "precision": precision[kept].tolist(),
                "average_precision": float(average_precision_score(truth, score)),
                "base_rate": float(truth.mean()),
            }
        )
    value = _with_interval(values["average_precision"], intervals["average_precision"])
    base = series[0]["base_rate"] if len(series) == 1 else None
    chance = f" A model that ranks at random has {base:.3f}." if base is not None else ""
    return Chart(
        "precision_recall",
        "Precision–recall curve",
        f"Precision against recall at every threshold. Average precision {value}.{chance}",
        f"Precision–recall curve of {_whose(subject)}: average precision {value}.",
        {"kind": "precision_recall", "series": series},
    )


def _ks(subject: Subject) -> Chart | None:
    positive, score = subject.y_favourable, subject.favourable_score
    if score is None or not 0 < positive.sum() < len(positive):
        return None
    data = ks_data(score, positive, (rest_name(subject), subject.favourable))
    return Chart(
        "ks_original",
        "KS curve, original data",
        f"Share of the rows at or below each score, by true label. The largest gap is {data['ks']:.3f} "
        f"at a score of {data['at']:.3f}.",
        f"Two cumulative curves of the score, {data['negative']} and {data['positive']}: "
        f"the largest gap is {data['ks']:.3f}, at a score of {data['at']:.3f}.",
        data,
    )


def _whose(subject: Subject) -> str:
    return f"the label {subject.favourable}" if subject.task == "binary" else f"{len(subject.labels)} labels"
