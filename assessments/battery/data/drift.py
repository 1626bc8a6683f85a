"""Is the data under test of the same kind as the data that the model was trained on?

For each column that the model is given and each sensitive one, its distribution in the training data against that in
the data under test. psi: the population stability index Σ (q - p) ln(q / p) over ten quantile bins of the training
data, or over the categories, missing values a bin of their own, an empty bin counted as half a row. The rule of thumb
0.10 / 0.25 (Lewis 1994; Siddiqi) knows nothing of the number of rows, so psi_noise is shown beside it: the value that
chance alone stays below in 19 of 20 cases where nothing has changed, χ² with (bins - 1) degrees of freedom times
(1/N + 1/M) (Yurdakul and Naranjo 2020). The 95 % interval of psi is of the true index, from the noncentral χ².
ks: the Kolmogorov-Smirnov distance of numbers; jensen_shannon: the Jensen-Shannon distance, 0 to 1; cramers_v: the
effect size of the χ² test of the bins. q_value: the p-value of the Kolmogorov-Smirnov test for numbers, of χ² for
categories, after Benjamini and Hochberg over all columns, so that many columns do not make a find. new_value_share:
values that the training data has not (categories) or that lie outside its range (numbers). drifted_columns: those with
q below 0.05 and a psi of at least 0.10: real, and large enough to matter.

score_psi and decision_psi compare the model's answers on both tables. They are reported and not judged: a model that
remembers its training rows is surer of them than of others, so these move without any drift; see
privacy.membership_inference.

What to do: where a column has moved, ask what changed: the people, the source, or how it is recorded. Judge the model
on the newer rows, and train it again where its quality fell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from assessments.battery import controls, reference
from assessments.battery.banding import MISSING
from assessments.battery.data import _charts
from assessments.battery.data._bins import Bins, both
from assessments.battery.data._divergence import Apart, Stability, apart, numbers_apart, stability
from assessments.battery.errors import listed
from assessments.battery.labels import encode
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

SIGNIFICANT = 0.05
MATTERS = 0.1  # of psi: the lower end of the rule of thumb
SHOWN = 3  # columns that get a chart of their own
ASKED = 10_000  # training rows that the model is asked about
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """One column. shares: (name of the bin, rows of the training data, rows under test)."""

    name: str
    index: Stability
    apart: Apart
    new: float
    names: list[str]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    q: float = 1.0

    @property
    def found(self) -> bool:
        return self.q < SIGNIFICANT and self.index.value >= MATTERS


@battery_test(
    title="Drift from the training data",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("bins", 10, "Quantile bins of a column of numbers", minimum=2, maximum=100),
        Param("categories", 20, "Categories counted one by one; the rest is joined", minimum=2, maximum=200),
    ],
    metrics=[
        Metric("psi", "Population stability index", better="lower", unit="psi"),
        Metric("psi_noise", "What chance alone stays below, 19 times in 20", unit="psi"),
        Metric("ks", "Kolmogorov-Smirnov distance", better="lower"),
        Metric("jensen_shannon", "Jensen-Shannon distance", better="lower"),
        Metric("cramers_v", "Cramér's V", better="lower"),
        Metric("q_value", "False discovery rate at which the column differs", better="higher"),
        Metric("new_value_share", "Values that the training data has not", better="lower"),
        Metric("drifted_columns", "Columns that have drifted", better="lower", unit="columns"),
        Metric("score_psi", "Population stability index of the model's scores or predictions", unit="psi"),
        Metric("decision_psi", "Population stability index of the model's decisions", unit="psi"),
    ],
    controls=[
        controls.EU_DATA_QUALITY,
        controls.EU_POST_MARKET,
        controls.ONGOING_MONITORING,
        controls.PRA_MONITORING,
        controls.OSFI_DATA,
        controls.NIST_MONITORING,
    ],
    charts=["psi", "drift_*"],
    headline=("psi",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    training = reference.needed(subject)
    wanted = compared_columns(subject)
    names = [name for name in wanted if name in training]
    if not names:
        raise NotApplicable("The training data has none of the columns of the data under test.")
    notes = [f"Not in the training data, so not compared: {listed(lost)}."] if (lost := _without(wanted, names)) else []
    found = []
    for done, name in enumerate(names):
        found.append(drift_of(subject, training[name], subject.frame[name], name, params))
        progress(done + 1, len(names) + 1)
    found = with_false_discovery(found)
    answers, more = answers_drift(subject, training, params, rng)
    progress(1, 1)
    drifted = [each for each in found if each.found]
    measures = [measure for each in found for measure in column_measures(each, subject)]
    measures.append(
        Measure("drifted_columns", float(len(drifted)), n=len(subject.frame), unit="columns", better="lower")
    )
    notes += [f"Drifted: {listed([each.name for each in drifted])}."] if drifted else []
    return Outcome(measures + answers, charts_of(found), [table_of(found)], notes + more)


def compared_columns(subject: Subject) -> list[str]:
    """The model's columns and the sensitive ones, in the order of the data."""
    wanted = {*subject.features, *subject.sensitive} - {subject.target}
    return [name for name in subject.frame if name in wanted]


def _without(wanted: list[str], names: list[str]) -> list[str]:
    return [name for name in wanted if name not in names]


def drift_of(subject: Subject, before: pd.Series, now: pd.Series, name: str, params: dict[str, Any]) -> Drift:
    numbers = subject.columns[name].kind == "number" and is_number(before) and is_number(now)
    bins = Bins.of(before, params["bins" if numbers else "categories"], numbers=numbers)
    names, first, second = both(bins, bins.count(before), bins.count(now))
    counted = apart(first, second)
    if numbers:
        counted = numbers_apart(finite_numbers(before), finite_numbers(now), counted)
    return Drift(
        name, stability(first, second), counted, new_values(before, now, numbers=numbers), names, first, second
    )


def finite_numbers(column: pd.Series) -> Floats:
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(numbers[np.isfinite(numbers)])


def new_values(before: pd.Series, now: pd.Series, *, numbers: bool) -> float:
    """The share of the rows under test whose value the training data has not, or that lies outside its range."""
    if numbers:
        seen, given = finite_numbers(before), now.to_numpy(dtype=float, na_value=np.nan)
        if not len(seen):
            return float(np.isfinite(given).mean())
        return float(((given < seen.min()) | (given > seen.max())).mean())
    known = set(encode(before)[1])
    codes, texts = encode(now)
    strange = np.array([text not in known for text in texts] + [False])
    return float(strange[codes].mean())


def with_false_discovery(found: list[Drift]) -> list[Drift]:
    """Each column's p-value as the false discovery rate at which it would be found (Benjamini and Hochberg 1995)."""
    rates = false_discovery_control([each.apart.p for each in found])
    return [
        Drift(each.name, each.index, each.apart, each.new, each.names, each.first, each.second, float(rate))
        for each, rate in zip(found, rates, strict=True)
    ]


def column_measures(each: Drift, subject: Subject) -> list[Measure]:
    group, n = {"column": each.name}, len(subject.frame)
    measures = [
        # One of many comparisons: its p-value counts in the run's budget of false discoveries.
        Measure("psi", each.index.value, each.index.ci, n, group, unit="psi", better="lower", p_value=each.apart.p),
        Measure("psi_noise", each.index.noise, None, n, group, unit="psi"),
        Measure("jensen_shannon", each.apart.jensen_shannon, None, n, group, better="lower"),
        Measure("cramers_v", each.apart.cramers_v, None, n, group, better="lower"),
        Measure("q_value", each.q, None, n, group, better="higher"),
        Measure("new_value_share", each.new, None, n, group, better="lower"),
    ]
    if each.apart.ks is not None:
        measures.insert(2, Measure("ks", each.apart.ks, None, n, group, better="lower"))
    return measures


def answers_drift(
    subject: Subject, training: pd.DataFrame, params: dict[str, Any], rng: np.random.Generator
) -> tuple[list[Measure], list[str]]:
    """The model's answers on the training rows against those on the rows under test."""
    if not set(subject.features) <= set(training):
        return [], ["The training data lacks columns of the model: its answers were not compared."]
    rows = np.sort(rng.permutation(len(training))[:ASKED])
    asked = training[subject.features].take(rows).reset_index(drop=True)
    n = len(subject.frame)
    measures = []
    decided = (subject.predict(asked), subject.predicted)
    if subject.task == "regression":
        return [_index("score_psi", *decided, params, n)], []
    if (score := subject.favourable_score) is not None:
        before = subject.predict_scores(asked)[:, subject.favourable_index]
        measures.append(_index("score_psi", before, score, params, n))
    counts = [np.bincount(each, minlength=len(subject.labels)) for each in decided]
    used = (counts[0] + counts[1]) > 0
    index = stability(counts[0][used], counts[1][used])
    return [*measures, Measure("decision_psi", index.value, index.ci, n, unit="psi")], []


def _index(metric: str, before: NDArray[Any], now: NDArray[Any], params: dict[str, Any], n: int) -> Measure:
    first, second = pd.Series(np.asarray(before, dtype=float)), pd.Series(np.asarray(now, dtype=float))
    bins = Bins.of(first, params["bins"], numbers=True)
    _, *counts = both(bins, bins.count(first), bins.count(second))
    index = stability(*counts)
    return Measure(metric, index.value, index.ci, n, unit="psi")


def charts_of(found: list[Drift]) -> list[Chart]:
    """The index of each column, and the distributions of those that moved most."""
    ordered = sorted(found, key=lambda each: (-each.index.value, each.name))
    bars = [_charts.Bar(each.name, each.index.value, each.index.ci, marked=each.found) for each in ordered]
    drifted = sum(each.found for each in found)
    said = (
        f"{drifted} of {len(found)} columns have drifted: found at a false discovery rate of 5 %, and with an index of "
        f"at least {MATTERS:g}"
    )
    limits = [(MATTERS, "watch 0.10"), (0.25, "act 0.25")]
    charts = [_charts.bars("psi", "Population stability index by column", f"{said}.", "Population stability index",
                           bars, limits, marked="drifted")]  # fmt: skip
    for each in ordered[:SHOWN]:
        said = f"{each.name}: PSI {each.index.value:.3f}, of which chance alone explains up to {each.index.noise:.3f}."
        id, title = f"drift_{_charts.slug(each.name)}", f"Distribution of {each.name}, then and now"
        charts.append(_charts.compared(id, title, said, each.names, each.first, each.second))
    return charts


def table_of(found: list[Drift]) -> Table:
    ordered = sorted(found, key=lambda each: (-each.index.value, each.name))
    rows: list[list[Any]] = [
        [each.name, each.index.value, each.index.noise, each.apart.ks, each.apart.jensen_shannon, each.apart.p, each.q,
         each.new, _moved(each)]
        for each in ordered
    ]  # fmt: skip
    headings = ["Column", "PSI", "By chance up to", "KS", "Jensen-Shannon", "p", "q", "New values", "What moved most"]
    return Table("drift_columns", "Every column", headings, rows, "q: p after Benjamini and Hochberg over all columns.")


def _moved(each: Drift) -> str:
    """The bin whose share changed most, in words."""
    before, now = each.first / each.first.sum(), each.second / each.second.sum()
    at = int(np.argmax(np.abs(now - before)))
    what = "missing" if each.names[at] == MISSING else each.names[at]
    return f"{what}: {before[at]:.1%} then, {now[at]:.1%} now"
