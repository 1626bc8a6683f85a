"""What lies between the groups of a column: differences and ratios of their rates, with intervals.

Where some groups are too small to be judged, each comparison is given twice: over all known groups ("*"), marked, and
over the others, which is the one that a policy judges.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from assessments.battery.fairness import _counts
from assessments.battery.fairness._counts import Cells, Floats
from assessments.battery.fairness._groups import Grouping, listed
from assessments.battery.fairness._intervals import difference_interval, mean_difference_interval, ratio_interval
from assessments.battery.fairness._significance import homogeneity
from assessments.battery.spec import Better, Measure
from assessments.battery.stats import Interval, percentile_interval

ALL_GROUPS = "*"
LARGE_GROUPS = "* without small groups"


@dataclass(frozen=True)
class Disparity:
    """How far apart the extreme groups are in some rates.

    how: the greatest of the differences, the mean of them, the least of the ratios of lowest to highest, or the
    logarithm of the inverse of that.
    """

    metric: str
    rates: tuple[str, ...]
    how: Literal["difference", "mean", "ratio", "log"] = "difference"

    @property
    def better(self) -> Better:
        return "higher" if self.how == "ratio" else "lower"

    def value(self, cells: Cells, undefined: float) -> Floats:
        """undefined stands for a rate that divides by no row: 0.0, as Fairlearn has it, or NaN to leave it out."""
        each = [_counts.filled(cells, rate, undefined) for rate in self.rates]
        if self.how in ("ratio", "log"):
            # The least where all are defined: np.minimum, unlike fmin, keeps the NaN of a ratio that nobody has.
            least = np.minimum.reduce([_counts.ratio(rates) for rates in each])
            with np.errstate(divide="ignore"):
                return np.asarray(least if self.how == "ratio" else np.abs(np.log(least)))
        spreads = [_counts.spread(rates) for rates in each]
        if self.how == "mean":
            return np.asarray(np.mean(spreads, axis=0))
        return np.asarray(np.fmax.reduce(spreads))

    def p_value(self, cells: Cells) -> float | None:
        """Of the groups being alike in all of the rates; of several rates the least, Bonferroni's correction made."""
        each = [homogeneity(*cells.fraction(rate)) for rate in self._distinct]
        known = [p for p in each if p is not None]
        return min(1.0, len(known) * min(known)) if known else None

    @property
    def _distinct(self) -> tuple[str, ...]:
        """The rates but for those that are another one's opposite, which the same test is about."""
        return tuple(rate for rate in self.rates if rate != "rejection_rate") or self.rates

    def interval(self, cells: Cells, value: float, drawn: Interval) -> Interval:
        """drawn: the bootstrap's, of which only the end away from parity is taken."""
        if self.how == "ratio":
            return ratio_interval(cells, value, drawn, self.rates)
        if self.how == "log":
            low, high = ratio_interval(cells, float(np.exp(-value)), (float(np.exp(-drawn[1])), 1.0), self.rates)
            return float(abs(np.log(high))), float(-np.log(low)) if low > 0 else np.inf
        if self.how == "mean":
            return mean_difference_interval(cells, self.rates, value, drawn)
        return difference_interval(cells, self.rates, value, drawn)


def disparities(
    grouping: Grouping, asked: Iterable[Disparity], resamples: int, rng: np.random.Generator, notes: list[str]
) -> list[Measure]:
    """The comparisons between all known groups and, where some may not be judged, between the others."""
    title, known, large = grouping.title, grouping.known, grouping.known & ~grouping.small
    asked = list(asked)
    if known.sum() < 2:
        notes.append(f"{title} has one group only: nothing to compare.")
        return []
    lacking = _lacking(grouping, asked, large)
    marked = bool((known & grouping.small).any() or lacking)
    found = _compared(grouping, ALL_GROUPS, known, asked, 0.0, marked, resamples, rng)
    if not marked:
        return found
    for rates, names in lacking.items():
        notes.append(
            f"{title}: {rates} of {listed(names)} divides by no row; “{ALL_GROUPS}” counts it as 0, as Fairlearn does, "
            f"“{LARGE_GROUPS}” leaves it out."
        )
    if (known & grouping.small).any():
        names = [grouping.names[index] for index in np.flatnonzero(known & grouping.small)]
        notes.append(f"{title}: too small for a verdict: {listed(names)}. Reported, not judged.")
    if large.sum() < 2:
        notes.append(f"{title}: fewer than two groups are large enough to be compared; nothing is judged.")
        return found
    return found + _compared(grouping, LARGE_GROUPS, large, asked, np.nan, False, resamples, rng)


def _lacking(grouping: Grouping, asked: list[Disparity], large: "np.ndarray") -> dict[str, list[str]]:
    """The large groups that lack the rows for a rate; rates that lack the same groups share an entry."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for rate in dict.fromkeys(rate for disparity in asked for rate in disparity.rates):
        empty = np.flatnonzero(large & (grouping.cells.fraction(rate)[1] == 0))
        if len(empty):
            lacking.setdefault(tuple(grouping.names[index] for index in empty), []).append(rate)
    return {" and ".join(rates): list(names) for names, rates in lacking.items()}


def _compared(
    grouping: Grouping,
    name: str,
    groups: "np.ndarray",
    asked: list[Disparity],
    undefined: float,
    small: bool,
    resamples: int,
    rng: np.random.Generator,
) -> list[Measure]:
    cells = grouping.cells.only(groups)
    found = measured(cells, asked, undefined, resamples, rng)
    return [
        replace(measure, group=grouping.between(name), small=small, p_value=disparity.p_value(cells))
        for measure, disparity in zip(found, asked, strict=True)
    ]


def measured(
    cells: Cells, asked: Iterable[Disparity], undefined: float, resamples: int, rng: np.random.Generator
) -> list[Measure]:
    """Each comparison between all groups of the cells; the same resamples for all."""
    drawn = cells.resampled(resamples, rng)
    found = []
    for disparity in asked:
        value = float(disparity.value(cells, undefined))
        resampled = percentile_interval(disparity.value(drawn, undefined)) if np.isfinite(value) else None
        found.append(
            Measure(
                disparity.metric,
                value if np.isfinite(value) else None,
                disparity.interval(cells, value, resampled) if resampled else None,
                n=int(cells.rows.sum()),
                better=disparity.better,
            )
        )
    return found
