"""Group fairness from counts alone.

Every metric here is a function of one table: rows by group × true label × decision. Resampling the rows of a data set
with replacement is the same as ONE multinomial draw over the cells of that table, so an interval costs the same for a
thousand rows and for a million, and the values equal Fairlearn's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.stats import resampled_counts

Floats = NDArray[np.float64]

TPR, FPR = "tpr", "fpr"
_MISSED, _FOUND = (1, 0), (1, 1)  # (truly favourable, decided favourably)
_SPARED, _FALSE = (0, 0), (0, 1)
_ALL, _TRUE, _UNTRUE = (_SPARED, _FALSE, _MISSED, _FOUND), (_MISSED, _FOUND), (_SPARED, _FALSE)
_CHOSEN, _LEFT = (_FALSE, _FOUND), (_SPARED, _MISSED)
# Each rate is a share of rows: the cells that are counted, and those that they are counted among.
RATES = {
    "selection_rate": (_CHOSEN, _ALL),
    "prevalence": (_TRUE, _ALL),
    TPR: ((_FOUND,), _TRUE),
    FPR: ((_FALSE,), _UNTRUE),
    "tnr": ((_SPARED,), _UNTRUE),
    "fnr": ((_MISSED,), _TRUE),
    "ppv": ((_FOUND,), _CHOSEN),
    "npv": ((_SPARED,), _LEFT),
    "fdr": ((_FALSE,), _CHOSEN),
    "for": ((_MISSED,), _LEFT),
    "accuracy": ((_SPARED, _FOUND), _ALL),
    "missed_share_of_errors": ((_MISSED,), (_MISSED, _FALSE)),
    "rejection_rate": (_LEFT, _ALL),
}


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
        """Numerator and denominator of one of RATES, a group each."""
        top, bottom = (sum((self.counts[..., a, s] for a, s in cells), np.int64(0)) for cells in RATES[rate])
        return np.asarray(top), np.asarray(bottom)

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
    return ratio(cells.rate("selection_rate"))


def equalized_odds_difference(cells: Cells, *, undefined: float = 0.0) -> Floats:
    """The greater of the differences in true and in false positive rates.

    undefined stands for a rate that divides by no row: 0.0, as Fairlearn has it, or NaN to leave that group out.
    """
    return np.fmax(*(spread(filled(cells, rate, undefined)) for rate in (TPR, FPR)))


def spread(rates: Floats) -> Floats:
    """Highest minus lowest over the last axis, passing over NaN."""
    return np.asarray(np.fmax.reduce(rates, axis=-1) - np.fmin.reduce(rates, axis=-1))


def ratio(rates: Floats) -> Floats:
    """Lowest over highest over the last axis, passing over NaN; NaN where the highest is 0."""
    high = np.fmax.reduce(rates, axis=-1)
    low = np.fmin.reduce(rates, axis=-1)
    return np.asarray(np.divide(low, high, out=np.full(np.shape(high), np.nan), where=high > 0))


def filled(cells: Cells, rate: str, undefined: float) -> Floats:
    """The rate of each group that has rows, `undefined` where it divides by none of them."""
    rates = cells.rate(rate)
    return np.where(np.isnan(rates) & (cells.rows > 0), undefined, rates)


def generalized_entropy(counts: NDArray[Any], alpha: int) -> Floats:
    """Inequality of benefit over people: 0 where all get what they merit (Speicher et al. 2018).

    A wrong rejection is worth 0, a right decision 1, a wrong selection 2. alpha 1 is Theil's index, 2 half the squared
    coefficient of variation. counts (..., groups, 2, 2).
    """
    totals = np.asarray(counts).sum(axis=-3, dtype=float)
    rows = totals.sum((-1, -2))
    shares = np.stack([totals[..., 1, 0], totals[..., 0, 0] + totals[..., 1, 1], totals[..., 0, 1]], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = shares / rows[..., None]
        relative = np.arange(3) / (shares @ np.arange(3.0))[..., None]
        if alpha == 1:
            terms = np.where(relative > 0, relative * np.log(np.where(relative > 0, relative, 1.0)), 0.0)
            return np.asarray((shares * terms).sum(-1))
        return np.asarray((shares * (relative**alpha - 1)).sum(-1) / (alpha * (alpha - 1)))
