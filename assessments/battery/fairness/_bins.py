"""Ways to cut a column of numbers, such as age, into groups."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessments.battery.banding import MISSING, years_of_age
from assessments.battery.labels import as_text

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bins:
    """A way to cut numbers: a group for each part between two edges, which belong to the part above them.

    mode: cut (at one number), width (bands of one width) or quantile (about as many rows each).
    """

    mode: str
    title: str
    edges: Floats  # inner edges, ascending

    def groups(self, numbers: Floats) -> tuple[list[str], NDArray[np.int64]]:
        """Names of the groups that have rows, and each row's position in them; rows without a number last."""
        known = np.isfinite(numbers)
        codes = np.where(known, np.searchsorted(self.edges, np.where(known, numbers, 0.0), side="right"), -1)
        whole = bool((numbers[known] == np.round(numbers[known])).all())
        low, high = (float(end(numbers[known])) for end in (np.min, np.max))
        present = np.unique(codes[known])
        places = np.full(len(self.edges) + 2, len(present), dtype=np.int64)  # the last for those without a number
        places[present] = np.arange(len(present))
        names = [self._name(int(at), low, high, whole) for at in present]
        return [*names, MISSING] if not known.all() else names, places[codes]

    def _name(self, at: int, low: float, high: float, whole: bool) -> str:
        if at == 0:
            return f"under {_shown(self.edges[0])}" if len(self.edges) else "all"
        if at == len(self.edges):
            return f"{_shown(self.edges[-1])} and over"
        start, end = self.edges[at - 1], self.edges[at] - (1 if whole else 0)
        if start == end:
            return _shown(start)
        return f"{_shown(start)}–{_shown(end)}" if whole else f"{_shown(start)}–<{_shown(end)}"


def modes(numbers: Floats, legal_age: float, quantiles: int) -> list[Bins]:
    """The ways that are always shown: at the age that a law protects, decades or bands of a width, and quantiles."""
    low, high, years = _range(numbers)
    found = []
    if years and low < legal_age <= high:
        found.append(cut_at(legal_age, "legal"))
    if years:
        found.append(Bins("decades", "bands of 10 from 0", _banded(low, high, 10, 0)))
    else:
        found.append(Bins("width", "5 bands of one width", np.linspace(low, high, 6)[1:-1]))
    return [*found, by_quantile(numbers, quantiles)]


def choices(numbers: Floats) -> list[Bins]:
    """Twenty ways to cut, all of which somebody could have chosen."""
    low, high, years = _range(numbers)
    quantile_of = np.quantile(numbers[np.isfinite(numbers)], (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9))
    cuts = np.arange(25, 61, 5) if years else quantile_of
    found = [cut_at(float(cut)) for cut in cuts]
    if years:
        for width, start in ((5, 0), (10, 0), (10, 5), (15, 0), (20, 0)):
            found.append(Bins("width", f"bands of {width} from {start}", _banded(low, high, width, start)))
    else:
        for count in (3, 4, 5, 6, 8):
            found.append(Bins("width", f"{count} bands of one width", np.linspace(low, high, count + 1)[1:-1]))
    return found + [by_quantile(numbers, count) for count in range(2, 9)]


def cut_at(number: float, mode: str = "cut") -> Bins:
    return Bins(mode, f"cut at {_shown(number)}", np.array([number]))


def by_quantile(numbers: Floats, count: int) -> Bins:
    """Edges where a share of the rows lies below; those that fall on one value are one edge."""
    known = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(known, np.arange(1, count) / count, method="inverted_cdf"))
    return Bins("quantile", f"{count} quantiles", edges[(edges > known.min()) & (edges <= known.max())])


def _range(numbers: Floats) -> tuple[float, float, bool]:
    known = numbers[np.isfinite(numbers)]
    low, high = float(known.min()), float(known.max())
    return low, high, years_of_age(low, high, bool((known == np.round(known)).all()))


def _banded(low: float, high: float, width: int, start: int) -> Floats:
    edges = np.arange(start, high + 1, width, dtype=float)
    return edges[(edges > low) & (edges <= high)]


def _shown(number: float) -> str:
    return as_text(float(f"{float(number):.6g}"))
