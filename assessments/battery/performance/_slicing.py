"""Slices of rows by the values of one or two columns, or of a small tree, and how a loss is spread over them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.labels import as_text
from assessments.battery.subject import Subject

NUMBER_PARTS = 5
MOST_VALUES = 30  # categories of a column that get a slice each, the most frequent ones
TREE_DEPTH = 3
FEWEST = 10  # rows that must be left of a slice beside the others
SHADOW_LEVEL = 0.01


@dataclass(frozen=True)
class Part:
    """Rows of one value, or range of values, of a column."""

    column: str
    name: str
    rows: NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """group: {column: value as text}. rows: all of its rows; counted: those that the numbers are about, which for a
    slice found by a tree are not the ones it was found on."""

    group: dict[str, str]
    rows: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    others: NDArray[np.bool_]  # the rows it is compared with
    n: int
    mean: float  # of the loss in the counted rows
    rest: float  # of the loss in the others
    p_value: float


def parts_of(subject: Subject, columns: list[str], smallest: int) -> dict[str, list[Part]]:
    """The parts of each column with at least `smallest` rows; columns without two of them are left out."""
    found = {}
    for column in columns:
        parts = [part for part in _parts(subject, column) if part.rows.sum() >= smallest]
        if parts and not (len(parts) == 1 and parts[0].rows.all()):
            found[column] = parts
    return found


def _parts(subject: Subject, column: str) -> list[Part]:
    values = subject.frame[column]
    if subject.columns[column].kind == "number" and values.nunique() > NUMBER_PARTS:
        return _ranges(column, values.to_numpy(dtype=float))
    names, codes = subject.groups(column)
    common = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")[:MOST_VALUES]
    return [Part(column, names[at], codes == at) for at in sorted(common)]


def _ranges(column: str, numbers: NDArray[np.float64]) -> list[Part]:
    """Fifths of the rows, equal values together; where one value fills a fifth there are fewer."""
    known = np.isfinite(numbers)
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, NUMBER_PARTS + 1)[1:-1]))
    codes = np.where(known, np.searchsorted(edges, np.where(known, numbers, 0.0), side="left"), -1)
    parts = []
    for at in np.unique(codes[codes >= 0]):
        rows = codes == at
        low, high = (as_text(float(f"{end:.4g}")) for end in (numbers[rows].min(), numbers[rows].max()))
        parts.append(Part(column, low if low == high else f"{low}–{high}", rows))
    return [*parts, Part(column, "missing", ~known)] if (~known).any() else parts


def leading_columns(subject: Subject, most: int) -> list[str]:
    """The columns whose values move the model's answer most, by the share of its variance between their values.

    The answer, not the loss: so the choice does not favour columns where the loss is large by chance.
    """
    score = subject.favourable_score if subject.task != "regression" and subject.has_scores else subject.predicted
    answer = np.asarray(score, dtype=float)
    answer = answer - answer.mean()

    def between(column: str) -> float:
        return float(
            sum(part.rows.sum() * answer[part.rows].mean() ** 2 for part in _parts(subject, column) if part.rows.any())
        )

    if len(subject.features) <= most:
        return list(subject.features)
    return sorted(subject.features, key=between, reverse=True)[:most]


def simple_slices(parts: dict[str, list[Part]], loss: NDArray[Any], smallest: int) -> list[Slice]:
    """Every part, and every pair of parts of two columns, with at least `smallest` rows and some rows outside."""
    members = [part for column in parts for part in parts[column]]
    if not members:
        return []
    inside = np.stack([part.rows for part in members]).astype(float)
    sizes, sums = inside @ inside.T, (inside * loss) @ inside.T
    chosen = [(i, i) for i in range(len(members))]
    chosen += [(i, j) for i, j in combinations(range(len(members)), 2) if members[i].column != members[j].column]
    at = np.array([pair for pair in chosen if smallest <= sizes[pair] <= len(loss) - smallest]).reshape(-1, 2)
    n, total = sizes[at[:, 0], at[:, 1]], sums[at[:, 0], at[:, 1]]
    p_values = more_than_chance(loss, n, total)
    everything = np.ones(len(loss), dtype=bool)
    return [
        _slice([members[i], members[j]][: 1 + (i != j)], everything, loss, float(p))
        for (i, j), p in zip(at, p_values, strict=True)
    ]


def _slice(parts: list[Part], counted: NDArray[np.bool_], loss: NDArray[Any], p_value: float) -> Slice:
    rows = np.logical_and.reduce([part.rows for part in parts])
    mine, others = rows & counted, ~rows & counted
    group = {part.column: part.name for part in parts}
    return Slice(
        group, rows, mine, others, int(mine.sum()), float(loss[mine].mean()), float(loss[others].mean()), p_value
    )


def more_than_chance(loss: NDArray[Any], n: NDArray[Any], total: NDArray[Any]) -> NDArray[np.float64]:
    """The chance that as many rows, drawn at random from all, have at least this loss in all.

    For losses of 0 and 1 exact (hypergeometric: Fisher's one-sided test); otherwise by the normal limit.
    """
    from scipy.stats import hypergeom, norm

    size = len(loss)
    if np.isin(loss, (0.0, 1.0)).all():
        return np.asarray(hypergeom.sf(np.rint(total) - 1, size, int(loss.sum()), n.astype(int)))
    error = np.sqrt(loss.var(ddof=1) * n * (1 - n / size))
    return np.asarray(norm.sf((total - n * loss.mean()) / np.maximum(error, 1e-300)))


def tree_slices(
    parts: dict[str, list[Part]], loss: NDArray[Any], smallest: int, rng: np.random.Generator
) -> list[Slice]:
    """The leaves of a tree that finds where the loss is large on one half of the rows, counted on the other half."""
    from sklearn.tree import DecisionTreeRegressor

    members = [part for column in parts for part in parts[column]]
    first = rng.permutation(len(loss)) % 2 == 0
    if not members or min(first.sum(), (~first).sum()) < 2 * smallest:
        return []
    flags = np.column_stack([part.rows for part in members]).astype(np.float32)
    seed = int(rng.integers(2**31))
    tree = DecisionTreeRegressor(max_depth=TREE_DEPTH, min_samples_leaf=smallest, random_state=seed)
    tree.fit(flags[first], loss[first])
    counted, other = ~first, loss[~first]
    found = []
    for leaf in _leaves(tree.tree_, members):
        inside = np.logical_and.reduce([part.rows for part in leaf]) & counted
        n = int(inside.sum())
        if len({part.column for part in leaf}) > 2 and smallest <= n <= len(other) - smallest:
            p_value = more_than_chance(other, np.array([n]), np.array([loss[inside].sum()]))[0]
            found.append(_slice(_joined(leaf), counted, loss, float(p_value)))
    return found


def _leaves(tree: Any, members: list[Part], node: int = 0, path: tuple[Part, ...] = ()) -> Iterator[list[Part]]:
    """The way to each leaf as parts and their opposites."""
    if tree.children_left[node] == tree.children_right[node]:
        yield list(path)
        return
    part = members[tree.feature[node]]
    yield from _leaves(tree, members, tree.children_left[node], (*path, _opposite(part, members)))
    yield from _leaves(tree, members, tree.children_right[node], (*path, part))


def _opposite(part: Part, members: list[Part]) -> Part:
    """The rows outside a part; by the name of the column's other part where there are two."""
    others = [other for other in members if other.column == part.column and other is not part]
    if len(others) == 1 and (others[0].rows == ~part.rows).all():
        return others[0]
    return Part(part.column, f"not {part.name}", ~part.rows)


def _joined(leaf: list[Part]) -> list[Part]:
    """One part a column: its value where it is named, else all that it is not."""
    found: dict[str, Part] = {}
    for part in leaf:
        known = found.get(part.column)
        if known is None:
            found[part.column] = part
        else:
            names = [known.name, part.name]
            named = [name for name in names if not name.startswith("not ")]
            found[part.column] = Part(part.column, named[0] if named else ", ".join(names), known.rows & part.rows)
    return list(found.values())


def merged(slices: list[Slice], loss: NDArray[Any], most: int) -> list[Slice]:
    """At most `most` slices, the worst first, without those that are weak only for the rows they share with others.

    The worst: by the lower end of the mean loss. A slice counts by what is left of it outside the slices before it:
    where that is no worse than the other rows outside them, it is a shadow of theirs.
    """
    kept: list[Slice] = []
    free = np.ones(len(loss), dtype=bool)
    for one in sorted(slices, key=lambda one: -_lower_end(one, loss)):
        if len(kept) == most:
            break
        if _weak_outside(one, loss, free):
            kept.append(one)
            free = free & ~one.rows
    return kept


def _lower_end(one: Slice, loss: NDArray[Any]) -> float:
    """Of the mean, wide enough for the best of many; the spread is that of all rows, so that few rows of one outcome do
    not come first."""
    return one.mean - 4 * float(loss.std() / np.sqrt(one.n))


def _weak_outside(one: Slice, loss: NDArray[Any], free: NDArray[np.bool_]) -> bool:
    left, others = one.counted & free, one.others & free
    n = int(left.sum())
    if n < FEWEST or not others.any():
        return False
    among = loss[left | others]
    return bool(more_than_chance(among, np.array([n]), np.array([loss[left].sum()]))[0] <= SHADOW_LEVEL)
