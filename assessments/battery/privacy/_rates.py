"""How well an attack tells members from others, with intervals: advantage, and members found at few false alarms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessments.battery.comparing import rate_difference
from assessments.battery.stats import Interval, percentile_interval, wilson

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def advantage(member: NDArray[np.bool_], called: NDArray[np.bool_]) -> tuple[float, Interval]:
    """TPR - FPR of calling these rows members, and its interval."""
    hits, alarms = int(called[member].sum()), int(called[~member].sum())
    inside, outside = int(member.sum()), int((~member).sum())
    return hits / inside - alarms / outside, rate_difference(hits, inside, alarms, outside) or (-1.0, 1.0)


@dataclass(frozen=True)
class Tail:
    """The cells of the ROC curve up to somewhat beyond a false-positive rate, highest score first, the rest joined."""

    members: Counts
    others: Counts

    @classmethod
    def of(cls, member: NDArray[np.bool_], score: Floats, fpr: float) -> "Tail":
        _, cells = np.unique(-score, return_inverse=True)
        members, others = (np.bincount(cells[rows], minlength=cells.max() + 1) for rows in (member, ~member))
        # Between two others the members of several cells may be joined: the curve only rises there.
        starts = (others > 0) | np.concatenate([[True], others[:-1] > 0])
        block = np.cumsum(starts) - 1
        members, others = np.bincount(block, members).astype(int), np.bincount(block, others).astype(int)
        allowed = fpr * others.sum()
        enough = int(np.searchsorted(np.cumsum(others), allowed + 6 * np.sqrt(allowed) + 10)) + 1
        return cls(_joined(members, enough), _joined(others, enough))

    def rate(self, members: Counts, others: Counts, fpr: float) -> Floats:
        """(...,) the true-positive rate at this false-positive rate, on the straight line within a cell."""
        up, along = (np.cumsum(part, axis=-1) for part in (members, others))
        allowed = fpr * along[..., -1:]
        at = np.minimum((along <= allowed).sum(axis=-1, keepdims=True), along.shape[-1] - 1)
        before = [np.where(at > 0, np.take_along_axis(part, np.maximum(at - 1, 0), -1), 0) for part in (up, along)]
        here = [np.take_along_axis(part, at, -1) for part in (up, along)]
        step = np.maximum(here[1] - before[1], 1)
        found = before[0] + (allowed - before[1]) / step * (here[0] - before[0])
        return np.asarray((found / up[..., -1:])[..., 0])


def _joined(counts: Counts, enough: int) -> Counts:
    return np.append(counts[:enough], counts[enough:].sum())


def tpr_at(
    member: NDArray[np.bool_], score: Floats, fpr: float, resamples: int, rng: np.random.Generator
) -> tuple[float, Interval | None]:
    """The share of members found where a share `fpr` of the others is called a member too; bootstrap of both kinds."""
    tail = Tail.of(member, score, fpr)
    value = float(tail.rate(tail.members, tail.others, fpr))
    inside, outside = int(tail.members.sum()), int(tail.others.sum())
    drawn = [
        rng.multinomial(total, counts / total, size=resamples)
        for total, counts in ((inside, tail.members), (outside, tail.others))
    ]
    ci = percentile_interval(tail.rate(drawn[0], drawn[1], fpr))
    if ci is None:
        return value, None
    alone = wilson(value * inside, inside) or (0.0, 1.0)  # as if the threshold were known: never narrower than that
    return value, (min(ci[0], alone[0]), max(ci[1], alone[1]))


def curve(member: NDArray[np.bool_], score: Floats, most: int = 150) -> tuple[list[float], list[float]]:
    """(fpr, tpr) at `most` rates from one false alarm to all, evenly on a logarithmic scale."""
    outside = int((~member).sum())
    rates = np.unique(np.geomspace(1 / outside, 1.0, most))
    tail = Tail.of(member, score, 1.0)
    return [float(rate) for rate in rates], [float(tail.rate(tail.members, tail.others, rate)) for rate in rates]
