"""Which columns drive the model's score, and by how much?

Shapley values (Shapley 1953; SHAP: Lundberg and Lee 2017) for the columns as they are in the table: a category is one
column here, however the model encodes it. Each value says how far a column moves the answer for one case away from the
average answer to the background cases, the columns not yet known being taken from these. shap_importance is the mean
of the absolute values over a random sample of cases, with a 95 % interval over the cases; the background is
a second random sample, of the training data where it is known.

Trees and linear models are read, and their values exact (Lundberg and others 2020, with all that a column became as
one player): for forests on the probability of the favourable label, for boosted trees and logistic models on its log
odds, where they add up; the unit says which. Few columns are asked in every subset, also exact; other models are asked
along random walks, each with its reverse (Štrumbelj and Kononenko 2014), about the score. With space = score every
model is asked. A model that gives decisions only is explained through the decision, 1 for favourable and 0 for any
other; one that predicts a number through that number.

shap_group_difference, for each sensitive column: the mean SHAP values of the group with the lowest mean answer less
those of all others, column by column, with Welch's interval: which columns set the group apart. They add up to the
difference of the mean answers.

The values of a case must add up to its answer less the average: shap_additivity_max_error is the largest gap on any
case, against answers that the model gave apart; a large gap means that the explanation is not of this model, or that
its answers are not reproducible. For predicted numbers the gap is in standard deviations of the predictions.
Importance is about what the model uses, not about cause; correlated columns share it. Sensitive columns are marked.

What to do: compare the leading columns with what an expert would expect. Ask about each that surprises, and about each
sensitive column that moves the answer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.explainability._explaining import (
    EXACT_UP_TO,
    SPACE,
    WALKS,
    Explainer,
    affordable,
    explain,
    sentence,
)
from assessments.battery.explainability._shap_views import beeswarm, dependences, group_differences
from assessments.battery.explainability._shapley import Attribution, Floats
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.stats import mean_interval
from assessments.battery.subject import Subject

SHOWN = 20
SPACE_NOTES = {
    "log odds": "What is explained is the log odds of the favourable label: 1 more multiplies its odds by 2.7.",
    "raw score": "What is explained is the favourable label's raw score, before the scores of all labels are compared.",
    "decision value": "What is explained is the decision value: the model decides favourably above its threshold.",
    "log prediction": "What is explained is the logarithm of the prediction: 1 more multiplies it by 2.7.",
    "raw prediction": "What is explained is the raw sum that the model makes its prediction of.",
    "decision": "The model gives decisions only: what is explained is the decision, 1 for favourable, else 0.",
}


@battery_test(
    title="SHAP importance",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 200, "Cases explained", quick=80, thorough=400, minimum=2, maximum=10_000),
        Param("background", 100, "Background cases", quick=50, thorough=150, minimum=2, maximum=1_000),
        WALKS,
        Param(
            "questions", 1_000_000, "Rows the model may be asked about", quick=200_000, thorough=3_000_000, minimum=1000
        ),
        EXACT_UP_TO,
        SPACE,
    ],
    metrics=[
        Metric("shap_importance", "Mean absolute SHAP value", unit="score"),
        Metric("shap_group_difference", "Mean SHAP value of a group less that of the others", unit="score"),
        Metric("shap_additivity_max_error", "Largest gap between SHAP values and score", better="lower", unit="score"),
    ],
    controls=[
        controls.NIST_EXPLANATION,
        controls.EU_EXPLANATION,
        controls.EU_TRANSPARENCY,
        controls.REASONS_FOR_DENIAL,
        controls.CONCEPTUAL_SOUNDNESS,
        controls.PRA_EXPLAINABILITY,
    ],
    charts=["shap_importance", "shap_beeswarm", "shap_dependence_*", "shap_group_difference_*"],
    headline=("shap_importance",),
    explains=True,
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    explainer, explained, found = explain(subject, params, rng, progress)
    measures = importances(subject.features, found, explainer.space)
    n = len(explained)
    apart = explainer.apart(subject.frame.take(explained))
    if apart is not None:
        gap = additivity_error(found, apart) / scale(subject, found.scores)
        measures.append(Measure("shap_additivity_max_error", gap, n=n, unit=explainer.space, better="lower"))
    table = Table(
        "shap_importance",
        "Mean absolute SHAP value by column",
        ["Column", "Mean |SHAP|", "95 % low", "95 % high", "Mean SHAP", "Sensitive"],
        table_rows(subject, measures, found),
    )
    rows, of = subject.frame.take(explained).reset_index(drop=True), unit_of(subject, explainer.space)
    differences, difference_charts, difference_tables = group_differences(
        subject, explained, found, of, explainer.space
    )
    charts = [
        importance_chart(subject, measures, explainer.space, n),
        beeswarm(subject, rows, found, of),
        *dependences(subject, rows, found, of),
        *difference_charts,
    ]
    notes = notes_of(subject, explainer, found, params)
    return Outcome(measures + differences, charts, [table, *difference_tables], notes)


def additivity_error(found: Attribution, scores: Floats) -> float:
    return float(np.abs(found.values.sum(1) + found.base - scores).max())


def scale(subject: Subject, scores: Floats) -> float:
    """What a gap is measured in: 1 for scores and log odds; how much they vary for predicted numbers."""
    spread = float(np.std(scores)) if subject.task == "regression" else 1.0
    return spread or 1.0


def importances(columns: list[str], found: Attribution, space: str) -> list[Measure]:
    """One measure a column, the most important first."""
    size = np.abs(found.values)
    measures = [
        Measure(
            "shap_importance",
            float(size[:, k].mean()),
            mean_interval(size[:, k]),
            n=len(size),
            group={"column": name},
            unit=space,
        )
        for k, name in enumerate(columns)
    ]
    return sorted(measures, key=lambda measure: -(measure.value or 0.0))


def importance_chart(subject: Subject, measures: list[Measure], space: str, n: int) -> Chart:
    columns = [measure for measure in measures if measure.metric == "shap_importance"]
    features = [
        {
            "name": measure.group["column"],
            "value": measure.value,
            "low": (measure.ci or (0.0, 0.0))[0],
            "high": (measure.ci or (0.0, 0.0))[1],
            "sensitive": measure.group["column"] in subject.sensitive,
        }
        for measure in columns[:SHOWN]
    ]
    return Chart(
        id="shap_importance",
        title="SHAP importance",
        caption=said(subject, columns, space, n),
        alt=f"Bars of the mean absolute SHAP value of each column, largest first. {said(subject, columns, space, n)}",
        data={"kind": "shap_importance", "unit": unit(subject, space), "features": features},
    )


def unit(subject: Subject, space: str) -> str:
    return f"mean |SHAP| ({unit_of(subject, space)})"


def unit_of(subject: Subject, space: str) -> str:
    return f"{space} of “{subject.favourable}”" if subject.labels else f"{space} of {subject.target}"


def said(subject: Subject, columns: list[Measure], space: str, n: int) -> str:
    """The figures of the chart as sentences."""
    what = f"{space} of “{subject.favourable}”" if subject.labels else f"prediction of {subject.target}"
    if not any(measure.value for measure in columns):
        return f"On {n} cases no column moves the {what}."
    top = ", ".join(f"{measure.group['column']} {_figure(measure.value)}" for measure in columns[:3])
    text = f"On {n} cases the {what} moves most with {top}."
    rank = {measure.group["column"]: place for place, measure in enumerate(columns, 1)}
    used = [f"{name} (place {rank[name]} of {len(columns)})" for name in subject.sensitive if name in rank]
    return f"{text} Sensitive columns among them: {', '.join(used)}." if used else text


def _figure(value: float | None) -> str:
    return f"{value or 0:,.0f}" if abs(value or 0) >= 1000 else f"{value or 0:.3f}"


def table_rows(subject: Subject, measures: list[Measure], found: Attribution) -> list[list[Any]]:
    mean = dict(zip(subject.features, found.values.mean(0), strict=True))
    rows: list[list[Any]] = []
    for measure in measures:
        if name := measure.group.get("column"):
            low, high = measure.ci or (None, None)
            rows.append(
                [name, measure.value, low, high, float(mean[name]), "yes" if name in subject.sensitive else "no"]
            )
    return rows


def notes_of(subject: Subject, explainer: Explainer, found: Attribution, params: dict[str, Any]) -> list[str]:
    notes = [sentence(found, params["walks"])]
    if said := SPACE_NOTES.get(explainer.space):
        notes.append(said)
    cases, background = affordable(params, len(subject.features))
    if not explainer.reads and (cases, background) != (params["rows"], params["background"]):
        notes.append(
            f"For its {len(subject.features)} columns, {cases} cases and {background} background cases are taken."
        )
    if subject.reference is None:
        notes.append("The background is drawn from the data under test: no training data was given.")
    return notes
