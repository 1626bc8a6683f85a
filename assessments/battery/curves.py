"""Curves as chart data: at most POINTS points, with the ends and the points that the text speaks of kept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS = 400
SERIES = 6  # one-against-rest curves of a multiclass model: its most frequent labels


def thinned(size: int, *keep: int) -> NDArray[np.int64]:
    """Positions of at most POINTS of `size` points: both ends, those in `keep`, and evenly spread ones between."""
    if size <= POINTS:
        return np.arange(size)
    spread = np.linspace(0, size - 1, POINTS - len(keep)).round().astype(np.int64)
    return np.union1d(spread, np.array(keep, dtype=np.int64))


def ks_data(score: NDArray[Any], positive: NDArray[np.bool_], names: tuple[str, str]) -> dict[str, Any]:
    """The share of negatives and of positives at or below each score, and their largest gap (KS = max(TPR - FPR)).

    names: of the negatives and of the positives. Both must be present.
    """
    distinct, cells = np.unique(np.asarray(score, dtype=float), return_inverse=True)
    counts = [np.bincount(cells[mask], minlength=len(distinct)) for mask in (~positive, positive)]
    below_negative, below_positive = (np.cumsum(count) / count.sum() for count in counts)
    gap = below_negative - below_positive
    at = int(np.argmax(gap))
    kept = thinned(len(distinct), at)
    return {
        "kind": "ks",
        "score": distinct[kept].tolist(),
        "cdf_negative": below_negative[kept].tolist(),
        "cdf_positive": below_positive[kept].tolist(),
        "negative": names[0],
        "positive": names[1],
        "ks": max(float(gap[at]), 0.0),
        "at": float(distinct[at]),
        "n": len(score),
    }


def shown_labels(subject: Any) -> list[int]:
    """The labels that get a curve of their own: the favourable one, or the most frequent of a multiclass model."""
    if subject.task == "binary":
        return [subject.favourable_index]
    counts = np.bincount(subject.y, minlength=len(subject.labels))
    present = [c for c in np.argsort(-counts, kind="stable") if 0 < counts[c] < len(subject.y)]
    return sorted(int(c) for c in present[:SERIES])


def rest_name(subject: Any) -> str:
    """What the rows are called that are not of the favourable label."""
    if subject.task == "binary":
        return str(subject.labels[1 - subject.favourable_index])
    return f"not {subject.favourable}"
