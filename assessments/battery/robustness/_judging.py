"""What an attack's points are worth: do they flip, could they exist, what do they cost once they could.

The budget is about numbers: the largest move of any, as a share of its column's range. A category has no distance; so
many swaps are allowed whatever the budget, and their count is said.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.robustness._lockstep import Flags, Floats, Rows
from assessments.battery.robustness._microbatch import Answer
from assessments.battery.robustness._sample import median_with_interval
from assessments.battery.robustness._target import Target
from assessments.battery.spec import Measure, Metric
from assessments.battery.stats import wilson

METRICS = [
    Metric("accuracy_clean_sample", "Accuracy on the sample, not attacked", better="higher"),
    Metric("robust_accuracy", "Accuracy under attack within the budget", better="higher"),
    Metric("evasion_success_rate", "Decisions turned within the budget by rows that could exist", better="lower"),
    Metric("raw_success_rate", "Decisions turned by what the attack returned", better="lower"),
    Metric("valid_as_returned", "Share of these that could exist as returned"),
    Metric("feasible_success_rate", "Decisions turned at any size by rows that could exist", better="lower"),
    Metric("median_linf", "Largest move of a number, median of the flips", better="higher", unit="share of range"),
    Metric("median_l2", "Length of the moves of numbers, median of the flips", better="higher", unit="share of range"),
    Metric("median_l0", "Columns changed, median of the flips", better="higher", unit="columns"),
]


@dataclass(frozen=True)
class Judged:
    """The m attacked rows. tried (m,): those the attack came to an end with.

    raw, valid (m,): what was returned flips, and is a row that could exist. codes (m, columns): the cheapest legal row
    found that flips the estimator itself; cost (m,) its largest move, infinite where there is none; moves (m, numbers),
    swaps (m,). Cheapest: of those with no more swaps than allowed, or else of all, the one with the smallest largest
    move, and then with the fewest swaps.
    """

    target: Target
    tried: Flags
    raw: Flags
    valid: Flags
    codes: Codes
    cost: Floats
    moves: Floats
    swaps: NDArray[np.int64]
    allowed: int

    @property
    def feasible(self) -> Flags:
        return np.asarray(np.isfinite(self.cost))

    def within(self, budget: float, swaps: int) -> Flags:
        """(m,) rows with a legal flip of no number by more than the budget and of so many categories at most."""
        return np.asarray((self.cost <= budget + 1e-12) & (self.swaps <= swaps))

    def offered(self, codes: Codes, rows: Rows) -> "Judged":
        """With legal rows, found in any way, taken where they flip the estimator and are cheaper."""
        if not len(rows):
            return self
        codes, _ = self.target.repaired(codes, rows)
        legal, flips = self.target.verified(codes, rows)
        moves, swaps = self.target.encoding.distances(codes, rows)
        cost = np.where(legal & flips, moves.max(axis=1, initial=0.0), np.inf)
        over, over_before = swaps > self.allowed, self.swaps[rows] > self.allowed
        nearer = (cost < self.cost[rows]) | ((cost == self.cost[rows]) & (swaps < self.swaps[rows]))
        better = np.isfinite(cost) & (
            np.isinf(self.cost[rows]) | (over < over_before) | ((over == over_before) & nearer)
        )
        better = np.flatnonzero(better)
        better = better[np.lexsort((swaps[better], cost[better], over[better], rows[better]))]
        _, first = np.unique(rows[better], return_index=True)
        chosen = better[first]
        found = replace(
            self, codes=self.codes.copy(), cost=self.cost.copy(), moves=self.moves.copy(), swaps=self.swaps.copy()
        )
        at = rows[chosen]
        found.codes[at], found.cost[at], found.moves[at], found.swaps[at] = (
            codes[chosen], cost[chosen], moves[chosen], swaps[chosen],
        )  # fmt: skip
        return found


def nothing_yet(target: Target, allowed: int) -> Judged:
    """allowed: the swaps within the budget."""
    m = len(target.encoding)
    return Judged(
        target,
        tried=np.zeros(m, dtype=bool),
        raw=np.zeros(m, dtype=bool),
        valid=np.zeros(m, dtype=bool),
        codes=target.encoding.base.copy(),
        cost=np.full(m, np.inf),
        moves=np.zeros((m, len(target.encoding.columns))),
        swaps=np.zeros(m, dtype=np.int64),
        allowed=allowed,
    )


def judged(target: Target, points: Floats, tried: Flags, allowed: int, relaxed: Answer | None = None) -> Judged:
    """points (m, d) as an attack returned them, of the rows it came to an end with.

    relaxed: the logits of the model that the attack saw, where half of a category was something to it. What it returned
    flips where it flips that model; otherwise where it flips the model itself, asked about the nearest meaning.
    """
    rows = np.flatnonzero(tried)
    found = replace(nothing_yet(target, allowed), tried=tried)
    if not len(rows):
        return found
    given = np.where(np.isfinite(points[rows]), points[rows], target.encoding.origin[rows])
    asked = target.encoding.decode(given, rows)
    legal, flips = target.verified(asked, rows)
    found.valid[rows] = flips & legal & target.encoding.as_returned(given, rows)
    if relaxed is not None:
        flips = relaxed(given, rows).argmax(axis=1) != target.subject.y[target.rows[target.of[rows]]]
    found.raw[rows] = flips
    found.valid[rows] &= flips
    for codes in target.encoding.project(given, rows):
        found = found.offered(codes, rows)
    return found


def measures_of(found: Judged, params: dict[str, Any], notes: list[str], *, native: bool = False) -> list[Measure]:
    """native: the attack makes legal rows only, so that what it returned is not a question."""
    target, tried = found.target, int(found.tried.sum())
    wrong = len(target.rows) - len(target.of)
    n = wrong + tried
    measures: list[Measure] = []
    turned = int((found.within(params["budget"], params["swaps"]) & found.tried).sum())
    if not target.is_regression and n:
        measures.append(Measure("accuracy_clean_sample", tried / n, wilson(tried, n), n=n, better="higher"))
        measures.append(
            Measure("robust_accuracy", (tried - turned) / n, wilson(tried - turned, n), n=n, better="higher")
        )
    if not tried:
        notes.append("No row was attacked to the end: there is nothing to say of the attack.")
        return measures
    measures.append(_share("evasion_success_rate", turned, tried, "lower"))
    if not native:
        raw = int(found.raw.sum())
        measures.append(_share("raw_success_rate", raw, tried, "lower"))
        if raw:
            measures.append(_share("valid_as_returned", int(found.valid.sum()), raw, "none"))
    measures.append(_share("feasible_success_rate", int(found.feasible.sum()), tried, "lower"))
    return measures + _medians(found)


def _share(metric: str, count: int, of: int, better: Any) -> Measure:
    return Measure(metric, count / of, wilson(count, of), n=of, better=better)


def _medians(found: Judged) -> list[Measure]:
    flips = np.flatnonzero(found.feasible)
    if not len(flips):
        return []
    moves = found.moves[flips]
    lengths = {
        "median_linf": (moves.max(axis=1, initial=0.0), "share of range"),
        "median_l2": (np.sqrt((moves**2).sum(axis=1)), "share of range"),
        "median_l0": ((moves > 0).sum(axis=1) + found.swaps[flips], "columns"),
    }
    measures = []
    for metric, (values, unit) in lengths.items():
        median, ci = median_with_interval(np.sort(np.asarray(values, dtype=float)))
        measures.append(Measure(metric, median, ci, n=len(flips), unit=unit, better="higher"))
    return measures
