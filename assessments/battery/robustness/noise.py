"""How much worse does the model decide when its inputs are slightly wrong, by measurement, rounding or memory?

Noise of level λ on a random sample of rows, every column at once, fixed ones too (nobody chose these errors):
numbers get a normal error with λ times the column's standard deviation, and a category is replaced with probability λ
by one drawn from its column. Beside this, each by itself: only numbers; only categories; and numbers moved in rank,
by a uniform step of up to λ of all rows, to a value that the data holds (the idea of PiML's quantile perturbation:
skewed columns and outliers get errors of their own size). Whole numbers stay whole, values stay within the column's
bounds, missing ones stay missing; scale, ranks and categories come from the training data where it is known. Every
level is drawn several times.

roc_auc_drop, for a model without scores accuracy_drop, for one that predicts numbers r2_drop: the metric on the rows
as they are less that on the noisy ones, at one level. flip_rate: rows that get another decision, or a prediction that
moves by at least `shift` times the model's root mean squared error; also by group of the sensitive columns, and for
each column made noisy alone (worst_column_flip_rate). scale_stability (as Giskard): rows whose decision stays, or
whose prediction moves by at most 5 %, when all numbers are 1 % larger and when they are 1 % smaller. Intervals are
over rows: DeLong's for the AUC, normal ones of the mean otherwise, Wilson's for rates of 0 and 1.

What to do: where many answers change, do not present single decisions as exact. Ask how well the worst column is
measured in use, and send cases near the threshold to a person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.coder import Codes
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness._curves import Curve, lines_chart
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

LEVELS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
KINDS = {
    "all": "All columns",
    "gaussian": "Numbers, normal error",
    "quantile": "Numbers, moved in rank",
    "resampled": "Categories replaced",
}
LEVEL = "Noise level λ: standard deviations, or share of categories"
STABLE_WITHIN = 0.05
SHOWN_COLUMNS = 20

Floats = NDArray[np.float64]


@battery_test(
    title="Noise in the inputs",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 1000, "Rows made noisy", quick=400, thorough=5000, minimum=30, maximum=200_000),
        Param("repeats", 3, "Draws a level", quick=2, thorough=10, minimum=1, maximum=1000),
        Param("level", 0.05, "Level that the verdict is about", minimum=0.001, maximum=1.0),
        Param("shift", 1.0, "Regression: a move that counts, in root mean squared errors", minimum=0.0, maximum=100.0),
        Param("seconds", 60.0, "Wall-clock limit", quick=20.0, thorough=600.0, minimum=0.1, maximum=36_000.0),
    ],
    metrics=[
        Metric("roc_auc_drop", "Loss of AUC under noise", better="lower"),
        Metric("accuracy_drop", "Loss of accuracy under noise", better="lower"),
        Metric("r2_drop", "Loss of R² under noise", better="lower"),
        Metric("flip_rate", "Answers that change under noise", better="lower"),
        Metric("worst_column_flip_rate", "Answers that change with the worst single column noisy", better="lower"),
        Metric("scale_stability", "Answers that stay when numbers are off by 1 %", better="higher"),
    ],
    controls=[
        controls.EU_ROBUSTNESS,
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_TESTING,
        controls.OSFI_REVIEW,
        controls.NIST_VALIDITY,
    ],
    charts=["noise_quality", "noise_flips"],
    headline=("noise_quality",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    sample = q.Sample.draw(subject, params["rows"], rng, params["shift"])
    noise = Noise.of(subject)
    kinds = noise.kinds
    if not kinds:
        raise NotApplicable("No column of the model varies in the data: there is nothing to make noisy.")
    clock = q.Clock(params["seconds"])
    points: Points = {}
    others = sorted({*LEVELS} - {params["level"]})
    total = 1 + len(noise.varying) + len(others)

    def measure(level: float) -> None:
        for kind in kinds:
            if not clock.over(f"{KINDS[kind]} at {level:g}"):
                points[kind, level] = measured(sample, noise, kind, level, params["repeats"], rng)

    measure(params["level"])  # first what the verdict is about
    worst = by_column(sample, noise, params, rng, clock, lambda done: progress(1 + done, total))
    name = q.worst_of({column: point.flips for column, point in worst.items()}) if worst else ""
    if name:
        points[f"{name} alone", params["level"]] = worst[name]
    for done, level in enumerate(others):
        progress(total - len(others) + done, total)
        measure(level)
        if name and not clock.over(f"{name} alone at {level:g}"):
            only = noise.names.index(name)
            points[f"{name} alone", level] = measured(sample, noise, "all", level, params["repeats"], rng, only)
    measures = measures_of(sample, points, params["level"], kinds) + worst_measures(sample, worst)
    measures += stability(sample, noise)
    charts = [quality_chart(sample, points, params["level"]), flips_chart(sample, points, params["level"], worst)]
    tables = [levels_table(sample, points), columns_table(worst, params)]
    return Outcome(measures, charts, tables, clock.notes(params["seconds"]))


@dataclass(frozen=True)
class Noise:
    """The columns and what errors of them look like. numbers and categories are positions of columns."""

    numbers: list[int]
    categories: list[int]
    names: list[str]
    scale: Floats  # (columns,) standard deviations
    low: Floats
    high: Floats
    integer: NDArray[np.bool_]
    ordered: dict[int, Floats]  # each column's known values, sorted

    @classmethod
    def of(cls, subject: Subject) -> "Noise":
        source = q.source_codes(subject)
        names = subject.coder.names
        columns = [subject.columns[name] for name in names]
        known = [np.sort(source[np.isfinite(source[:, at]), at]) for at in range(len(names))]
        varies = [len(values) > 1 and values[0] < values[-1] for values in known]
        ends = [(values[0], values[-1]) if len(values) else (0.0, 0.0) for values in known]
        pairs = list(zip(columns, ends, strict=True))
        return cls(
            numbers=[at for at in q.number_columns(subject) if varies[at]],
            categories=[at for at in q.category_columns(subject) if varies[at]],
            names=names,
            scale=np.array([values.std() if len(values) else 0.0 for values in known]),
            low=np.array([end[0] if column.min is None else column.min for column, end in pairs]),
            high=np.array([end[1] if column.max is None else column.max for column, end in pairs]),
            integer=np.array([bool(column.integer) for column in columns]),
            ordered=dict(enumerate(known)),
        )

    @property
    def varying(self) -> list[int]:
        return sorted(self.numbers + self.categories)

    @property
    def kinds(self) -> list[str]:
        found = ["gaussian", "quantile"] if self.numbers else []
        found += ["resampled"] if self.categories else []
        return (["all"] if found else []) + (found if self.numbers else [])

    def noisy(self, codes: Codes, kind: str, level: float, rng: np.random.Generator,
              only: int | None = None) -> Codes:  # fmt: skip
        """The rows with one draw of noise; `only` that column, where it is given."""
        changed = codes.copy()
        numbers, categories = self.numbers, self.categories
        if only is not None:
            numbers, categories = ([at for at in each if at == only] for each in (numbers, categories))
        if kind != "resampled":
            for at in numbers:
                move = self._ranked if kind == "quantile" else self._erred
                changed[:, at] = move(codes[:, at], at, level, rng)
        if kind in ("all", "resampled"):
            for at in categories:
                hit = (rng.random(len(codes)) < level) & np.isfinite(codes[:, at])
                changed[hit, at] = rng.choice(self.ordered[at], int(hit.sum()))
        return changed

    def _erred(self, values: Floats, at: int, level: float, rng: np.random.Generator) -> Floats:
        return self.legal(values, values + level * self.scale[at] * rng.standard_normal(len(values)), at)

    def _ranked(self, values: Floats, at: int, level: float, rng: np.random.Generator) -> Floats:
        known = self.ordered[at]
        left, right = np.searchsorted(known, values, side="left"), np.searchsorted(known, values, side="right")
        rank = (left + rng.random(len(values)) * (right - left)) / len(known)  # anywhere among its equals
        moved = rank + level * rng.uniform(-1, 1, len(values))
        moved = 1 - np.abs(1 - np.abs(moved))  # reflected at both ends
        found = known[np.minimum((moved * len(known)).astype(int), len(known) - 1)]
        return np.where(np.isfinite(values), found, values)

    def legal(self, before: Floats, after: Floats, at: int) -> Floats:
        """Whole where the column is, and within its bounds, unless the row's own value lies beyond them."""
        rounded = np.rint(after) if self.integer[at] else after
        kept = np.clip(rounded, np.fmin(self.low[at], before), np.fmax(self.high[at], before))
        return np.where(np.isfinite(before), kept, before)


@dataclass(frozen=True)
class Point:
    """One kind of noise at one level: flips (n,) the share of draws in which each row changed."""

    flips: Floats
    clean: q.Graded
    graded: list[q.Graded]


Points = dict[tuple[str, float], Point]  # by the kind of noise and its level


def measured(sample: q.Sample, noise: Noise, kind: str, level: float, repeats: int,
             rng: np.random.Generator, only: int | None = None) -> Point:  # fmt: skip
    n = len(sample.rows)
    drawn = np.concatenate([noise.noisy(sample.codes, kind, level, rng, only) for _ in range(repeats)])
    told = q.asked(sample.subject, drawn)
    parts = [told.part(start, start + n) for start in range(0, n * repeats, n)]
    flips = np.mean([sample.flips(part) for part in parts], axis=0)
    return Point(flips, sample.grade(sample.told), [sample.grade(part) for part in parts])


def by_column(
    sample: q.Sample,
    noise: Noise,
    params: dict[str, Any],
    rng: np.random.Generator,
    clock: q.Clock,
    progress: Callable[[int], None],
) -> dict[str, Point]:
    """Each column noisy by itself at the verdict's level; a third of the draws, which rank columns well enough."""
    repeats = max(1, params["repeats"] // 3)
    found = {}
    for done, at in enumerate(noise.varying):
        progress(done)
        if not clock.over(f"{noise.names[at]} alone"):
            found[noise.names[at]] = measured(sample, noise, "all", params["level"], repeats, rng, at)
    return found


def measures_of(sample: q.Sample, points: Points, level: float,
                kinds: list[str]) -> list[Measure]:  # fmt: skip
    measures = []
    for kind in kinds:
        if point := points.get((kind, level)):
            group = {} if kind == "all" else {"noise": KINDS[kind]}
            value, ci = q.drop(point.clean, point.graded)
            n = len(sample.rows)
            measures.append(Measure(f"{sample.metric}_drop", value, ci, n, group, better="lower"))
            measures.append(Measure("flip_rate", *q.rate(point.flips), n, group, better="lower"))
            if kind == "all":
                measures += q.by_group(sample.subject, sample.rows, point.flips, "flip_rate")
    return measures


def worst_measures(sample: q.Sample, worst: dict[str, Point]) -> list[Measure]:
    if not worst:
        return []
    name = q.worst_of({column: point.flips for column, point in worst.items()})
    return [
        Measure(
            "worst_column_flip_rate", *q.rate(worst[name].flips), len(sample.rows), {"column": name}, better="lower"
        )  # fmt: skip
    ]


def stability(sample: q.Sample, noise: Noise) -> list[Measure]:
    """Rows whose answer stays with all numbers 1 % larger and with all 1 % smaller."""
    if not noise.numbers:
        return []
    stays = np.ones(len(sample.rows), dtype=bool)
    for factor in (1.01, 0.99):
        codes = sample.codes.copy()
        codes[:, noise.numbers] *= factor
        told = sample.subject.predict_codes(codes)
        if sample.subject.task == "regression":
            stays &= np.abs(told - sample.told.predicted) <= STABLE_WITHIN * np.abs(sample.told.predicted)
        else:
            stays &= told == sample.told.predicted
    return [Measure("scale_stability", *q.rate(stays.astype(float)), len(stays), better="higher")]


def quality_chart(sample: q.Sample, points: Points, level: float) -> Chart:
    title = q.TITLES[sample.metric]
    clean = sample.grade(sample.told)
    curves = []
    for kind in dict.fromkeys(kind for kind, _ in points):
        curve = Curve(KINDS.get(kind, kind))
        curve.add(0.0, clean.value, q.around(clean.value, clean.parts))
        for at in sorted(found for name, found in points if name == kind):
            graded = points[kind, at].graded
            mean = float(np.mean([each.value for each in graded]))
            curve.add(at, mean, q.around(mean, np.mean([each.parts for each in graded], axis=0)))
        curves.append(curve)
    said = f"{title} is {clean.value:.3f} on {len(sample.rows)} rows as they are"
    if ("all", level) in points:
        noisy = np.mean([each.value for each in points["all", level].graded])
        said += f" and {noisy:.3f} with noise of level {level:g} in all columns"
    return lines_chart("noise_quality", f"{title} under noise", f"{said}.", LEVEL, title, curves, judged_at=level)


def flips_chart(sample: q.Sample, points: Points, level: float, worst: dict[str, Point]) -> Chart:
    curves = []
    for kind in dict.fromkeys(kind for kind, _ in points):
        curve = Curve(KINDS.get(kind, kind))
        curve.add(0.0, 0.0, None)
        for at in sorted(found for name, found in points if name == kind):
            curve.add(at, *q.rate(points[kind, at].flips))
        curves.append(curve)
    said = f"Of {len(sample.rows)} rows"
    if ("all", level) in points:
        said += f" {100 * points['all', level].flips.mean():.3g} % get another answer with noise of level {level:g}"
    if worst:
        name = q.worst_of({column: point.flips for column, point in worst.items()})
        said += f"; with {name} alone noisy, the worst column, {100 * worst[name].flips.mean():.3g} % do"
    title = "Answers that change under noise"
    return lines_chart("noise_flips", title, f"{said}.", LEVEL, "Share of rows", curves, judged_at=level)


def levels_table(sample: q.Sample, points: Points) -> Table:
    rows: list[list[Any]] = []
    order = list(dict.fromkeys(kind for kind, _ in points))
    for (kind, level), point in sorted(points.items(), key=lambda item: (order.index(item[0][0]), item[0][1])):
        value, ci = q.drop(point.clean, point.graded)
        flips, flips_ci = q.rate(point.flips)
        rows.append([KINDS.get(kind, kind), level, value, *(ci or (None, None)), flips, *(flips_ci or (None, None))])
    headings = ["Noise", "Level", f"Loss of {q.TITLES[sample.metric]}", "95 % low", "95 % high", "Answers changed",
                "95 % low", "95 % high"]  # fmt: skip
    return Table("noise_levels", "Damage by kind and level of noise", headings, rows)


def columns_table(worst: dict[str, Point], params: dict[str, Any]) -> Table:
    rows: list[list[Any]] = []
    for name, point in sorted(worst.items(), key=lambda item: -item[1].flips.mean())[:SHOWN_COLUMNS]:
        flips, ci = q.rate(point.flips)
        rows.append([name, flips, *(ci or (None, None)), q.drop(point.clean, point.graded)[0]])
    headings = ["Column", "Answers changed", "95 % low", "95 % high", "Loss"]
    return Table("noise_columns", f"One column noisy at a time, level {params['level']:g}", headings, rows)
