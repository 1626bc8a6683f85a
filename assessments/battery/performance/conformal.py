"""If the model must be right nine times in ten, how many answers must it keep open?

Split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei 2018) turns any model into one that answers with a set
of labels, or with a range of numbers, which holds the truth for a promised share of cases, here 90 %. Half of the
rows, at random, show how wrong the model tends to be: for labels 1 less the probability of the true label, for numbers
the size of the error. The smallest value that covers the promise there, ceil((n + 1) 0.9) of n in order, makes the sets
of the other half.

On all rows the promise is kept by construction, as long as cases are alike; what we learn is the price: the mean size
of the sets, and the share of cases for which one label is left. And it is kept on average only: we count the coverage
of each true label and of each sensitive group, where a model may be far less sure than it says. Rates have Wilson
intervals; the p-values of groups are exact binomial tests against the promise, two-sided.

What to do: where a group is covered far below the promise, set the limit for each group by itself, or have its
uncertain cases decided by a person. Where most sets hold several labels, the model is too unsure to decide alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

SMALL = 30
UNIT = "target units"
LABELS = "labels"
METRICS = [
    Metric("coverage", "Sets that hold the truth", better="higher"),
    Metric("mean_set_size", "Labels left open, mean", better="lower", unit=LABELS),
    Metric("single_label_share", "Cases with one label left", better="higher"),
    Metric("empty_share", "Cases with no label left"),
    Metric("interval_width", "Width of the ranges", better="lower", unit=UNIT),
]


@battery_test(
    title="Conformal coverage",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("coverage", 0.9, "The promised share", minimum=0.5, maximum=0.999),
    ],
    metrics=METRICS,
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.EU_ACCURACY,
        controls.NIST_VALIDITY,
        controls.NIST_TEST_METRICS,
    ],
    charts=["conformal_coverage"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if subject.task != "regression" and not subject.scores_are_probabilities:
        raise NotApplicable("The model gives no probabilities: there is no measure of how sure it is.")
    n, promise = len(subject.y), params["coverage"]
    order = rng.permutation(n)
    first, second = order[: n // 2], np.sort(order[n // 2 :])
    wrong = _nonconformity(subject)
    limit = quantile(wrong[first], promise)
    if not np.isfinite(limit):
        raise NotApplicable(f"{n} rows are too few to promise {promise:.1%}.")
    covered = wrong[second] <= limit
    measures = [_rate("coverage", covered), *_price(subject, second, limit)]
    groups = _by_group(subject, second, covered, promise)
    notes = [f"{len(first):,} rows set the limit, {len(second):,} others were counted."]
    return Outcome([*measures, *groups], [_chart(promise, measures[0], groups)], notes=notes)


def quantile(wrong: NDArray[Any], promise: float) -> float:
    """The ceil((n + 1) promise)-th smallest value; infinite where there are too few."""
    at = int(np.ceil((len(wrong) + 1) * promise - 1e-9))
    return float(np.sort(wrong)[at - 1]) if at <= len(wrong) else np.inf


def _nonconformity(subject: Subject) -> NDArray[np.float64]:
    if subject.task == "regression":
        return np.asarray(np.abs(subject.predicted - subject.y), dtype=float)
    assert subject.scores is not None  # noqa: S101
    return np.asarray(1 - subject.scores[np.arange(len(subject.y)), subject.y].astype(float))


def _rate(name: str, held: NDArray[np.bool_], better: Any = "higher") -> Measure:
    return Measure(name, float(held.mean()), stats.wilson(float(held.sum()), len(held)), len(held), better=better)


def _price(subject: Subject, rows: NDArray[np.int64], limit: float) -> list[Measure]:
    if subject.task == "regression":
        return [Measure("interval_width", 2 * limit, None, len(rows), unit=UNIT, better="lower")]
    assert subject.scores is not None  # noqa: S101
    size = (1 - subject.scores[rows].astype(float) <= limit).sum(axis=1)
    mean = stats.mean_interval(size)
    return [
        Measure("mean_set_size", float(size.mean()), mean, len(rows), unit=LABELS, better="lower"),
        _rate("single_label_share", size == 1),
        _rate("empty_share", size == 0, "none"),
    ]


def _by_group(subject: Subject, rows: NDArray[np.int64], covered: NDArray[np.bool_], promise: float) -> list[Measure]:
    """Coverage of each true label and each sensitive group among the counted rows."""
    parts = [(name, *subject.groups(name)) for name in subject.sensitive]
    if subject.task != "regression":
        parts.insert(0, (subject.target, subject.labels, subject.y))
    found = []
    for column, names, codes in parts:
        for at, name in enumerate(names):
            inside = covered[codes[rows] == at]
            if len(inside):
                found.append(_group_rate(inside, {column: name}, promise, compared=column != subject.target))
    return found


def _group_rate(inside: NDArray[np.bool_], group: dict[str, str], promise: float, *, compared: bool) -> Measure:
    """compared: with the promise. That of one true label is not the same by construction, and has no p-value."""
    from scipy.stats import binomtest

    held, n = int(inside.sum()), len(inside)
    p_value = float(binomtest(held, n, promise).pvalue) if compared else None
    return Measure(
        "coverage", held / n, stats.wilson(held, n), n, group, better="higher", small=n < SMALL, p_value=p_value
    )


def _chart(promise: float, whole: Measure, groups: list[Measure]) -> Chart:
    worst = min((m for m in groups if not m.small), key=lambda m: m.value or 0.0, default=whole)
    where = ", ".join(f"{column} {name}" for column, name in worst.group.items()) or "all rows"
    said = f"Promised {promise:.0%}; all rows {whole.value:.1%}; lowest {worst.value:.1%} ({where})."
    shown = [("all rows", whole), *((f"{c}: {v}", m) for m in groups for c, v in m.group.items())]
    return Chart(
        "conformal_coverage",
        "Coverage of the conformal sets",
        f"The share of cases whose set holds the truth, with 95 % intervals. {said}",
        f"Coverage of all rows, each true label and each group beside the promise. {said}",
        {
            "kind": "intervals",
            "row_label": "rows of",
            "x_label": "Share of sets that hold the truth",
            "limit": None,
            "limit_label": "",
            "beyond": "below",
            "ideal": promise,
            "ideal_label": "the promise",
            "rows": [
                {"name": name, "n": m.n, "value": m.value, "low": m.ci[0] if m.ci else None,
                 "high": m.ci[1] if m.ci else None, "small": m.small}
                for name, m in shown
            ],
        },
    )  # fmt: skip
