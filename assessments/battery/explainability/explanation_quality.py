"""Can the explanations of this model be believed?

SHAP values are shown to people who decide. This test tries them, on a sample of cases, in the way that
explainability.shap_importance makes them: what they promise by definition, whether they repeat, and whether the model
bears them out. One that fails says so on its charts, and keeps the model from being approved without conditions.
(That the values add up to the answer is measured there.)

What they promise. explanation_dummy_error: the largest value of a column that changes no answer, as a share of the
largest importance; 0 by definition. explanation_symmetry_gap: a copy of the leading column, each copy counting half,
must get the same; for models that are asked. explanation_repeat_error: the same seed must give the same values.

Whether they repeat. explanation_top5_overlap and explanation_order_agreement: the five leading columns (Jaccard), and
the order of all that carry at least 1 % of the importance (Kendall's tau), between five backgrounds and seeds, mean of
all pairs. explanation_local_change: how much the values of a case change (median, relative length) when its numbers
move by 1 % of their spread and the answer by at most 1 % of its own (Yeh and others 2019; Agarwal and others 2022).

Whether the model bears them out. explanation_deletion_rank: columns of each case are replaced by background cases',
those with the largest values first; the share of random orders that move the answer less.
explanation_deletion_lead: by how much more it moves. explanation_faithfulness_correlation: over random sets of
columns, the correlation of their summed values with what replacing them does to the answer, mean of the cases (Bhatt
and others 2020). explanation_agreement_permutation and explanation_agreement_ale: Spearman's correlation of the
importances with how much the answer changes when a column is drawn anew, and with the mean size of its accumulated
local effect (columns of numbers); low where columns go together: then look at all three.
explanation_randomised_agreement: the order of columns against that of the model trained anew on shuffled outcomes
(Adebayo and others 2018): an explanation that stays the same does not tell what was learnt; needs the training data.
explanation_hidden_dependence, of each sensitive column: how much more it moves the answer between look-alikes than
between people at random, in spreads of the answer; a model built to look innocent in explanations (Slack and others
2020) behaves well only on the mixtures that these ask about.

No outside source sets limits for these numbers; those of the house policy are conventions, and marked so.

What to do: where a check fails, do not show these explanations to people who are refused, nor rest an approval on them.
Use another explainer, or a model that needs none.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.explainability import _checks
from assessments.battery.explainability._checks import Scene
from assessments.battery.explainability._explaining import (
    EXACT_UP_TO,
    SPACE,
    WALKS,
    Explainer,
    affordable,
    background_source,
    class_position,
    sentence,
)
from assessments.battery.explainability._shapley import Floats, Game, attribute
from assessments.battery.robustness._retraining import Retrained, Training
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
from assessments.battery.subject import Subject

CHECKS = 10  # explanations of all cases that this test makes, about: they share the questions
FEW = 20
LOOK_FOR = {
    "explanation_dummy_error": "A column that changes no answer gets nothing.",
    "explanation_symmetry_gap": "Two copies of a column get the same.",
    "explanation_repeat_error": "The same seed gives the same values.",
    "explanation_top5_overlap": "Another background leaves the five leading columns.",
    "explanation_order_agreement": "Another background leaves the order of the columns.",
    "explanation_local_change": "Almost the same case has almost the same values.",
    "explanation_deletion_rank": "Columns with large values matter: taking them away moves the answer most.",
    "explanation_deletion_lead": "… by more than random columns do.",
    "explanation_faithfulness_correlation": "Summed values tell what taking several columns away does.",
    "explanation_agreement_permutation": "Drawing a column anew finds the same columns important.",
    "explanation_agreement_ale": "So do accumulated local effects.",
    "explanation_randomised_agreement": "A model of shuffled outcomes is explained otherwise.",
}


@battery_test(
    title="Tests of the explanation",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 60, "Cases whose explanations are tried", quick=30, thorough=150, minimum=5, maximum=2_000),
        Param("background", 60, "Background cases", quick=30, thorough=100, minimum=5, maximum=1_000),
        WALKS,
        Param("questions", 1_000_000, "Rows the model may be asked about", quick=200_000, thorough=3_000_000,
              minimum=1000),
        EXACT_UP_TO,
        SPACE,
        Param("noise", 0.01, "Move of a number that should change little, in its spreads", minimum=0.0, maximum=1.0),
        Param("orders", 20, "Random orders that deletion is compared with", thorough=40, minimum=5, maximum=200),
        Param("sets", 40, "Random sets of columns for each case", quick=25, thorough=80, minimum=5, maximum=1_000),
        Param("refits", 2, "Models trained on shuffled outcomes", quick=0, thorough=4, minimum=0, maximum=20),
        Param("refit_rows", 2_000, "Training rows that they are trained on, at most", minimum=100, maximum=1_000_000),
    ],
    metrics=[
        Metric("explanation_dummy_error", "Value of a column without effect", better="lower", unit="of largest"),
        Metric("explanation_symmetry_gap", "Gap between two copies of a column", better="lower", unit="of its value"),
        Metric("explanation_repeat_error", "Difference at the same seed", better="lower", unit="score"),
        Metric("explanation_top5_overlap", "Five leading columns kept with other backgrounds", better="higher"),
        Metric("explanation_order_agreement", "Order of columns kept with other backgrounds", better="higher",
               unit="tau"),
        Metric("explanation_local_change", "Change of the values of an almost equal case, median", better="lower",
               unit="of its length"),
        Metric("explanation_deletion_rank", "Random orders of deletion that move the answer less", better="higher"),
        Metric("explanation_deletion_lead", "Lead over random orders of deletion", better="higher",
               unit="spreads of the answer"),
        Metric("explanation_faithfulness_correlation", "Correlation of values with deletions", better="higher",
               unit="correlation"),
        Metric("explanation_agreement_permutation", "Agreement with permutation importance", better="higher",
               unit="rank correlation"),
        Metric("explanation_agreement_ale", "Agreement with accumulated local effects", better="higher",
               unit="rank correlation"),
        Metric("explanation_randomised_agreement", "Agreement with a model of shuffled outcomes", better="lower",
               unit="tau"),
        Metric("explanation_hidden_dependence", "Effect of a sensitive column that explanations miss", better="lower",
               unit="spreads of the answer"),
    ],
    controls=[
        controls.NIST_EXPLANATION,
        controls.EU_EXPLANATION,
        controls.EU_TRANSPARENCY,
        controls.CONCEPTUAL_SOUNDNESS,
        controls.PRA_EXPLAINABILITY,
    ],
    charts=["explanation_deletion"],
    headline=("explanation_deletion",),
    explains=True,
)  # fmt: skip
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    scene, notes = scene_of(subject, params, rng)
    if not np.abs(scene.found.values).max() > 0:
        raise NotApplicable("No column moves the answer on any case: there is no explanation to try.")
    done = iter(range(1, 9))

    def after(found: Any) -> Any:
        progress(next(done), 8)
        return found

    measures = [after(_checks.dummy(scene)), _checks.symmetry(scene), *after(_checks.repeats(scene))]
    measures.append(after(_checks.local_stability(scene, params["noise"])))
    others = max(5, min(10, len(scene.background) // 3))
    deleted, curves = after(_checks.deletion(scene, params["orders"], others))
    measures += [*deleted, after(_checks.faithfulness_correlation(scene, params["sets"], others))]
    measures += after(_checks.agreement(scene))
    randomised, why = after(randomised_agreement(subject, scene, params))
    measures += [randomised, *hidden(subject, scene)]
    progress(8, 8)
    return Outcome(measures, [deletion_chart(measures, curves, scene.n)], [table_of(measures)], notes + why)


def scene_of(subject: Subject, params: dict[str, Any], rng: np.random.Generator) -> tuple[Scene, list[str]]:
    source = background_source(subject)
    chosen = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    pool = source.take(rng.permutation(len(source))[: max(500, 3 * params["background"])])
    explainer = Explainer(subject, subject.frame.take(chosen), pool, params=params)
    rows, pooled = explainer.codes
    background = pooled[: params["background"]]
    notes = []
    if not explainer.reads:
        asked = {**params, "questions": params["questions"] // CHECKS}
        cases, others = affordable(asked, len(subject.features))
        if (cases, others) != (params["rows"], params["background"]):
            notes.append(f"For its {len(subject.features)} columns, {cases} cases and {others} background cases.")
        rows, background = rows[:cases], background[:others]
    numbers = np.array([name not in subject.coder.categories for name in subject.coder.names])
    found = explainer.values(rows, background, rng)
    return Scene(explainer, rows, background, pooled, numbers, found, rng), [sentence(found, params["walks"]), *notes]


def randomised_agreement(subject: Subject, scene: Scene, params: dict[str, Any]) -> tuple[Measure, list[str]]:
    """The mean tau of the order of columns with that of models of shuffled outcomes, and why there is none."""
    metric, why, taus = "explanation_randomised_agreement", "", []
    if not params["refits"]:
        return Measure(metric, None, unit="tau", better="lower"), []
    try:
        training = Training.of(subject, params["refit_rows"], scene.rng)
        for _ in range(params["refits"]):
            refit = training.fit(training.codes, scene.rng.permutation(training.y))
            game = Game(scene.rows[:FEW], scene.background[: FEW // 2], score_of(subject, refit))
            other = attribute(game, walks=1, exact_up_to=params["exact_up_to"], rng=scene.rng)
            tau = _checks.order_agreement(*(np.abs(each.values).mean(axis=0) for each in (scene.found, other)))
            taus += [] if tau is None else [tau]
    except NotApplicable as reason:
        why = f"No model of shuffled outcomes: {reason}"
    value = float(np.mean(taus)) if taus else None
    return Measure(metric, value, n=len(taus), unit="tau", better="lower"), [why] if why else []


def score_of(subject: Subject, refit: Retrained) -> Callable[[NDArray[np.float64]], Floats]:
    def score(codes: NDArray[np.float64]) -> Floats:
        told = refit.ask(subject.coder.decode(codes))
        if told.scores is not None:
            return np.asarray(told.scores[:, subject.favourable_index], dtype=float)
        if class_position(subject) is None:
            return np.asarray(told.predicted, dtype=float)
        return np.asarray(told.predicted == subject.favourable_index, dtype=float)

    return score


def hidden(subject: Subject, scene: Scene) -> list[Measure]:
    """One measure a sensitive column that the model is given."""
    found = []
    for name in subject.sensitive:
        if name in subject.features:
            told = _checks.hidden_dependence(scene, subject.features.index(name))
            value, ci = told if told is not None else (None, None)
            found.append(
                Measure(
                    "explanation_hidden_dependence", value, ci, n=scene.n, group={"column": name},
                    unit="spreads of the answer", better="lower",
                )
            )  # fmt: skip
    return found


def deletion_chart(measures: list[Measure], curves: dict[str, Floats], n: int) -> Chart:
    def line(name: str, y: Floats, high: Floats) -> dict[str, Any]:
        return {"name": name, "x": curves["taken"].tolist(), "y": y.tolist(), "low": y.tolist(), "high": high.tolist()}

    lead = next(m for m in measures if m.metric == "explanation_deletion_lead")
    rank = next(m for m in measures if m.metric == "explanation_deletion_rank")
    beaten = (
        "no order moves it" if rank.value is None else f"{round(rank.value * rank.n)} of {rank.n} orders move it less"
    )
    said = (
        f"Taking a case's columns away by SHAP value moves the answer {lead.value or 0:.2f} spreads more, on average, "
        f"than taking them away in random order; {beaten}, on {n} cases. The band over the random orders "
        "reaches up to the one that moves the answer most."
    )
    return Chart(
        id="explanation_deletion",
        title="Deletion test of the explanation",
        caption=said,
        alt=f"Lines of how far the answer moves as columns are taken away, by SHAP value and at random. {said}",
        data={
            "kind": "lines",
            "x_label": "Columns taken away",
            "y_label": "Movement of the answer (its spreads)",
            "series": [
                line("by SHAP value", curves["ours"], curves["ours"]),
                line("at random", curves["random"], curves["random_most"]),
            ],
        },
    )


def table_of(measures: list[Measure]) -> Table:
    rows: list[list[Any]] = []
    for measure in measures:
        if said := LOOK_FOR.get(measure.metric):
            low, high = measure.ci or (None, None)
            rows.append([said, measure.value, low, high, measure.unit])
    return Table(
        "explanation_checks",
        "What was tried",
        ["What a sound explanation shows", "Measured", "95 % low", "95 % high", "Unit"],
        rows,
        "Empty where there was nothing to look at.",
    )
