"""How well can somebody copy the model by asking it?

A thief asks 100, 1,000 (and 10,000) questions and trains a copy on the answers (Tramèr et al. 2016; Orekondy et al.
2019): a decision tree, a linear model, gradient boosting. The questions are real rows, each column shuffled by itself
(no real person, but real values), or random within each column's range (nothing but the ranges known). The answers are
decisions or, where the model has them, scores; predictions for a model of numbers. Half of the rows are the thief's,
the copies are compared with the model on rows of the other half.

extraction_fidelity: the share of rows on which the best copy decides as the model does, with 1,000 questions random in
range and decisions only; by questions and answers otherwise. For a model of numbers extraction_r2: R² of the copy's
predictions against the model's. extraction_lift: with real rows, by how much copying the model beats training on the
true outcomes of the same rows: without a lift the model gives away what the data says anyway. extraction_curve_area:
the mean fidelity over the questions asked, on a logarithmic scale. Intervals, 95 %, are over the rows compared:
Wilson's for rates of 0 and 1, normal otherwise. Compare with always saying the most frequent decision (in the notes).

What to do: where a copy comes close with few questions, limit how often one caller may ask, give decisions and not
scores, and watch for callers who ask in series.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.coder import Codes
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness import _thieves as t
from assessments.battery.robustness._curves import Curve, lines_chart
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

BUDGETS = (100, 1000, 10_000)
VERDICT_BUDGET = 1000

Floats = NDArray[np.float64]
Key = tuple[str, str, int]  # questions, answers, how many


@battery_test(
    title="Model extraction",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    plans=("standard", "thorough"),
    params=[
        Param("largest", 1000, "Most questions asked", thorough=10_000, minimum=20, maximum=1_000_000),
        Param("rows", 1000, "Rows that copy and model are compared on", quick=400, thorough=3000, minimum=15),
        Param("seconds", 60.0, "Wall-clock limit", quick=20.0, thorough=600.0, minimum=0.1, maximum=36_000.0),
    ],
    metrics=[
        Metric("extraction_fidelity", "Decisions that the best copy takes like the model", better="lower"),
        Metric("extraction_r2", "R² of the best copy against the model", better="lower"),
        Metric("extraction_lift", "Gain of copying over training on true outcomes", better="lower"),
        Metric("extraction_curve_area", "Mean fidelity over the number of questions", better="lower"),
    ],
    controls=[
        controls.EU_CYBERSECURITY,
        controls.NIST_SECURITY,
        controls.NIST_EXTRACTION,
        controls.ATLAS_EXTRACTION,
        controls.OWASP_THEFT,
    ],
    charts=["extraction_fidelity"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    clock = q.Clock(params["seconds"])
    heist = Heist.plan(subject, params["rows"], rng)
    budgets = sorted({*(budget for budget in BUDGETS if budget < params["largest"]), params["largest"]})
    order = [
        (questions, answers, heist.asks(questions, budget))
        for budget in sorted(budgets, key=lambda budget: (budget != VERDICT_BUDGET, budget))
        for questions in (t.RANDOM, t.REAL, t.SHUFFLED)
        for answers in heist.answers(questions)
    ]
    asked: dict[tuple[str, int], tuple[Floats, q.Told, NDArray[Any]]] = {}
    copies: dict[Key, dict[str, Floats]] = {}
    for done, (questions, answers, budget) in enumerate(dict.fromkeys(order)):
        progress(done, len(order))
        for family in t.FAMILIES:
            if not clock.over(f"{family}, {questions}, {answers}, {budget:,}"):
                if (questions, budget) not in asked:
                    asked[questions, budget] = heist.ask(questions, budget, rng)
                found = heist.steal(family, answers, asked[questions, budget], rng)
                copies.setdefault((questions, answers, budget), {})[family] = found
    measures = measures_of(heist, copies, min(VERDICT_BUDGET, params["largest"]))
    charts = [fidelity_chart(heist, copies)]
    return Outcome(
        measures, charts, [copies_table(heist, copies)], [*heist.notes(budgets), *clock.notes(params["seconds"])]
    )


@dataclass(frozen=True)
class Heist:
    """own and truth: the thief's rows and their true outcomes; compared: the rows of the other half and what the model
    says of them."""

    subject: Subject
    own: Codes
    truth: NDArray[Any]
    view: t.View
    compared: Floats
    told: NDArray[Any]

    @classmethod
    def plan(cls, subject: Subject, rows: int, rng: np.random.Generator) -> "Heist":
        order = rng.permutation(len(subject.frame))
        half = len(order) // 2
        mine, others = np.sort(order[:half]), np.sort(order[half:][:rows])
        own, compared = (subject.coder.encode(subject.frame[subject.features].take(part)) for part in (mine, others))
        view = t.View.of(subject, own)
        return cls(subject, own, subject.y[mine], view, view(compared), subject.predict_codes(compared))

    @property
    def numbers(self) -> bool:
        return self.subject.task == "regression"

    def asks(self, questions: str, budget: int) -> int:
        """How many of the budget's questions can be asked: a thief has so many real rows."""
        return min(budget, len(self.own)) if questions == t.REAL else budget

    def notes(self, budgets: list[int]) -> list[str]:
        notes = []
        if max(budgets) > len(self.own):
            notes.append(f"The thief has {len(self.own):,} real rows: no more of them are asked about.")
        if not self.numbers:
            most = float(np.bincount(self.told).max() / len(self.told))
            notes.append(
                f"A copy that always takes the most frequent decision agrees on {100 * most:.3g} % of the rows."
            )
        return notes

    def answers(self, questions: str) -> list[str]:
        found = [t.NUMBERS] if self.numbers else [t.LABELS, *([t.SCORES] if self.subject.has_scores else [])]
        return [*found, t.TRUTH] if questions == t.REAL else found

    def ask(self, questions: str, budget: int, rng: np.random.Generator) -> tuple[Floats, q.Told, NDArray[Any]]:
        """What the thief sees of the rows, what the model says of them, and the true outcomes of real rows."""
        if questions == t.REAL:
            chosen = rng.permutation(len(self.own))[:budget]
            codes, truth = self.own[chosen], self.truth[chosen]
        else:
            codes, truth = t.questions(self.subject, self.own, questions, budget, rng), np.empty(0)
        return self.view(codes), q.asked(self.subject, codes), truth

    def steal(
        self, family: str, answers: str, asked: tuple[Floats, q.Told, NDArray[Any]], rng: np.random.Generator
    ) -> Floats:
        """(rows,) whether the copy agrees with the model on each row; for numbers each row's part of R²."""
        x, told, truth = asked
        labels = 0 if self.numbers else len(self.subject.labels)
        if answers == t.TRUTH:
            told, answers = q.Told(truth, None), t.NUMBERS if self.numbers else t.LABELS
        seed, probabilities = int(rng.integers(2**31)), self.subject.scores_are_probabilities
        thief = t.fit(family, x, told, answers, labels, seed, probabilities)
        found = thief.answers(self.compared)
        if self.numbers:
            return q.graded("r2", self.subject, self.told, q.Told(found, None)).parts
        return np.asarray(found == self.told, dtype=float)

    def rate(self, parts: Floats) -> tuple[float | None, Any]:
        if self.numbers:
            value = float(parts.mean())
            return (value, q.around(value, parts)) if np.isfinite(value) else (None, None)
        return q.rate(parts)


def best(copies: dict[str, Floats]) -> tuple[str, Floats]:
    """The family whose copy agrees most, and its parts."""
    name = q.worst_of(copies)
    return name, copies[name]


def measures_of(heist: Heist, copies: dict[Key, dict[str, Floats]], budget: int) -> list[Measure]:
    metric = "extraction_r2" if heist.numbers else "extraction_fidelity"
    n = len(heist.told)
    plain = t.NUMBERS if heist.numbers else t.LABELS
    measures = []
    for (questions, answers, asked), found in copies.items():
        if asked != heist.asks(questions, budget) or answers == t.TRUTH:
            continue
        family, parts = best(found)
        if (questions, answers) == (t.RANDOM, plain):
            measures.append(Measure(metric, *heist.rate(parts), n, better="lower"))
        group = {"questions": questions, "answers": answers, "copy": family}
        measures.append(Measure(metric, *heist.rate(parts), n, group, better="lower"))
    real = [budget for questions, answers, budget in copies if (questions, answers) == (t.REAL, t.TRUTH)]
    if real and (t.REAL, plain, max(real)) in copies:
        stolen, taught = (best(copies[t.REAL, answers, max(real)])[1] for answers in (plain, t.TRUTH))
        value = float(stolen.mean() - taught.mean())
        measures.append(Measure("extraction_lift", value, q.around(value, stolen - taught), n, better="lower"))
    if (area := curve_area(copies, t.RANDOM, plain)) is not None:
        value, parts = float(area.mean()), area
        measures.append(Measure("extraction_curve_area", value, q.around(value, parts), n, better="lower"))
    return measures


def curve_area(copies: dict[Key, dict[str, Floats]], questions: str, answers: str) -> Floats | None:
    """(rows,) each row's part of the area under fidelity against log queries, divided by its width."""
    budgets = sorted(budget for one, other, budget in copies if (one, other) == (questions, answers))
    if len(budgets) < 2:
        return None
    parts = np.array([best(copies[questions, answers, budget])[1] for budget in budgets])
    logs = np.log(budgets)
    return np.asarray(np.trapezoid(parts, logs, axis=0) / (logs[-1] - logs[0]))


def fidelity_chart(heist: Heist, copies: dict[Key, dict[str, Floats]]) -> Chart:
    curves: dict[tuple[str, str], Curve] = {}
    for questions, answers, budget in sorted(copies, key=lambda key: key[2]):
        name = t.TRUTH if answers == t.TRUTH else questions if heist.numbers else f"{questions}, {answers}"
        curve = curves.setdefault((questions, answers), Curve(name))
        curve.add(budget, *heist.rate(best(copies[questions, answers, budget])[1]))
    what = "R² of the copy" if heist.numbers else "Agreement with the model"
    said = f"On {len(heist.told)} rows that the thief has not seen"
    for (_, answers), curve in sorted(curves.items()):
        if answers in (t.LABELS, t.NUMBERS) and curve.y[-1] is not None:
            said += f"; {curve.name}: {curve.y[-1]:.3f} after {curve.x[-1]:,.0f} questions"
    return lines_chart("extraction_fidelity", "Copies of the model by questions asked", f"{said}.", "Questions asked",
                       what, list(curves.values()), log=True)  # fmt: skip


def copies_table(heist: Heist, copies: dict[Key, dict[str, Floats]]) -> Table:
    rows: list[list[Any]] = []
    for key in sorted(copies):
        for family, parts in copies[key].items():
            value, ci = heist.rate(parts)
            rows.append([*key, family, value, *(ci or (None, None))])
    what = "R²" if heist.numbers else "Agreement"
    headings = ["Questions", "Answers", "How many", "Copy", what, "95 % low", "95 % high"]
    return Table("extraction_copies", "Every copy", headings, rows)
