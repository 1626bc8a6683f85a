"""What a search for feasible changes says in numbers: shares within a budget, costs, and both by sensitive group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from assessments.battery.banding import MISSING
from assessments.battery.fairness._counts import Cells, demographic_parity_difference
from assessments.battery.fairness._intervals import difference_interval
from assessments.battery.robustness._moves import Flags, Floats
from assessments.battery.spec import Better, Measure
from assessments.battery.stats import LEVEL, Interval, percentile_interval, wilson
from assessments.battery.subject import Subject

ALL_GROUPS = "*"
SLACK = 1e-9


def share(metric: str, hits: Flags, better: Better, **group: str) -> Measure:
    """A share of rows with Wilson's interval."""
    n, count = len(hits), int(np.sum(hits))
    return Measure(metric, count / n if n else None, wilson(count, n), n=n, group=dict(group), better=better)


def quantile_with_interval(costs: Floats, q: float = 0.5) -> tuple[float | None, tuple[float, float] | None]:
    """A quantile of costs and its 95 % interval by order statistics; None where infinite costs reach it."""
    costs, n = np.sort(costs), len(costs)
    if not n:
        return None, None
    at = (n - 1) * q
    value = float(costs[int(np.floor(at))] + costs[int(np.ceil(at))]) / 2
    low, high = int(binom.ppf((1 - LEVEL) / 2, n, q)), int(binom.ppf((1 + LEVEL) / 2, n, q)) + 1
    ends = (float(costs[low - 1]) if low else 0.0, float(costs[high - 1]) if high <= n else np.inf)
    return value if np.isfinite(value) else None, ends if np.isfinite(ends[1]) else None


@dataclass(frozen=True)
class Group:
    """The rows (n,) of one group of a sensitive column. small: too few for a verdict."""

    column: str
    name: str
    rows: Flags
    small: bool


def groups_of(subject: Subject, positions: NDArray[Any], params: dict[str, Any]) -> dict[str, list[Group]]:
    """For each sensitive column its groups among the rows at `positions` of the frame, those without a row left out.

    params: minimum_rows and minimum_share, below which a group is small.
    """
    found: dict[str, list[Group]] = {}
    for column in subject.sensitive:
        names, codes = subject.groups(column)
        codes = codes[positions]
        groups = []
        for code, name in enumerate(names):
            rows = codes == code
            count = int(rows.sum())
            if count:
                small = count < params["minimum_rows"] or count < params["minimum_share"] * len(codes)
                groups.append(Group(column, name, rows, small))
        found[column] = groups
    return found


def by_group(
    groups: dict[str, list[Group]],
    hits: Flags,
    costs: Floats,
    metrics: tuple[str, str, str, str],
    better: tuple[Better, Better],
    params: dict[str, Any],
    rng: np.random.Generator,
) -> list[Measure]:
    """Share and median cost of each group and what lies between the groups of a column (group "*").

    metrics: the share, the difference of shares, the median cost, the difference of median costs. better: of the share
    and of the cost. Only groups that are known and not small are compared.
    """
    found = []
    for column, each in groups.items():
        for group in each:
            mine = share(metrics[0], hits[group.rows], better[0], **{column: group.name})
            value, ci = quantile_with_interval(costs[group.rows])
            cost = Measure(metrics[2], value, ci, n=mine.n, group=mine.group, unit="share of range", better=better[1])
            found += [_marked(mine, group.small), _marked(cost, group.small)]
        compared = [group for group in each if not group.small and group.name != MISSING]
        if len(compared) > 1:
            found += _between(column, compared, hits, costs, metrics, params["resamples"], rng)
    return found


def _marked(measure: Measure, small: bool) -> Measure:
    parts = {name: getattr(measure, name) for name in measure.__dataclass_fields__}
    return Measure(**{**parts, "small": small})


def _between(
    column: str,
    groups: Sequence[Group],
    hits: Flags,
    costs: Floats,
    metrics: tuple[str, str, str, str],
    resamples: int,
    rng: np.random.Generator,
) -> list[Measure]:
    within = np.logical_or.reduce([group.rows for group in groups])
    codes = np.argmax(np.stack([group.rows for group in groups])[:, within], axis=0)
    cells = Cells.of(codes, np.ones(len(codes), dtype=bool), hits[within], len(groups))
    value = float(demographic_parity_difference(cells))
    drawn = percentile_interval(demographic_parity_difference(cells.resampled(resamples, rng)))
    ci = difference_interval(cells, ("selection_rate",), value, drawn) if drawn else None
    gap, gap_ci = median_gap(costs[within], codes, len(groups))
    named = {column: ALL_GROUPS}
    return [
        Measure(metrics[1], value, ci, n=len(codes), group=named, better="lower"),
        Measure(metrics[3], gap, gap_ci, n=len(codes), group=named, unit="share of range", better="lower"),
    ]


def median_gap(costs: Floats, codes: NDArray[Any], groups: int) -> tuple[float | None, Interval | None]:
    """The highest less the lowest median cost of any two groups; None where a median is infinite.

    Its interval joins those of the two medians by order statistics (MOVER: Zou and Donner 2008), since the extremes of
    several noisy medians lie further apart than the true ones and a bootstrap repeats that. The lower end is the
    greatest gap that some pair is shown to have, all pairs considered (Bonferroni); the upper end is that of the pair
    which sets the value, infinite where its dearer median may be.
    """
    each = [np.sort(costs[codes == code]) for code in range(groups)]
    medians = np.array([float(np.median(sorted_costs)) for sorted_costs in each])
    if not np.isfinite(medians).all():
        return None, None
    dear, cheap = int(np.argmax(medians)), int(np.argmin(medians))
    gap = float(medians[dear] - medians[cheap])
    pairs = groups * (groups - 1) // 2
    low, high = (np.array(ends) for ends in zip(*(_limits(mine, (1 - LEVEL) / pairs) for mine in each), strict=True))
    apart = medians[:, None] - medians
    shown = apart - np.hypot((medians - low)[:, None], high - medians)
    low, high = (np.array(ends) for ends in zip(*(_limits(mine, 1 - LEVEL) for mine in each), strict=True))
    most = gap + float(np.hypot(high[dear] - medians[dear], medians[cheap] - low[cheap]))
    return gap, (max(0.0, float(shown.max())), most)


def _limits(ordered: Floats, alpha: float) -> tuple[float, float]:
    """The interval of the median by order statistics: 0 and infinity where there are too few rows for the level."""
    n = len(ordered)
    low, high = int(binom.ppf(alpha / 2, n, 0.5)), int(binom.ppf(1 - alpha / 2, n, 0.5)) + 1
    return float(ordered[low - 1]) if low else 0.0, float(ordered[high - 1]) if high <= n else np.inf
