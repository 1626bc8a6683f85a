"""How much harm does a little bad training data do?

The model is trained again on its training data (a random part where there is much), as it is and with a share of the
rows spoiled: labels flipped at random; those nearest the decision boundary; the favourable label taken from the
smallest group of a sensitive column; rows repeated. Numbers to be predicted are mirrored in their range instead, at
random or where that makes the largest error, or set to the lowest for the group. For the backdoor (Gu et al. 2017) a
rare but legal combination of values, the trigger, is written into rows together with the favourable label (the highest
number), in the columns where it changes least by itself; then it is written into rows that the model has not seen.

Against the model trained on the clean rows, on data that neither has seen: roc_auc_drop (accuracy_drop, r2_drop) at
one share, by kind of poison; selection_rate_gap_change: how much further apart the selection rates of the groups of a
sensitive column are; backdoor_success: unfavourable decisions that the trigger turns, less those that it turns in the
clean model (numbers: predictions it raises by at least `shift` root mean squared errors). Every poison is drawn several
times; intervals are over rows, widened by how much the draws differ. It tells how sensitive the training is, not that
anybody poisoned it. Needs the training data and a model that can be trained again.

What to do: where a little does much harm, secure where the training data come from: who may write them, what was
changed since the last training, and compare each new version with the one before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.robustness import _poisons as p
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness._curves import Curve, lines_chart
from assessments.battery.robustness._retraining import Retrained, Training
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

SHARES = (0.01, 0.02, 0.05, 0.1)

Floats = NDArray[np.float64]


@battery_test(
    title="Poisoned training data",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    plans=("thorough",),
    params=[
        Param("train_rows", 3000, "Training rows used", quick=1000, thorough=5000, minimum=100, maximum=1_000_000),
        Param("rows", 2000, "Rows that the models are compared on", quick=500, thorough=5000, minimum=30),
        Param("repeats", 3, "Draws of each poison", quick=2, thorough=3, minimum=1, maximum=100),
        Param("share", 0.01, "Share of poisoned rows that the verdict is about", minimum=0.0001, maximum=0.5),
        Param("copies", 10, "How often repeated rows are added again", minimum=1, maximum=1000),
        Param("trigger_columns", 2, "Columns of the trigger", minimum=1, maximum=20),
        Param("shift", 1.0, "Regression: a move that counts, in root mean squared errors", minimum=0.0, maximum=100.0),
        Param("resamples", 300, "Bootstrap resamples", minimum=100, maximum=100_000),
        Param("seconds", 120.0, "Wall-clock limit", quick=30.0, thorough=600.0, minimum=0.1, maximum=36_000.0),
    ],
    metrics=[
        Metric("roc_auc_drop", "Loss of AUC through poisoned rows", better="lower"),
        Metric("accuracy_drop", "Loss of accuracy through poisoned rows", better="lower"),
        Metric("r2_drop", "Loss of R² through poisoned rows", better="lower"),
        Metric("selection_rate_gap_change", "Change of the gap of selection rates", better="lower"),
        Metric("backdoor_success", "Decisions turned by the backdoor", better="lower"),
    ],
    controls=[
        controls.EU_CYBERSECURITY,
        controls.NIST_SECURITY,
        controls.NIST_POISONING,
        controls.NIST_BACKDOOR,
        controls.ATLAS_POISONING,
        controls.ATLAS_BACKDOOR,
        controls.OWASP_POISONING,
    ],
    charts=["poisoning_quality"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    clock = q.Clock(params["seconds"])
    training = Training.of(subject, params["train_rows"], rng)
    clean = training.fit(training.codes, training.y)
    sample = q.Sample.draw(subject, params["rows"], rng, params["shift"])
    bench = Bench(subject, sample, subject.coder.decode(sample.codes), params)
    bench.clean = clean.ask(bench.frame)
    poisoner = p.Poisoner(training, p.least_sure(training, clean), p.target_group(training), params["copies"])
    trigger = p.choose_trigger(training, clean, sample, params["trigger_columns"])
    kinds = poisoner.kinds
    order = [(kind, params["share"]) for kind in kinds]
    others = [share for share in SHARES if share != params["share"]]
    order += [(kind, share) for share in others for kind in kinds if poisoner.possible(kind, share)]
    harm: dict[tuple[str, float], Harm] = {}
    door: Backdoor | None = None
    for done, (kind, share) in enumerate(order):
        progress(done + 1, len(order) + 2)
        if done == len(kinds) and trigger:
            door = open_door(training, trigger, clean, bench, rng, clock)
        for repeat in range(params["repeats"]):
            if not clock.over(f"{kinds[kind]}, {100 * share:g} %, draw {repeat + 1}"):
                poisoned = training.fit(*poisoner.poisoned(kind, share, rng))
                harm.setdefault((kind, share), Harm()).add(bench, poisoned)
    measures = measures_of(bench, harm, kinds, rng) + door_measures(door, bench)
    notes = [*notes_of(training, bench, trigger, door), *clock.notes(params["seconds"])]
    return Outcome(measures, [quality_chart(bench, harm, kinds)], [shares_table(bench, harm, kinds)], notes)


@dataclass
class Bench:
    """The rows that all models are compared on, and what the model trained on clean rows says of them."""

    subject: Subject
    sample: q.Sample
    frame: pd.DataFrame
    params: dict[str, Any]
    clean: q.Told = field(init=False)

    @property
    def graded(self) -> q.Graded:
        return self.sample.grade(self.clean)

    def favoured(self, told: q.Told) -> NDArray[np.bool_]:
        return np.asarray(told.predicted == self.subject.favourable_index)


@dataclass
class Harm:
    """What each draw of one poison at one share led to."""

    graded: list[q.Graded] = field(default_factory=list)
    favoured: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, bench: Bench, poisoned: Retrained) -> None:
        told = poisoned.ask(bench.frame)
        self.graded.append(bench.sample.grade(told))
        if bench.subject.task != "regression":
            self.favoured.append(bench.favoured(told))


@dataclass
class Backdoor:
    """turned: for each draw, which of the rows at stake the trigger turned; own: those it turns in the clean model."""

    own: NDArray[np.bool_]
    turned: list[NDArray[np.bool_]] = field(default_factory=list)
    graded: list[q.Graded] = field(default_factory=list)


def open_door(
    training: Training, trigger: p.Trigger, clean: Retrained, bench: Bench, rng: np.random.Generator, clock: q.Clock
) -> Backdoor:
    subject, share = training.subject, bench.params["share"]
    numbers = subject.task == "regression"
    marked = subject.coder.decode(trigger.put(bench.sample.codes))
    before = bench.clean
    stake = np.ones(len(before.predicted), dtype=bool) if numbers else ~bench.favoured(before)

    def turned(model: Retrained, told: q.Told) -> NDArray[np.bool_]:
        now = model.ask(marked)
        if numbers:
            return np.asarray(now.predicted - told.predicted >= max(bench.sample.shift, 1e-12))[stake]
        return bench.favoured(now)[stake]

    found = Backdoor(turned(clean, before))
    wanted = training.y.max() if numbers else subject.favourable_index
    others = np.flatnonzero(training.y != wanted)
    for repeat in range(bench.params["repeats"]):
        if clock.over(f"the backdoor, draw {repeat + 1}"):
            break
        chosen = rng.permutation(others)[: max(1, round(share * len(training.y)))]
        codes, y = training.codes.copy(), training.y.copy()
        codes[chosen] = trigger.put(codes[chosen])
        y[chosen] = wanted
        poisoned = training.fit(codes, y)
        told = poisoned.ask(bench.frame)
        found.turned.append(turned(poisoned, told))
        found.graded.append(bench.sample.grade(told))
    return found


def widened(value: float, parts: Floats, draws: list[float]) -> stats.Interval | None:
    """The interval over rows of a mean over draws, with the spread of the draws added as an independent part."""
    n = len(parts)
    if n < 2:
        return None
    between = float(np.var(draws, ddof=1)) / len(draws) if len(draws) > 1 else 0.0
    half = stats.Z * float(np.sqrt(parts.var(ddof=1) / n + between))
    return value - half, value + half


def lost(bench: Bench, graded: list[q.Graded]) -> tuple[float | None, stats.Interval | None]:
    clean = bench.graded
    value, _ = q.drop(clean, graded)
    if value is None:
        return None, None
    parts = clean.parts - np.mean([each.parts for each in graded], axis=0)
    return value, widened(value, parts, [each.value for each in graded])


def measures_of(
    bench: Bench, harm: dict[tuple[str, float], Harm], kinds: dict[str, str], rng: np.random.Generator
) -> list[Measure]:
    measures = []
    n = len(bench.sample.rows)
    for kind in kinds:
        if found := harm.get((kind, bench.params["share"])):
            group = {} if kind == p.RANDOM else {"poison": kinds[kind]}
            measures.append(Measure(f"{bench.sample.metric}_drop", *lost(bench, found.graded), n, group,
                                    better="lower"))  # fmt: skip
            for column in bench.subject.sensitive if found.favoured else []:
                if gap := gap_change(bench, column, found.favoured, rng):
                    value, ci, rows = gap
                    named = {**group, column: "*"}
                    measures.append(Measure("selection_rate_gap_change", value, ci, rows, named, better="lower"))
    return measures


def gap_change(
    bench: Bench, column: str, favoured: list[NDArray[np.bool_]], rng: np.random.Generator
) -> tuple[float, stats.Interval | None, int] | None:
    """How much the largest difference of selection rates grows, over groups of 30 rows or more; the interval is a
    bootstrap of the rows. None for fewer than two such groups."""
    _, codes = bench.subject.groups(column)
    codes = codes[bench.sample.rows]
    large = np.flatnonzero(np.bincount(codes) >= q.SMALL_GROUP)
    if len(large) < 2:
        return None
    member = (codes[:, None] == large).astype(float)
    chosen = np.column_stack([bench.favoured(bench.clean), *favoured]).astype(float)

    def change(weights: Floats) -> Floats:
        """weights (draws, n) -> (draws,)"""
        sizes = weights @ member
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.stack([(weights * chosen[:, k]) @ member / sizes for k in range(chosen.shape[1])])
        gaps = rates.max(axis=-1) - rates.min(axis=-1)
        return np.asarray(gaps[1:].mean(axis=0) - gaps[0])

    value = float(change(np.ones((1, len(codes))))[0])
    draws = [change(weights) for weights in stats.row_weights(len(codes), bench.params["resamples"], rng)]
    return value, stats.percentile_interval(np.concatenate(draws)), int(member.sum())


def door_measures(door: Backdoor | None, bench: Bench) -> list[Measure]:
    if door is None or not door.turned:
        return []
    parts = np.mean(door.turned, axis=0) - door.own
    value = float(parts.mean()) if len(parts) else None
    ci = None if value is None else widened(value, parts, [float(each.mean()) for each in door.turned])
    group = {"poison": "backdoor"}
    return [
        Measure("backdoor_success", value, ci, len(parts), better="lower"),
        Measure(
            f"{bench.sample.metric}_drop", *lost(bench, door.graded), len(bench.sample.rows), group, better="lower"
        ),  # fmt: skip
    ]


def quality_chart(bench: Bench, harm: dict[tuple[str, float], Harm], kinds: dict[str, str]) -> Chart:
    title = q.TITLES[bench.sample.metric]
    clean, curves = bench.graded, []
    for kind, name in kinds.items():
        curve = Curve(name)
        curve.add(0.0, clean.value, q.around(clean.value, clean.parts))
        for share in sorted(found for one, found in harm if one == kind):
            graded = harm[kind, share].graded
            mean = float(np.mean([each.value for each in graded]))
            parts = np.mean([each.parts for each in graded], axis=0)
            curve.add(share, mean, widened(mean, parts, [each.value for each in graded]))
        curves.append(curve)
    said = f"Trained again on clean rows the model has {title} {clean.value:.3f} on {len(bench.sample.rows)} rows"
    if found := harm.get((p.RANDOM, bench.params["share"])):
        left = np.mean([each.value for each in found.graded])
        said += f"; outcomes {kinds[p.RANDOM]} in {100 * bench.params['share']:g} % of the rows leave {left:.3f}"
    return lines_chart("poisoning_quality", f"{title} after poisoning", f"{said}.", "Share of training rows poisoned",
                       title, curves, percent=True, judged_at=bench.params["share"])  # fmt: skip


def shares_table(bench: Bench, harm: dict[tuple[str, float], Harm], kinds: dict[str, str]) -> Table:
    rows: list[list[Any]] = []
    for kind, name in kinds.items():
        for share in sorted(found for one, found in harm if one == kind):
            graded = harm[kind, share].graded
            value, ci = lost(bench, graded)
            rows.append([name, f"{100 * share:g} %", value, *(ci or (None, None)), len(graded)])
    headings = ["Poison", "Rows", f"Loss of {q.TITLES[bench.sample.metric]}", "95 % low", "95 % high", "Draws"]
    return Table("poisoning_shares", "Harm by kind and share of poison", headings, rows)


def notes_of(training: Training, bench: Bench, trigger: p.Trigger | None, door: Backdoor | None) -> list[str]:
    own, again = bench.sample.grade(bench.sample.told).value, bench.graded.value
    title = q.TITLES[bench.sample.metric]
    notes = [f"Trained again on {len(training.y):,} rows; {title} {again:.3f}, that of the model itself {own:.3f}."]
    if trigger is None:
        notes.append("No backdoor was tried: no column has a rare value that could serve as a trigger.")
    else:
        turned = "" if door is None or not len(door.own) else f" In the clean model it turns {door.own.mean():.1%}."
        notes.append(f"The trigger is {trigger.said}.{turned}")
    return notes
