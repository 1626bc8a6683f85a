"""Which columns drive the model's score, and by how much?

Shapley values (Shapley 1953; SHAP: Lundberg and Lee 2017) of the score of the favourable label, for the columns as
they are in the table: a category is one column here, however the model encodes it. Each value says how far a column
moves the score of one case away from the average score of the background cases, the columns not yet known being taken
from these. shap_importance is the mean of the absolute values over a random sample of cases, with a 95 % bootstrap
interval over the cases; the background is a second random sample, of the training data where it is known.

The values of a case must add up to its score less the average: shap_additivity_max_error is the largest gap on any
case, against scores that were computed apart; a large gap means that the model's answers are not reproducible. A model
that gives decisions only is explained through the decision, 1 for favourable and 0 for any other. A model that predicts
a number is explained through that number, in the units of the target; its gap is in standard deviations of its
predictions. Importance is about what the model uses, not about cause; correlated columns share it. Sensitive columns
are marked.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery import controls
from assessments.battery.explainability._shapley import Attribution, Floats, Game, Score, attribute
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.stats import mean_interval
from assessments.battery.subject import Subject

SHOWN = 20


@battery_test(
    title="SHAP importance",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 200, "Cases explained", quick=80, thorough=400, minimum=2, maximum=10_000),
        Param("background", 100, "Background cases", quick=50, thorough=150, minimum=2, maximum=1_000),
        Param("walks", 1, "Antithetic pairs of walks for each case and background case", minimum=1, maximum=100),
        Param(
            "questions", 1_000_000, "Rows the model may be asked about", quick=200_000, thorough=3_000_000, minimum=1000
        ),
        Param("exact_up_to", 5, "Columns up to which every subset is asked", minimum=1, maximum=12),
        Param("resamples", 1000, "Bootstrap resamples", minimum=100, maximum=100_000),
    ],
    metrics=[
        Metric("shap_importance", "Mean absolute SHAP value", unit="score"),
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
    charts=["shap_importance"],
    headline=("shap_importance",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    source = background_source(subject)
    rows, others = affordable(params, len(subject.features))
    explained = np.sort(rng.permutation(len(subject.frame))[:rows])
    background = source.take(np.sort(rng.permutation(len(source))[:others]))
    game = Game.of(subject.frame[subject.features].take(explained), background, explained_score(subject))
    found = attribute(game, walks=params["walks"], exact_up_to=params["exact_up_to"], rng=rng, progress=progress)
    measures = importances(subject.features, found, params["resamples"], rng)
    gap = additivity_error(found, scores_apart(subject)[explained]) / scale(subject)
    n = len(explained)
    measures.append(Measure("shap_additivity_max_error", gap, n=n, unit="score", better="lower"))
    table = Table(
        "shap_importance",
        "Mean absolute SHAP value by column",
        ["Column", "Mean |SHAP|", "95 % low", "95 % high", "Mean SHAP", "Sensitive"],
        table_rows(subject, measures, found),
    )
    return Outcome(measures, [importance_chart(subject, measures, n)], [table], notes_of(subject, found, params))


def affordable(params: dict[str, Any], columns: int) -> tuple[int, int]:
    """Cases and background cases, fewer than asked for where many columns would take too many questions."""
    each = 2 * params["walks"] * max(1, columns - 1)
    background = min(params["background"], max(10, params["questions"] // (each * params["rows"])))
    return min(params["rows"], max(10, params["questions"] // (each * background))), background


def background_source(subject: Subject) -> pd.DataFrame:
    """The rows the background is drawn from: the training data where it has the model's columns."""
    reference = subject.reference
    if reference is not None and set(subject.features) <= set(reference.columns):
        return reference[subject.features]
    return subject.frame[subject.features]


def explained_score(subject: Subject) -> Score:
    """The prediction; or the score of the favourable label, or 1 and 0 for the decision where there are no scores."""
    if subject.task == "regression":
        return lambda frame: np.asarray(subject.predict(frame), dtype=float)
    if subject.has_scores:
        return lambda frame: subject.predict_scores(frame)[:, subject.favourable_index].astype(float)
    return lambda frame: (subject.predict(frame) == subject.favourable_index).astype(float)


def scores_apart(subject: Subject) -> Floats:
    """(rows,) what is explained, from the model's answers to the table as it was loaded."""
    if subject.task == "regression":
        return np.asarray(subject.predicted, dtype=float)
    score = subject.favourable_score
    return np.asarray(subject.predicted == subject.favourable_index if score is None else score, dtype=float)


def additivity_error(found: Attribution, scores: Floats) -> float:
    return float(np.abs(found.values.sum(1) + found.base - scores).max())


def scale(subject: Subject) -> float:
    """What a gap is measured in: 1 for scores, which lie between 0 and 1; else how much the predictions vary."""
    spread = float(np.std(subject.predicted)) if subject.task == "regression" else 1.0
    return spread or 1.0


def importances(columns: list[str], found: Attribution, resamples: int, rng: np.random.Generator) -> list[Measure]:
    """One measure a column, the most important first."""
    size = np.abs(found.values)
    measures = [
        Measure(
            "shap_importance",
            float(size[:, k].mean()),
            mean_interval(size[:, k], resamples, rng),
            n=len(size),
            group={"column": name},
            unit="score",
        )
        for k, name in enumerate(columns)
    ]
    return sorted(measures, key=lambda measure: -(measure.value or 0.0))


def importance_chart(subject: Subject, measures: list[Measure], n: int) -> Chart:
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
        caption=said(subject, columns, n),
        alt=f"Bars of the mean absolute SHAP value of each column, largest first. {said(subject, columns, n)}",
        data={"kind": "shap_importance", "unit": unit(subject), "features": features},
    )


def unit(subject: Subject) -> str:
    if subject.task == "regression":
        return f"mean |SHAP| (prediction of {subject.target})"
    what = "decision" if not subject.has_scores else "probability" if subject.scores_are_probabilities else "score"
    return f"mean |SHAP| ({what} of “{subject.favourable}”)"


def said(subject: Subject, columns: list[Measure], n: int) -> str:
    """The figures of the chart as sentences."""
    what = f"score of “{subject.favourable}”" if subject.labels else f"prediction of {subject.target}"
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


def notes_of(subject: Subject, found: Attribution, params: dict[str, Any]) -> list[str]:
    notes = [
        "Shapley values are exact: every subset of the columns was asked."
        if found.exact
        else f"Shapley values are estimates from {params['walks'] * 2} walks for each case and background case."
    ]
    cases, background = affordable(params, len(subject.features))
    if (cases, background) != (params["rows"], params["background"]):
        notes.append(
            f"For its {len(subject.features)} columns, {cases} cases and {background} background cases are taken."
        )
    if subject.labels and not subject.has_scores:
        notes.append("The model gives decisions only: what is explained is the decision, 1 for favourable, else 0.")
    if subject.reference is None:
        notes.append("The background is drawn from the data under test: no training data was given.")
    return notes
