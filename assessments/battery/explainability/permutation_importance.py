"""Which columns does the model's quality rest on?

Permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019): shuffle one column between the cases, so that
it tells nothing any more, and see how much worse the model gets. Where SHAP importance tells what moves the answer,
this tells what the answer's being right depends on: a column may move much and help nothing. permutation_importance,
by column: how much ROC AUC falls (one label against the rest, of the favourable label), or for models that give
decisions only accuracy, or for predicted numbers R²; the mean over `repeats` shuffles, as scikit-learn's
permutation_importance has it. The interval is over the cases: each resample draws them anew, each with its shuffled
values. A value near 0, or below, says that the model would do as well without what the column tells it; columns
that go together stand in for each other, and each looks small.

What to do: where the quality rests on one or two columns, ask how reliable they are in use, and whether they are known
at the time of the decision. Columns that carry nothing can be left out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.stats import percentile_interval, row_weights
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
SHOWN = 20


@battery_test(
    title="Permutation importance",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 2_000, "Cases", quick=800, thorough=10_000, minimum=30, maximum=1_000_000),
        Param("repeats", 5, "Shuffles of each column", quick=3, thorough=20, minimum=1, maximum=200),
        Param("resamples", 300, "Bootstrap resamples", quick=200, thorough=1_000, minimum=100, maximum=100_000),
    ],
    metrics=[Metric("permutation_importance", "Loss of quality when the column is shuffled", unit="ratio")],
    controls=[controls.NIST_EXPLANATION, controls.EU_EXPLANATION, controls.CONCEPTUAL_SOUNDNESS],
    charts=["permutation_importance"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    chosen = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    codes = subject.coder.encode(subject.frame[subject.features].take(chosen))
    answer, truth, quality, name = judged_by(subject)
    truth = truth[chosen]
    if subject.task != "regression" and not 0 < truth.sum() < len(truth):
        raise NotApplicable("The cases drawn have one outcome only: there is no quality to lose.")
    before = answer(codes)
    weights = np.concatenate(list(row_weights(len(codes), params["resamples"], rng)))
    whole = np.ones((1, len(codes)), dtype=weights.dtype)
    start, resampled = float(quality(before, truth, whole)[0]), quality(before, truth, weights)
    measures = []
    for k, column in enumerate(subject.features):
        losses, draws = [], np.zeros(params["resamples"])
        for _ in range(params["repeats"]):
            other = codes.copy()
            other[:, k] = rng.permutation(codes[:, k])
            after = answer(other)
            losses.append(start - float(quality(after, truth, whole)[0]))
            draws += (resampled - quality(after, truth, weights)) / params["repeats"]
        measures.append(
            Measure(
                "permutation_importance", float(np.mean(losses)), percentile_interval(draws), n=len(codes),
                group={"column": column}, unit=name,
            )
        )  # fmt: skip
        progress(k + 1, len(subject.features))
    measures.sort(key=lambda measure: -(measure.value or 0.0))
    return Outcome(measures, [chart_of(measures, name, start)], [table_of(measures, name)], [])


Quality = Callable[[Floats, Floats, NDArray[Any]], Floats]


def judged_by(subject: Subject) -> tuple[Callable[[Floats], Floats], Floats, Quality, str]:
    """How the model is asked by codes, the truth, how quality is measured over weighted rows, and its name."""
    if subject.task == "regression":
        return lambda codes: np.asarray(subject.predict_codes(codes), float), subject.y.astype(float), r2, "R²"
    at, truth = subject.favourable_index, subject.y_favourable.astype(float)
    if subject.has_scores:
        return lambda codes: np.asarray(subject.predict_scores_codes(codes)[:, at], float), truth, auc, "AUC"
    return lambda codes: (subject.predict_codes(codes) == at).astype(float), truth, accuracy, "accuracy"


def auc(scores: Floats, truth: Floats, weights: NDArray[Any]) -> Floats:
    """(resamples,) ROC AUC, ties one half."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    positives = np.add.reduceat(weights[:, order] * truth[order], first, axis=1)
    negatives = np.add.reduceat(weights[:, order] * (1 - truth[order]), first, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((positives * (below + negatives / 2)).sum(axis=1) / pairs)


def accuracy(decisions: Floats, truth: Floats, weights: NDArray[Any]) -> Floats:
    return np.asarray(weights @ (decisions == truth) / weights.sum(axis=1))


def r2(predicted: Floats, truth: Floats, weights: NDArray[Any]) -> Floats:
    total = weights.sum(axis=1)
    mean = weights @ truth / total
    spread = weights @ truth**2 - total * mean**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - weights @ (truth - predicted) ** 2 / spread)


def chart_of(measures: list[Measure], name: str, start: float) -> Chart:
    top = ", ".join(f"{m.group['column']} ({m.value:.3f})" for m in measures[:3])
    said = f"The model's {name} is {start:.3f}; it falls most when these are shuffled: {top}."
    rows = [
        {"name": m.group["column"], "n": m.n, "value": m.value, "low": m.ci[0] if m.ci else None,
         "high": m.ci[1] if m.ci else None, "small": False}
        for m in measures[:SHOWN]
    ]  # fmt: skip
    return Chart(
        id="permutation_importance",
        title="Permutation importance",
        caption=said,
        alt=f"Dots with intervals of how much the model's quality falls when each column is shuffled. {said}",
        data={
            "kind": "intervals",
            "row_label": "column",
            "x_label": f"Loss of {name}",
            "ideal": 0.0,
            "ideal_label": "no loss: the model does not need the column",
            "rows": rows,
        },
    )


def table_of(measures: list[Measure], name: str) -> Table:
    rows = [[m.group["column"], m.value, *(m.ci or (None, None))] for m in measures]
    return Table(
        "permutation_importance",
        "Loss of quality when a column is shuffled",
        ["Column", f"Loss of {name}", "95 % low", "95 % high"],
        [list(row) for row in rows],
    )
