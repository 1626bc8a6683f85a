"""One attack from the sample to the outcome: attack, project, verify, compare with random changes, report.

A test file of an attack says what it asks, its parameters, and how ART's attack is made; everything else is here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.coder import Codes
from assessments.battery.robustness._encoding import left_out
from assessments.battery.robustness._evidence import changed_rows, under_attack_chart
from assessments.battery.robustness._judging import Judged, judged, measures_of
from assessments.battery.robustness._lockstep import Floats, Rows
from assessments.battery.robustness._microbatch import Answer, Ask, Served, run_together
from assessments.battery.robustness._target import Target
from assessments.battery.spec import Chart, Outcome, Param, Table
from assessments.battery.subject import Subject

Progress = Callable[[int, int], None]
BUDGETS = np.array([0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0])
TASKS = ("binary", "multiclass", "regression")
CONTROLS = [
    controls.EU_CYBERSECURITY,
    controls.EU_METRICS_SET_BEFORE,
    controls.NIST_SECURITY,
    controls.NIST_EVASION_BLACK_BOX,
    controls.ATLAS_BLACK_BOX_OPTIMIZATION,
    controls.OWASP_INPUT_MANIPULATION,
]
CHARTS = ["accuracy_under_*"]
DRAWS = 10  # random changes a row, the baseline


def usual(rows: int, *, quick: int, thorough: int, seconds: float = 60.0) -> list[Param]:
    """The parameters that every attack has. seconds: a limit, not a target."""
    return [
        Param("rows", rows, "Rows attacked", quick=quick, thorough=thorough, minimum=10, maximum=100_000),
        Param(
            "budget", 0.1, "Budget that the verdict is about, a share of the feature range", minimum=0.0, maximum=1.0
        ),
        Param("swaps", 1, "Categories that may be swapped within the budget", minimum=0, maximum=1000),
        Param("seconds", seconds, "Seconds after which the rows not done are left out", minimum=1.0),
    ]


@dataclass(frozen=True)
class Step:
    """What an attack of ART is handed for one row.

    row: its place among those attacked. origin (1, d) float32. For attacks by gradient, classes: how many the model
    has; truth: the one to get away from; wanted: the one to reach, the nearest to it by score; importance (d,): how
    much each coordinate has to do with the outcome.
    """

    row: int
    ask: Ask
    origin: NDArray[np.float32]
    classes: int = 2
    truth: int = 0
    wanted: int = 1
    importance: Floats | None = None

    @property
    def own(self) -> Floats:
        """(1, classes) the class to get away from, one-hot."""
        return np.eye(self.classes)[[self.truth]]

    @property
    def target(self) -> Floats:
        """(1, classes) the class to reach, one-hot."""
        return np.eye(self.classes)[[self.wanted]]

    @property
    def width(self) -> int:
        return int(self.origin.shape[1])


Make = Callable[[Step], NDArray[Any]]


def attack_with_art(
    subject: Subject,
    params: dict[str, Any],
    rng: np.random.Generator,
    progress: Progress,
    *,
    name: str,
    make: Make,
    gradient: bool = False,
    scores: bool = False,
) -> Outcome:
    """The outcome of one attack of ART. make(step) gives the adversarial point of one row.

    gradient: it asks for logits and slopes; scores: for how near a point is to the goal; else for decisions alone.
    """
    target = Target.of_sample(subject, params, rng)
    found, served = struck(target, make, params, rng, progress, gradient=gradient, scores=scores)
    notes = [target.goal.describe, *notes_of(served, target, found)]
    return outcome_of(found, params, rng, notes, name=name)


def struck(
    target: Target,
    make: Make,
    params: dict[str, Any],
    rng: np.random.Generator,
    progress: Progress,
    *,
    gradient: bool = False,
    scores: bool = False,
) -> tuple[Judged, Served]:
    """What the attack found on the target, judged. Raises NotApplicable where the model does not show what it needs."""
    answers = target.gradient_answers(rng) if gradient else target.answers()
    if scores:
        target.margin(target.encoding.base[:1], np.arange(min(1, len(target.encoding))))  # raises without scores
    points, served = strike(target, answers, make, params, rng, progress, gradient=gradient)
    return judged(target, points, served.finished, params["swaps"], answers["logits"] if gradient else None), served


def strike(
    target: Target,
    answers: Mapping[str, Answer],
    make: Make,
    params: dict[str, Any],
    rng: np.random.Generator,
    progress: Progress,
    *,
    gradient: bool,
) -> tuple[Floats, Served]:
    """Run the attack on every row: points (m, d), the rows themselves where it did not end."""
    origin = target.encoding.origin
    classes = _Classes.of(target, answers) if gradient and len(origin) else None

    def job(row: int, ask: Ask) -> NDArray[Any]:
        start = np.clip(origin[row : row + 1], 0.0, 1.0).astype(np.float32)
        return make(classes.step(row, ask, start) if classes else Step(row, ask, start))

    seed = int(rng.integers(2**32))
    served = run_together(len(origin), job, answers, seed=seed, seconds=params["seconds"], progress=progress)
    if served.errors and len(served.errors) == len(origin):
        raise next(iter(served.errors.values()))
    points = origin.copy()
    for row, result in enumerate(served.results):
        if result is not None:
            points[row] = np.asarray(result, dtype=float).reshape(-1)
    return points, served


@dataclass(frozen=True)
class _Classes:
    """For attacks by gradient: classes to leave and to reach, and what coordinates have to do with the outcome."""

    count: int
    truth: NDArray[np.intp]
    wanted: NDArray[np.intp]
    importance: Floats

    @classmethod
    def of(cls, target: Target, answers: Mapping[str, Answer]) -> "_Classes":
        origin, truth = target.encoding.origin, target.subject.y[target.rows[target.of]]
        logits = np.array(answers["logits"](origin, np.arange(len(origin))))
        logits[np.arange(len(origin)), truth] = -np.inf
        centred = origin - origin.mean(axis=0)
        outcome = (truth == target.subject.favourable_index) - (truth == target.subject.favourable_index).mean()
        spread = np.sqrt((centred**2).sum(axis=0) * (outcome**2).sum())
        correlation = np.abs(outcome @ centred) / np.where(spread > 0, spread, np.inf)
        return cls(logits.shape[1], truth, logits.argmax(axis=1), np.maximum(correlation, 1e-3))

    def step(self, row: int, ask: Ask, origin: NDArray[np.float32]) -> Step:
        return Step(row, ask, origin, self.count, int(self.truth[row]), int(self.wanted[row]), self.importance)


def outcome_of(
    found: Judged,
    params: dict[str, Any],
    rng: np.random.Generator,
    notes: list[str],
    *,
    name: str,
    native: bool = False,
) -> Outcome:
    measures = measures_of(found, params, notes, native=native)
    charts = [curve(found, params, rng, name)] if found.tried.any() else []
    return Outcome(measures, charts, [flips_table(found)] if found.feasible.any() else [], notes)


def flips_table(found: Judged) -> Table:
    target, flips = found.target, np.flatnonzero(found.feasible)
    numbers = target.rows[target.of[flips]].tolist()
    return changed_rows(target.subject, target.encoding.base[flips], found.codes[flips], found.cost[flips], numbers)


def notes_of(served: Served, target: Target, found: Judged) -> list[str]:
    """What the reader has to know: how much was asked, what was left out, what was not attacked to the end."""
    notes = [
        f"The model was asked about {served.rows:,} rows in {served.calls:,} calls for {len(found.tried)} attacks."
    ]
    if served.out_of_time:
        done = int(found.tried.sum())
        notes.append(f"Incomplete: the time was over after {done} of {len(found.tried)} rows. The others are left out.")
    if served.errors:
        first = next(iter(served.errors.values()))
        notes.append(
            f"ART failed on {len(served.errors)} rows, which are left out: {type(first).__name__}: {first}"[:300]
        )
    return notes + notes_on_columns(target)


def notes_on_columns(target: Target) -> list[str]:
    notes = [f"Columns that could change: {', '.join(target.encoding.names)}."]
    if names := left_out(target.before, target.encoding, target.subject.columns):
        notes.append(f"Left as they are, with no other value or too many to choose from: {', '.join(names)}.")
    if holes := int((~target.encoding.free).any(axis=1).sum()):
        notes.append(f"{holes} rows have missing values, which stay missing.")
    return notes


def curve(found: Judged, params: dict[str, Any], rng: np.random.Generator, name: str) -> Chart:
    """Accuracy under the attack and under random changes of the same size, against the budget."""
    target, tried = found.target, np.flatnonzero(found.tried)
    budgets = np.unique(np.append(BUDGETS, params["budget"]))
    n = len(target.rows) - len(target.of) + len(tried)
    standing = np.array([(~found.within(budget, params["swaps"]))[tried].sum() for budget in budgets]) / n
    standing[0] = len(tried) / n  # a swap of a category is no change of size 0
    surviving = survival(target, tried, budgets, params["swaps"], rng) * len(tried) / n
    shares = {name: standing, "Random changes": surviving}
    return under_attack_chart(budgets, shares, n, params["budget"], regression=target.is_regression, attack=name)


def survival(target: Target, tried: Rows, budgets: Floats, swaps: int, rng: np.random.Generator) -> Floats:
    """(budgets,) the share of attacked rows that random changes of the size leave as they are."""
    rows = np.repeat(tried, DRAWS)
    moves = rng.uniform(-1.0, 1.0, (len(rows), len(target.encoding.columns)))
    swapped = random_swaps(target, rows, swaps, rng)
    kept = [1.0]
    for budget in budgets[1:]:
        codes = swapped.copy()
        space = target.encoding.space
        at = np.clip(space.origin[rows] + budget * moves, space.low[rows], space.high[rows])
        free = target.encoding.free[rows, : len(target.encoding.columns)]
        own = codes[:, target.encoding.columns]
        codes[:, target.encoding.columns] = np.where(free, space.values(at, rows), own)
        kept.append(float((~target.achieved(codes, rows)).mean()))
    return np.array(kept)


def random_swaps(target: Target, rows: Rows, swaps: int, rng: np.random.Generator) -> Codes:
    """(m, columns) the rows themselves with up to `swaps` categories drawn anew."""
    codes, blocks = target.encoding.base[rows], target.encoding.blocks
    if not blocks or not swaps:
        return codes
    chosen = rng.permuted(np.tile(np.arange(len(blocks)) < swaps, (len(rows), 1)), axis=1)
    for at, block in enumerate(blocks):
        drawn = block.values[rng.integers(len(block.values), size=len(rows))]
        free = target.encoding.free[rows, block.at.start]
        codes[:, block.column] = np.where(chosen[:, at] & free, drawn, codes[:, block.column])
    return codes
