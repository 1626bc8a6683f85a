"""The area between two ROC curves (ABROCA), on the scores themselves and on counts by score that are drawn again."""

import numpy as np
from numpy.typing import NDArray

from assessments.battery.stats import resampled_counts

Floats = NDArray[np.float64]
CELLS = 200  # of about equal size, that scores are cut into for resampling


def curve(score: Floats, truth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """False and true positive rates at each distinct score, from (0, 0) to (1, 1). Both outcomes must occur."""
    distinct, cells = np.unique(-score, return_inverse=True)
    counts = [np.bincount(cells[mask], minlength=len(distinct)) for mask in (~truth, truth)]
    fpr, tpr = (np.concatenate([[0.0], np.cumsum(count) / count.sum()]) for count in counts)
    return fpr, tpr


def area_between(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> float:
    """The exact area between two curves of straight pieces, as a share of the square."""
    grid = np.union1d(one[0], other[0])
    start, width = grid[:-1], np.diff(grid)
    # Two points inside each piece: at its ends a curve may jump, between them both are straight.
    near, far = ((np.interp(start + width * at, *one) - np.interp(start + width * at, *other)) for at in (0.25, 0.75))
    left, right = 1.5 * near - 0.5 * far, 1.5 * far - 0.5 * near
    crossing = left * right < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        triangles = (left**2 + right**2) / (2 * (np.abs(left) + np.abs(right)))
    return float((width * np.where(crossing, triangles, (np.abs(left) + np.abs(right)) / 2)).sum())


def score_parts(score: Floats) -> NDArray[np.int64]:
    """(rows,) the cell of each row, lowest scores first; at most CELLS cells."""
    edges = np.unique(np.quantile(score, np.arange(1, CELLS) / CELLS, method="inverted_cdf"))
    return np.asarray(np.unique(np.searchsorted(edges, score, side="left"), return_inverse=True)[1], dtype=np.int64)


def counts_by_cell(cells: NDArray[np.int64], truth: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """(2, size): rows by outcome and cell."""
    return np.bincount(truth * size + cells, minlength=2 * size).reshape(2, size)


def drawn_curves(counts: NDArray[np.int64], resamples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(resamples, size + 1) false and true positive rates of the rows drawn again; NaN where an outcome is missing."""
    drawn = resampled_counts(counts, resamples, rng)[..., ::-1]
    sums = np.concatenate([np.zeros((resamples, 2, 1)), np.cumsum(drawn, axis=-1, dtype=float)], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = sums / sums[..., -1:]
    return rates[:, 0], rates[:, 1]


def areas_under(curves: tuple[Floats, Floats]) -> Floats:
    fpr, tpr = curves
    return np.asarray((np.diff(fpr, axis=-1) * (tpr[..., 1:] + tpr[..., :-1]) / 2).sum(-1))


def areas_between(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> Floats:
    """area_between of each pair of drawn curves; NaN where one lacks an outcome."""
    found = [
        area_between((one[0][at], one[1][at]), (other[0][at], other[1][at]))
        if np.isfinite(one[0][at]).all() and np.isfinite(other[0][at]).all()
        and np.isfinite(one[1][at]).all() and np.isfinite(other[1][at]).all()
        else np.nan
        for at in range(len(one[0]))
    ]  # fmt: skip
    return np.array(found)
