"""How the answer goes along one column: partial dependence, its single lines, and accumulated local effects."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes

Floats = NDArray[np.float64]
Raw = Callable[[Codes], Floats]


@dataclass(frozen=True)
class Effect:
    """effect (k,): how far the answer is from its mean over the rows, at each of `at` (k,)."""

    at: Floats
    effect: Floats

    def of(self, values: Floats) -> Floats:
        """The effect at other values, on straight lines between those of `at`."""
        return np.interp(values, self.at, self.effect) if len(self.at) else np.zeros(len(values))


def edges_of(values: Floats, bins: int) -> Floats:
    """The ends of bins with about as many rows each; fewer where values repeat."""
    known = values[np.isfinite(values)]
    return np.unique(np.quantile(known, np.linspace(0, 1, bins + 1), method="inverted_cdf")) if len(known) else known


def accumulated(raw: Raw, rows: Codes, column: int, bins: int = 20) -> Effect:
    """Accumulated local effects (Apley and Zhu 2020) of a column of numbers.

    In each bin the mean change of the answer when the column of the bin's own rows goes from its lower end to its
    upper; added up, and centred so that its mean over the rows is 0. Rows are only ever moved within their bin, so
    columns that go together stay so. Rows with no value are left out.
    """
    rows = rows[np.isfinite(rows[:, column])]
    edges = edges_of(rows[:, column], bins)
    if len(edges) < 2:
        return Effect(edges, np.zeros(len(edges)))
    at = np.clip(np.searchsorted(edges, rows[:, column], side="left") - 1, 0, len(edges) - 2)
    low, high = rows.copy(), rows.copy()
    low[:, column], high[:, column] = edges[at], edges[at + 1]
    change = raw(high) - raw(low)
    count = np.bincount(at, minlength=len(edges) - 1)
    mean = np.bincount(at, weights=change, minlength=len(edges) - 1) / np.maximum(count, 1)
    reached = np.concatenate([[0.0], np.cumsum(mean)])
    middle = (reached[1:] + reached[:-1]) / 2
    return Effect(edges, reached - float((middle * count).sum() / count.sum()))


def lines(raw: Raw, rows: Codes, column: int, grid: Floats) -> Floats:
    """(rows, grid) individual conditional expectations: each row's answer with the column at each grid value.

    Their mean over the rows is the partial dependence (Friedman 2001; Goldstein and others 2015).
    """
    given = np.repeat(rows, len(grid), axis=0)
    given[:, column] = np.tile(grid, len(rows))
    return raw(given).reshape(len(rows), len(grid))
