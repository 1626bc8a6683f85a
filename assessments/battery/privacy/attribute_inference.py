"""Does the model's answer about a person give a sensitive attribute away?

An attacker knows a person's other columns and true outcome, sees the model's answer (scores where it gives them) and
guesses the attribute (Fredrikson et al. 2014; Yeom et al. 2018). Much of that needs no model: sex can be guessed from
occupation and marital status. So the same attack is made twice, with the model's answer and without, by gradient
boosting trained on half of the rows and scored on the other half. attribute_lift is the difference in balanced
accuracy: 0 where the model gives nothing away, whatever the accuracy. The accuracies themselves are reported beside it
and never judged; balanced accuracy is the mean over the groups of the share that is guessed rightly, so that frequent
groups do not count more. A guess at random is the least that the attack without the model is taken to reach.

attribute_lift_matching: an attacker who may also ask the model tries each value of the attribute and takes the one
whose score is nearest to the one seen. A model that is given the attribute, and shows its scores to many digits, gives
it away like that almost always: round what you show. Only for attributes of at most ten values that the model is given.

Numbers such as age are guessed by bands; groups with fewer than 30 rows in either half are left out. Intervals, 95 %,
from the rows' own differences within each group, for the attacks as they were trained.

What to do: where the lift is above chance, give decisions and not scores, round them, and limit who may ask; and say in
the model's documentation what its answers give away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.banding import MISSING
from assessments.battery.coder import Codes
from assessments.battery.data import _charts
from assessments.battery.privacy._learning import chances, learned
from assessments.battery.robustness import _quality as q
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.stats import Interval, Z
from assessments.battery.subject import Subject

SMALL = 30
MOST_GROUPS = 12
MATCHED = 10  # values of an attribute that are tried one by one
CERTAIN = 1e-9
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Guesses:
    """Of one attribute, on the rows scored: groups (n,), and whether each attack guessed rightly (n,)."""

    column: str
    names: list[str]
    groups: Ints
    seen: NDArray[np.bool_]
    blind: NDArray[np.bool_]
    matched: NDArray[np.bool_] | None

    @property
    def chance(self) -> float:
        return 1 / len(self.names)

    def accuracy(self, right: NDArray[np.bool_]) -> float:
        """Balanced over the groups."""
        return float(np.mean([right[self.groups == at].mean() for at in range(len(self.names))]))

    def lift(self, right: NDArray[np.bool_]) -> tuple[float, Interval]:
        """The balanced accuracy beyond that without the model, or beyond chance where that is better."""
        blind = self.blind.astype(float)
        if self.accuracy(self.blind) < self.chance:
            blind = np.full(len(blind), self.chance)
        parts = [(right - blind)[self.groups == at] for at in range(len(self.names))]
        value = float(np.mean([part.mean() for part in parts]))
        spread = float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))) / len(parts)
        return value, (value - Z * spread, value + Z * spread)


@battery_test(
    title="Attribute inference",
    needs=Needs(tasks=("binary", "multiclass", "regression"), sensitive=True),
    plans=("standard", "thorough"),
    params=[
        Param("rows", 6000, "Rows, half of them to train the attack on", quick=2000, thorough=30_000, minimum=200),
    ],
    metrics=[
        Metric("attribute_lift", "Balanced accuracy gained by seeing the model's answer", better="lower"),
        Metric("attribute_accuracy", "Balanced accuracy with the model's answer", better="lower"),
        Metric("attribute_accuracy_without", "Balanced accuracy without the model"),
        Metric("attribute_lift_matching", "Gained by asking the model for each value", better="lower"),
    ],
    controls=[
        controls.EU_CYBERSECURITY,
        controls.NIST_PRIVACY,
        controls.NIST_RECONSTRUCTION,
        controls.ATLAS_INVERSION,
        controls.OWASP_INVERSION,
        controls.GDPR_SPECIAL_CATEGORIES,
        controls.GDPR_IMPACT_ASSESSMENT,
    ],
    charts=["attribute_lift"],
    headline=("attribute_lift",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    rows = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    codes = subject.coder.encode(subject.frame[subject.features].take(rows))
    told = q.asked(subject, codes)
    found, notes = [], []
    for done, column in enumerate(subject.sensitive):
        guessed = guesses_of(subject, column, rows, codes, told, rng)
        if isinstance(guessed, str):
            notes.append(f"{column}: {guessed}")
        else:
            found.append(guessed)
        progress(done + 1, len(subject.sensitive))
    if not found:
        raise NotApplicable(" ".join(notes))
    measures = [measure for guessed in found for measure in measures_of(guessed)]
    return Outcome(measures, [chart_of(found)], [table_of(found)], notes)


def guesses_of(
    subject: Subject, column: str, rows: NDArray[np.intp], codes: Codes, told: q.Told, rng: np.random.Generator
) -> Guesses | str:
    """Both attacks on one attribute; or why there are none."""
    names, all_groups = subject.groups(column)
    groups = all_groups[rows]
    half = rng.permutation(len(rows)) < len(rows) // 2
    names, groups = large_groups(names, groups, half)
    if not 2 <= len(names) <= MOST_GROUPS:
        return (
            f"{len(names)} groups have at least {SMALL} rows in each half; between 2 and {MOST_GROUPS} can be guessed."
        )
    usable = groups >= 0
    known = known_columns(subject, column, codes, subject.y[rows])
    both = np.column_stack([known, answers(subject, told)])
    train, rest = usable & half, usable & ~half
    seed = int(rng.integers(2**31))
    likely = [chances(learned(x[train], groups[train], seed, balanced=True), x[rest]) for x in (both, known)]
    right = [each.argmax(axis=1) == groups[rest] for each in likely]
    matched = None
    if told.scores is not None and (values := values_of(subject, column, names)) is not None:
        seen = np.asarray(told.scores)[rest]
        matched = matching(subject, column, codes[rest], seen, values, likely[1]) == groups[rest]
    return Guesses(column, names, groups[rest], right[0], right[1], matched)


def large_groups(names: list[str], groups: Ints, half: NDArray[np.bool_]) -> tuple[list[str], Ints]:
    """The groups with enough rows in both halves, and each row's position in them, -1 for the others."""
    counts = [np.bincount(groups[part], minlength=len(names)) for part in (half, ~half)]
    kept = [at for at, name in enumerate(names) if min(c[at] for c in counts) >= SMALL and name != MISSING]
    position = np.full(len(names), -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))
    return [names[at] for at in kept], position[groups]


def known_columns(subject: Subject, column: str, codes: Codes, y: NDArray[Any]) -> Floats:
    """(rows, width) the model's other columns and the outcome."""
    others = [at for at, name in enumerate(subject.coder.names) if name != column]
    return np.column_stack([np.where(np.isfinite(codes[:, others]), codes[:, others], np.nan), y])


def answers(subject: Subject, told: q.Told) -> Floats:
    """(rows, width) the model's answers: scores as log odds where it gives them, decisions or numbers otherwise."""
    if told.scores is None:
        return np.asarray(told.predicted, dtype=float)[:, None]
    scores = np.clip(np.asarray(told.scores, dtype=float), CERTAIN, 1 - CERTAIN)
    return np.asarray((np.log(scores) - np.log1p(-scores))[:, : max(1, scores.shape[1] - (scores.shape[1] == 2))])


def values_of(subject: Subject, column: str, names: list[str]) -> list[float] | None:
    """The code of the attribute for each group; None where the model is not given it, or groups are bands."""
    if column not in subject.features or len(names) > MATCHED:
        return None
    all_names, groups = subject.groups(column)
    at = subject.coder.position(column)
    coded = subject.coder.encode(subject.frame[subject.features])[:, at]
    found = []
    for name in names:
        values = np.unique(coded[groups == all_names.index(name)])
        if len(values) != 1:
            return None
        found.append(float(values[0]))
    return found


def matching(
    subject: Subject, column: str, codes: Codes, seen: NDArray[Any], values: list[float], likely: Floats
) -> Ints:
    """(rows,) the group whose value gives the score nearest to the one seen; of equals the likeliest without model."""
    at = subject.coder.position(column)
    distance = np.empty((len(codes), len(values)))
    for group, value in enumerate(values):
        tried = codes.copy()
        tried[:, at] = value
        distance[:, group] = np.abs(subject.predict_scores_codes(tried) - seen).max(axis=1)
    nearest = distance <= distance.min(axis=1, keepdims=True) + 1e-12
    return np.asarray(np.where(nearest, likely, -1.0).argmax(axis=1))


def measures_of(guessed: Guesses) -> list[Measure]:
    group, n = {"column": guessed.column}, len(guessed.groups)
    lift, ci = guessed.lift(guessed.seen)
    measures = [
        Measure("attribute_lift", lift, ci, n, group, better="lower"),
        Measure("attribute_accuracy", guessed.accuracy(guessed.seen), None, n, group, better="lower"),
        Measure("attribute_accuracy_without", guessed.accuracy(guessed.blind), None, n, group),
    ]
    if guessed.matched is not None:
        value, around = guessed.lift(guessed.matched)
        measures.append(Measure("attribute_lift_matching", value, around, n, group, better="lower"))
    return measures


def chart_of(found: list[Guesses]) -> Chart:
    ordered = sorted(found, key=lambda guessed: -guessed.lift(guessed.seen)[0])
    rows = [_charts.Bar(each.column, *each.lift(each.seen)) for each in ordered]
    start = min(0.0, *(bar.ci[0] for bar in rows if bar.ci)) if rows else 0.0
    first = ordered[0]
    said = (
        f"{first.column}: guessed with a balanced accuracy of {first.accuracy(first.seen):.3f} with the model's answer "
        f"and of {first.accuracy(first.blind):.3f} without"
    )
    limits = [(0.05, "warn"), (0.1, "fail")]
    return _charts.bars("attribute_lift", "What the model's answer adds to a guess", f"{said}.",
                        "Balanced accuracy gained", rows, limits, start=start, base=0.0)  # fmt: skip


def table_of(found: list[Guesses]) -> Table:
    rows: list[list[Any]] = []
    for each in found:
        lift, (low, high) = each.lift(each.seen)
        matched = None if each.matched is None else each.accuracy(each.matched)
        rows.append([each.column, len(each.names), each.accuracy(each.seen), each.accuracy(each.blind), lift, low, high,
                     matched, len(each.groups)])  # fmt: skip
    headings = ["Attribute", "Groups", "With the model", "Without", "Lift", "95 % low", "95 % high", "Matching", "Rows"]
    return Table("attribute_guesses", "Balanced accuracy of the guesses", headings, rows)
