"""Is the model much better on the rows it learned from than on new ones?

A model that has learned its training rows by heart looks better there than it will ever be again (overfit). We measure
the same scores on the training data and on the assessed rows, and their gap: training less assessed. A model that is
poor on both has not learned enough (underfit): see "Against simple models". Gaps: ROC AUC with the normal interval of
two independent DeLong variances (1988); accuracy with Newcombe's interval (1998, method 10); log loss and R² with the
normal interval of two independent samples. Relative drop: the gap over the training score. Deepchecks warns of a
relative drop above 10 %; that limit is a convention.

Needs the training data. A gap close to 0 is also what leaked rows give: see the tests of the data.

What to do: where the gap is large, expect no more than the assessed score in use. Simplify or regularise the model, or
train it on more rows; and look at the tests of privacy, since what is learned by heart can be read out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import comparing, controls, stats
from assessments.battery.performance import _simple
from assessments.battery.performance.probability import row_losses
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

METRICS = [
    Metric("roc_auc_gap", "ROC AUC: training less assessed", better="lower"),
    Metric("accuracy_gap", "Accuracy: training less assessed", better="lower"),
    Metric("log_loss_gap", "Log loss: assessed less training", better="lower", unit="nats"),
    Metric("r2_gap", "R²: training less assessed", better="lower"),
    Metric("relative_drop", "Drop from training, relative", better="lower"),
    Metric("roc_auc_training", "ROC AUC on the training data", better="higher"),
    Metric("accuracy_training", "Accuracy on the training data", better="higher"),
    Metric("r2_training", "R² on the training data", better="higher"),
]
BETTER = {metric.id: metric for metric in METRICS}
Number = tuple[float, NDArray[Any]]  # a value and what each row adds to it


@battery_test(
    title="Over- and underfit",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[Param("rows", 10_000, "Rows of the training data", quick=5_000, thorough=50_000, minimum=50)],
    metrics=METRICS,
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_TESTING,
        controls.OSFI_DEVELOPMENT,
        controls.EU_ACCURACY,
        controls.NIST_VALIDITY,
    ],
    charts=["training_and_assessed"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    training = _simple.training_rows(subject, rng, params["rows"])
    if training is None:
        raise NotApplicable("Training data with its outcomes was not given: there is nothing to compare with.")
    frame = training.frame[subject.features]
    then = _scores(
        subject, training.y, subject.predict(frame), subject.predict_scores(frame) if subject.has_scores else None
    )
    progress(1, 2)
    now = _scores(subject, subject.y, subject.predicted, subject.scores)
    measures = _gaps(then, now, len(training.y), len(subject.y))
    rows = [[name, place, value, *_interval(name, number, n)]
            for place, scores, n in (("training data", then, len(training.y)), ("assessed rows", now, len(subject.y)))
            for name, number in scores.items() for value in [number[0]]]  # fmt: skip
    return Outcome(
        measures, [_chart(rows, {"training data": len(training.y), "assessed rows": len(subject.y)})], [_table(rows)]
    )


def _scores(
    subject: Subject, y: NDArray[Any], predicted: NDArray[Any], scores: NDArray[Any] | None
) -> dict[str, Number]:
    """Each score of some rows, with the influence of each row on it."""
    if subject.task == "regression":
        spread, loss = (y - y.mean()) ** 2, (predicted - y) ** 2
        unexplained = loss.mean() / spread.mean()
        return {"r2": (float(1 - unexplained), (unexplained * spread - loss) / spread.mean())}
    right = (predicted == y).astype(float)
    found: dict[str, Number] = {"accuracy": (float(right.mean()), right - right.mean())}
    if scores is None:
        return found
    asked = [subject.favourable_index] if subject.task == "binary" else range(len(subject.labels))
    pairs = [(y == c, scores[:, c]) for c in asked if 0 < (y == c).sum() < len(y)]
    if pairs:
        from sklearn.metrics import roc_auc_score

        area = float(np.mean([roc_auc_score(*pair) for pair in pairs]))
        found["roc_auc"] = area, np.mean([comparing.auc_influence(*pair) for pair in pairs], axis=0)
    if subject.scores_are_probabilities:
        loss = row_losses(scores, y, subject.favourable_index)[0]
        found["log_loss"] = float(loss.mean()), loss - loss.mean()
    return found


def _gaps(then: dict[str, Number], now: dict[str, Number], n_then: int, n_now: int) -> list[Measure]:
    measures = []
    shared = [name for name in ("roc_auc", "accuracy", "log_loss", "r2") if name in then and name in now]
    for name in shared:
        (before, moved_before), (after, moved_after) = then[name], now[name]
        sign = -1 if name == "log_loss" else 1
        gap = sign * (before - after)
        error = float(np.hypot(comparing.standard_error(moved_before), comparing.standard_error(moved_after)))
        ci: stats.Interval | None = comparing.around(gap, error)
        if name == "accuracy":
            ci = comparing.rate_difference(before * n_then, n_then, after * n_now, n_now)
        unit = BETTER[f"{name}_gap"].unit
        measures.append(Measure(f"{name}_gap", gap, ci, n_now, unit=unit, better="lower"))
        if name != "log_loss":
            measures.append(
                Measure(f"{name}_training", before, _interval(name, then[name], n_then), n_then, better="higher")
            )
    headline = shared[0]
    (before, moved_before), (after, moved_after) = then[headline], now[headline]
    if before > 0:
        error = np.hypot(after / before**2 * comparing.standard_error(moved_before),
                         comparing.standard_error(moved_after) / before)  # fmt: skip
        ci = comparing.around(1 - after / before, float(error))
        measures.insert(0, Measure("relative_drop", 1 - after / before, ci, n_now, better="lower"))
    return measures


def _interval(name: str, number: Number, n: int) -> stats.Interval:
    value, moved = number
    if name == "accuracy":
        return stats.wilson(value * n, n) or (0.0, 1.0)
    high = np.inf if name == "log_loss" else 1.0
    return comparing.around(value, comparing.standard_error(moved), 0.0 if name != "r2" else -np.inf, high)


WORDS = {"roc_auc": "ROC AUC", "accuracy": "accuracy", "log_loss": "log loss", "r2": "R²"}


def _chart(rows: list[list[Any]], counts: dict[str, int]) -> Chart:
    shown = [row for row in rows if row[0] != "log_loss"]
    said = "; ".join(f"{WORDS[row[0]]} on the {row[1]} {row[2]:.3f}" for row in shown)
    return Chart(
        "training_and_assessed",
        "Training data and assessed rows",
        f"The same scores on the rows the model learned from and on the assessed ones: {said}.",
        f"Scores on the training data and the assessed rows with 95 % intervals: {said}.",
        {
            "kind": "intervals",
            "row_label": "score",
            "x_label": "Score",
            "limit": None,
            "limit_label": "",
            "beyond": "above",
            "ideal": None,
            "rows": [
                {
                    "name": f"{WORDS[name]}, {place}",
                    "n": counts[place],
                    "value": value,
                    "low": low,
                    "high": high,
                    "small": False,
                }
                for name, place, value, low, high in sorted(shown, key=lambda row: row[0])
            ],
        },
    )


def _table(rows: list[list[Any]]) -> Table:
    return Table(
        "training_and_assessed",
        "Scores on training data and assessed rows",
        ["score", "rows", "value", "low", "high"],
        [[WORDS[row[0]], row[1], *(round(float(value), 4) for value in row[2:])] for row in rows],
    )
