"""Why did people not get the favourable decision, and would the reasons stand in a notice to them?

A person who is refused credit is owed the principal reasons: specific ones, from what was truly weighed (ECOA, 15 USC
1691; Regulation B, 12 CFR 1002.9). For a random sample of refused cases, the exact or estimated Shapley values of
explainability.shap_importance, here against the cases that the model approves, which is one of the two ways that the
official comment on 1002.9(b)(2) describes (`against` = all: the other, against all cases). The reasons are the columns
that lowered the answer most, at most `reasons` of them (the comment thinks more than four of little use), each in a
plain sentence. Three cases are drawn as a waterfall.

reason_share, by column: refused cases that have it among their reasons, with Wilson's interval. sensitive_reason_share:
those with a sensitive column among them: it may not be a reason at all, or only in ways the law allows.
reason_stability: how many of a case's reasons remain against other approved cases (Jaccard, mean), with its bootstrap
interval: reasons that change with the comparison are hard to defend. The sentences are what the model weighed; whether
a column is fit to be a reason (not a proxy, not a thing nobody can understand) is for a person to say.

What to do: read the reasons as the person refused: are they specific, true, and about something that the law lets
decide? Where a sensitive column leads, raise a finding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.explainability._explaining import (
    EXACT_UP_TO,
    SPACE,
    WALKS,
    Explainer,
    affordable,
    background_source,
    sentence,
)
from assessments.battery.explainability._shapley import Attribution, Floats
from assessments.battery.labels import as_text
from assessments.battery.spec import (
    Chart,
    Measure,
    Metric,
    Needs,
    NotApplicable,
    Outcome,
    Param,
    Table,
    battery_test,
)
from assessments.battery.stats import mean_interval, wilson
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

DRAWN = 3
TOLD = 10  # cases whose reasons are told in sentences


@battery_test(
    title="Reasons for refusals",
    needs=Needs(),
    params=[
        Param("rows", 150, "Refused cases explained", quick=50, thorough=400, minimum=2, maximum=10_000),
        Param("background", 60, "Cases that each is compared with", quick=40, thorough=150, minimum=2, maximum=1_000),
        Param("against", "approved", "Whom refused cases are compared with: approved, or all"),
        Param("reasons", 4, "Reasons a case, at most", minimum=1, maximum=10),
        WALKS,
        Param("questions", 500_000, "Rows the model may be asked about", quick=100_000, thorough=3_000_000,
              minimum=1000),
        EXACT_UP_TO,
        SPACE,
    ],
    metrics=[
        Metric("reason_share", "Refused cases with the column among their reasons"),
        Metric("sensitive_reason_share", "Refused cases with a sensitive column among their reasons", better="lower"),
        Metric("reason_stability", "Reasons that remain against other cases", better="higher"),
    ],
    controls=[controls.REASONS_FOR_DENIAL, controls.EU_EXPLANATION, controls.NIST_EXPLANATION],
    charts=["refusal_*"],
    headline=("refusal_*",),
    explains=True,
)  # fmt: skip
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if params["against"] not in ("approved", "all"):
        raise ValueError(f"against must be approved or all, not {params['against']!r}.")
    refused = np.flatnonzero(subject.predicted != subject.favourable_index)
    if not len(refused):
        raise NotApplicable(f"The model decides every row “{subject.favourable}”: nobody is owed a reason.")
    source = compared_with(subject, params["against"])
    chosen = rng.permutation(refused)[: params["rows"]]
    others = source.take(rng.permutation(len(source))[: 2 * params["background"]])
    explainer = Explainer(subject, subject.frame.take(chosen), others, params=params)
    rows, pool = explainer.codes
    if not explainer.reads:
        cases, background = affordable({**params, "questions": params["questions"] // 2}, len(subject.features))
        rows, chosen, pool = rows[:cases], chosen[:cases], pool[: 2 * background]
    half = max(1, len(pool) // 2)
    found = explainer.values(rows, pool[:half], rng, lambda done, of: progress(done, 2 * of))
    again = explainer.values(rows, pool[half:] if len(pool) > half else pool, rng)
    measures = measures_of(subject, found, again, params, rng)
    compared = others.head(half)
    charts = [
        waterfall(subject, explainer, found, compared, int(chosen[k]), k, params["against"])
        for k in range(min(DRAWN, len(chosen)))
    ]
    tables = [told(subject, explainer.space, found, compared, chosen, params), shares_table(measures)]
    notes = [sentence(found, params["walks"])]
    if params["against"] == "approved" and len(source) == len(background_source(subject)):
        notes.append("The model approves too few cases to compare with: refused cases are compared with all.")
    return Outcome(measures, charts, tables, notes)


def compared_with(subject: Subject, against: str) -> pd.DataFrame:
    """The cases that the model approves, or all where it approves fewer than ten."""
    source = background_source(subject)
    if against == "all":
        return source
    some = source.head(20_000)
    approved = some[subject.predict(some) == subject.favourable_index]
    return approved if len(approved) >= 10 else source


def reasons_of(values: Floats, most: int) -> list[list[int]]:
    """For each case the columns that lower the answer, the most first, at most `most`."""
    order = np.argsort(values, axis=1, kind="stable")[:, :most]
    rounding = -1e-9 * np.abs(values).max(axis=1)
    return [[int(k) for k in row if values[i, k] < rounding[i]] for i, row in enumerate(order)]


def measures_of(
    subject: Subject, found: Attribution, again: Attribution, params: dict[str, Any], rng: np.random.Generator
) -> list[Measure]:
    reasons = reasons_of(found.values, params["reasons"])
    n = len(reasons)
    sensitive = {k for k, name in enumerate(subject.features) if name in subject.sensitive}
    touched = sum(bool(sensitive & set(each)) for each in reasons)
    kept = np.array(
        [overlap(one, other) for one, other in zip(reasons, reasons_of(again.values, params["reasons"]), strict=True)]
    )
    measures = [
        Measure("reason_stability", float(kept.mean()), mean_interval(kept), n=n,
                better="higher")
    ]  # fmt: skip
    if sensitive:
        measures.append(
            Measure("sensitive_reason_share", touched / n, wilson(touched, n), n=n, better="lower")
        )  # fmt: skip
    counts = np.bincount([k for each in reasons for k in each], minlength=len(subject.features))
    measures += [
        Measure("reason_share", float(counts[k] / n), wilson(int(counts[k]), n), n=n,
                group={"column": subject.features[k]})
        for k in np.argsort(-counts, kind="stable")
    ]  # fmt: skip
    return measures


def overlap(one: list[int], other: list[int]) -> float:
    """Jaccard; two empty lists are the same."""
    both = set(one) | set(other)
    return len(set(one) & set(other)) / len(both) if both else 1.0


def told(
    subject: Subject, space: str, found: Attribution, compared: pd.DataFrame, chosen: NDArray[np.intp],
    params: dict[str, Any],
) -> Table:  # fmt: skip
    """The reasons of the first cases, a sentence each."""
    who = "approved cases" if params["against"] == "approved" else "all cases"
    rows: list[list[Any]] = []
    for place, reasons in enumerate(reasons_of(found.values[:TOLD], params["reasons"])):
        for rank, k in enumerate(reasons, 1):
            name, row = subject.features[k], int(chosen[place])
            value = subject.frame[name].iloc[row]
            said = f"{name} is {spoken(value)}; among {who} it is {usually(compared[name], value)}."
            if name in subject.sensitive:
                said += " A sensitive column: check whether it may be a reason."
            rows.append([f"Row {row + 1:,}", rank, said, float(found.values[place, k])])
    return Table(
        "reasons_for_refusals",
        "Principal reasons of refused cases",
        ["Case", "Reason", "In words", f"Effect on the {space}"],
        rows,
        f"What lowered the answer of each case most, compared with {who}. Not a notice: a person checks the reasons.",
    )


def spoken(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return f"{float(value):,.6g}"
    return f"“{as_text(value)}”"


def usually(values: pd.Series, value: Any) -> str:
    """The median of numbers, their mean where the value is the median itself; the most frequent category."""
    known = values.dropna()
    if not len(known):
        return "missing"
    if is_number(values):
        median = float(known.median())
        return f"{float(known.mean()):,.6g} on average" if value == median else f"{median:,.6g} in the middle"
    counts = known.value_counts()
    return f"mostly {spoken(counts.index[0])} ({counts.iloc[0] / len(values):.0%})"


def waterfall(
    subject: Subject, explainer: Explainer, found: Attribution, compared: pd.DataFrame, row: int, place: int,
    against: str,
) -> Chart:  # fmt: skip
    values = found.values[place]
    order = np.argsort(-np.abs(values), kind="stable")
    steps = [
        {
            "name": subject.features[k],
            "said": spoken(subject.frame[subject.features[k]].iloc[row]).strip("“”"),
            "value": float(values[k]),
            "sensitive": subject.features[k] in subject.sensitive,
        }
        for k in order
    ]
    lowered = [step["name"] for step in steps if step["value"] < 0][:4]
    what = f"{explainer.space} of “{subject.favourable}”"
    said = (
        f"Row {row + 1:,}: the {what} is {found.scores[place]:.2f}, against {found.base:.2f} on average of "
        f"{len(compared)} {'approved ' if against == 'approved' else ''}cases. "
        f"{'It is lowered most by ' + ', '.join(lowered) if lowered else 'No column lowers it'}."
    )
    return Chart(
        id=f"refusal_{place + 1}",
        title=f"Why row {row + 1:,} was refused",
        caption=said,
        alt=f"Waterfall from the average answer to that of one refused case, a step a column. {said}",
        data={
            "kind": "waterfall",
            "unit": what,
            "base": found.base,
            "base_label": "average approved case" if against == "approved" else "average case",
            "score": float(found.scores[place]),
            "steps": steps,
        },
    )


def shares_table(measures: list[Measure]) -> Table:
    rows = [
        [m.group["column"], m.value, *(m.ci or (None, None))]
        for m in measures
        if m.metric == "reason_share" and m.value
    ]
    return Table(
        "reason_shares",
        "How often each column is a reason",
        ["Column", "Share of refused cases", "95 % low", "95 % high"],
        rows,
    )
