"""The Kolmogorov–Smirnov distance between the scores of the two kinds of rows, before and under attack."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.robustness._lockstep import Flags, Floats

CURVE_POINTS = 400


def ks_curve(scores: Floats, positive: Flags, favourable: str, rest: str) -> dict[str, Any]:
    """Chart data of kind ks: the two distributions and where they are furthest apart."""
    values = np.unique(scores)
    share = {
        side: np.searchsorted(np.sort(scores[positive == side]), values, side="right")
        / max(1, (positive == side).sum())
        for side in (True, False)
    }
    widest = int(np.argmax(share[False] - share[True]))
    kept = np.unique(np.r_[np.linspace(0, len(values) - 1, min(CURVE_POINTS, len(values))).astype(int), widest])
    return {
        "kind": "ks",
        "score": _numbers(values[kept]),
        "cdf_negative": _numbers(share[False][kept]),
        "cdf_positive": _numbers(share[True][kept]),
        "negative": rest,
        "positive": favourable,
        "ks": float(max(share[False][widest] - share[True][widest], 0.0)),
        "at": float(values[widest]),
        "n": len(scores),
    }


def _numbers(values: NDArray[Any]) -> list[float]:
    return [float(value) for value in values]
