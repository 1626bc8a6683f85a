"""How often are the decisions that the model itself takes right?

Accuracy, precision, recall and F1 of model.predict, with the favourable label as the positive one; with more than two
labels precision, recall and F1 are plain means over the labels (macro). Values are scikit-learn's. Intervals are a
multinomial bootstrap of the confusion matrix; Wilson's where a rate is 0 or 1, which no resampling can move.

What to do: ask whether the threshold fits the use: the chart shows what another one would bring. A wrong approval and a
wrong refusal seldom cost the same.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.curves import thinned
from assessments.battery.spec import Chart, Measure, Metric, Outcome, Param, battery_test
from assessments.battery.subject import Subject

METRICS = [
    Metric("accuracy", "Accuracy", better="higher"),
    Metric("precision", "Precision", better="higher"),
    Metric("recall", "Recall", better="higher"),
    Metric("f1", "F1 score", better="higher"),
]
THRESHOLD = 0.5


@battery_test(
    title="Decisions at the model's threshold",
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
    charts=["precision_threshold"],
    headline=("precision_threshold",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    size = len(subject.labels)
    table = np.bincount(subject.y * size + subject.predicted, minlength=size * size).reshape(size, size)
    values = _values(subject, table)
    drawn = rates(stats.resampled_counts(table, params["resamples"], rng), _positive(subject), _present(table))
    measures = []
    for metric in METRICS:
        value, (successes, n) = values[metric.id], _rate_counts(subject, table, metric.id)
        extreme = n > 0 and value in (0.0, 1.0)
        ci = stats.wilson(successes, n) if extreme else stats.percentile_interval(drawn[metric.id])
        measures.append(
            Measure(metric.id, value, ci if value is not None else None, n or int(table.sum()), better="higher")
        )
    chart, notes = _precision_threshold(subject), _notes(subject, table)
    if chart is None:
        notes.append("The model gives hard labels only: there is no curve over the threshold.")
    return Outcome(measures, [chart] if chart else [], [], notes)


def rates(tables: NDArray[Any], positive: int | None, present: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """The metrics of confusion tables (…, true, predicted). positive: None for the mean over `present` labels."""
    hits = np.diagonal(tables, axis1=-2, axis2=-1).astype(float)
    predicted, actual = tables.sum(axis=-2), tables.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_label = {
            "precision": hits / predicted,
            "recall": hits / actual,
            "f1": 2 * hits / (predicted + actual),
        }
        found = {"accuracy": hits.sum(axis=-1) / tables.sum(axis=(-2, -1))}
    for name, values in by_label.items():
        chosen = values[..., positive] if positive is not None else np.nan_to_num(values)[..., present].mean(axis=-1)
        found[name] = chosen
    return found


def _values(subject: Subject, table: NDArray[np.int64]) -> dict[str, float | None]:
    """scikit-learn's values; precision is None where the model never predicts the favourable label."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    y, predicted = subject.y, subject.predicted
    positive = _positive(subject)
    options: dict[str, Any] = {"average": "macro"}
    if positive is not None:
        options = {"average": "binary", "pos_label": positive}
    precision, recall, f1, _ = precision_recall_fscore_support(y, predicted, zero_division=0, **options)
    never = positive is not None and table[:, positive].sum() == 0
    return {
        "accuracy": float(accuracy_score(y, predicted)),
        "precision": None if never else float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }


def _positive(subject: Subject) -> int | None:
    return subject.favourable_index if subject.task == "binary" else None


def _present(table: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))


def _rate_counts(subject: Subject, table: NDArray[np.int64], metric: str) -> tuple[int, int]:
    """Successes and rows of a metric that is one rate; (0, 0) for those that are not."""
    positive = _positive(subject)
    if metric == "accuracy":
        return int(np.trace(table)), int(table.sum())
    if positive is None or metric == "f1":
        return 0, 0
    rows = table[:, positive].sum() if metric == "precision" else table[positive].sum()
    return int(table[positive, positive]), int(rows)


def _notes(subject: Subject, table: NDArray[np.int64]) -> list[str]:
    return [
        f"The model never predicts {label!r}."
        for label, count in zip(subject.labels, table.sum(axis=0), strict=True)
        if count == 0
    ]


def _precision_threshold(subject: Subject) -> Chart | None:
    from sklearn.metrics import precision_recall_curve

    score, truth = subject.favourable_score, subject.y_favourable
    if score is None or not truth.any():
        return None
    precision, recall, threshold = precision_recall_curve(truth, score)
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    at = min(int(np.searchsorted(threshold, THRESHOLD)), len(threshold) - 1)
    kept = thinned(len(threshold), at)
    chosen = score >= THRESHOLD
    if chosen.any():
        figures = f"precision {truth[chosen].mean():.3f} and recall {chosen[truth].mean():.3f}"
    else:
        figures = "no row is selected"
    return Chart(
        "precision_threshold",
        "Precision and recall at each threshold",
        f"Precision and recall for {subject.favourable} by the score from which on a row is selected. "
        f"At {THRESHOLD}: {figures}.",
        f"Precision and recall against the threshold for {subject.favourable}; at {THRESHOLD}: {figures}.",
        {
            "kind": "precision_threshold",
            "name": subject.favourable,
            "threshold": threshold[kept].tolist(),
            "precision": precision[kept].tolist(),
            "recall": recall[kept].tolist(),
            "at": THRESHOLD,
        },
    )
