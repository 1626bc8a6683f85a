"""Group fairness from counts alone.

Every metric here is a function of one table: rows by group × true label × decision. Resampling the rows of a data set
with replacement is the same as ONE multinomial draw over the cells of that table, so an interval costs the same for a
thousand rows and for a million, and the values equal Fairlearn's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessments.battery.stats import resampled_counts

Floats = NDArray[np.float64]

TPR, FPR = "tpr", "fpr"


@dataclass(frozen=True)
class Cells:
    """counts (…, groups, 2, 2): rows by group, true label is favourable (0/1), decision is favourable (0/1)."""

    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls, group: NDArray[np.int64], actual: NDArray[np.bool_], selected: NDArray[np.bool_], groups: int
    ) -> "Cells":
        """group (n,) holds indices below `groups`; actual and selected (n,) say who is and who is judged favourable."""
        cell = (group.astype(np.int64) * 2 + actual) * 2 + selected
        return cls(np.bincount(cell, minlength=groups * 4).reshape(groups, 2, 2).astype(np.int64))

    @property
    def rows(self) -> NDArray[np.int64]:
        return np.asarray(self.counts.sum((-1, -2)))

    @property
    def favourable(self) -> NDArray[np.int64]:
        """Rows whose true label is favourable, a group."""
        return np.asarray(self.counts[..., 1, :].sum(-1))

    @property
    def selected(self) -> NDArray[np.int64]:
        """Rows decided favourably, a group."""
        return np.asarray(self.counts[..., :, 1].sum(-1))

    def fraction(self, rate: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numerator and denominator of selection_rate, tpr, fpr or ppv, a group each."""
        counts = self.counts
        return {
            "selection_rate": (self.selected, self.rows),
            TPR: (counts[..., 1, 1], counts[..., 1, :].sum(-1)),
            FPR: (counts[..., 0, 1], counts[..., 0, :].sum(-1)),
            "ppv": (counts[..., 1, 1], self.selected),
        }[rate]

    def rate(self, rate: str) -> Floats:
        """The rate of each group; NaN where nothing can be divided by."""
        top, bottom = self.fraction(rate)
        return np.asarray(np.divide(top, bottom, out=np.full(np.shape(bottom), np.nan), where=bottom > 0))

    def only(self, groups: NDArray[np.bool_]) -> "Cells":
        return Cells(self.counts[..., groups, :, :])

    def resampled(self, resamples: int, rng: np.random.Generator) -> "Cells":
        """The table of each of `resamples` bootstrap samples of the rows: counts (resamples, groups, 2, 2)."""
        return Cells(resampled_counts(self.counts, resamples, rng))


def demographic_parity_difference(cells: Cells) -> Floats:
    """Highest minus lowest selection rate; a group without a row counts for nothing."""
    return spread(cells.rate("selection_rate"))


def demographic_parity_ratio(cells: Cells) -> Floats:
    """Lowest over highest selection rate, the impact ratio; NaN where nobody at all is selected."""
    rates = cells.rate("selection_rate")
    high = np.fmax.reduce(rates, axis=-1)
    ratio = np.divide(np.fmin.reduce(rates, axis=-1), high, out=np.full(np.shape(high), np.nan), where=high > 0)
    return np.asarray(ratio)


def equalized_odds_difference(cells: Cells, *, undefined: float = 0.0) -> Floats:
    """The greater of the differences in true and in false positive rates.

    undefined stands for a rate that divides by no row: 0.0, as Fairlearn has it, or NaN to leave that group out.
    """
    return np.fmax(*(spread(_filled(cells, rate, undefined)) for rate in (TPR, FPR)))


def spread(rates: Floats) -> Floats:
    """Highest minus lowest over the last axis, passing over NaN."""
    return np.asarray(np.fmax.reduce(rates, axis=-1) - np.fmin.reduce(rates, axis=-1))


def _filled(cells: Cells, rate: str, undefined: float) -> Floats:
    rates = cells.rate(rate)
    return np.where(np.isnan(rates) & (cells.rows > 0), undefined, rates)
