"""Trees of any library, packed into the arrays that the compiled loop runs through (see `_kernel`).

Floating sums are in the library's own order: one tree after the other, each leaf's values added to what is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.predictors._bits import BLOCK_ROWS, LANES, Bits, can_run
from assessments.battery.predictors._unsupported import Unsupported

Ints = NDArray[np.int64]
RIGHT, LEFT, AS_ZERO, ZERO_TOO_RIGHT, ZERO_TOO_LEFT, CATEGORY = range(6)  # where a missing value goes; or a category
NUMBER_KIND, CATEGORY_KIND, AS_BEFORE_KIND = 0, 2, 3  # as in _kernel, which is imported only where it is needed
BLOCK_CODES = 1 << 18  # codes worked on at a time: what a processor's second cache holds
FEW = 8
MOST_WORDS = 1 << 24  # of category bits: 128 MB


@dataclass(frozen=True)
class Tree:
    """Nodes 0 (the root) to n - 1. left, right (n,): children, negative at a leaf. A row goes left where its value is
    at most the threshold.

    way (n,): RIGHT to CATEGORY, what the node does with missing values. value (n, v): what a leaf adds.
    goes_right: for nodes that are CATEGORY, which categories go right: first the categories from 0, then, as the last
    three, a missing, a negative and an unknown one. threshold is then the node's position in it.
    """

    feature: Ints
    threshold: NDArray[np.float64]
    left: Ints
    right: Ints
    way: NDArray[np.int8]
    value: NDArray[Any]
    goes_right: Sequence[NDArray[np.bool_]] = ()


class Ensemble:
    """init (k,) and the sums of leaves over all trees. column: the output that a tree's first value is added to.

    single: values are rounded to float32 first, as scikit-learn's trees and XGBoost do.
    """

    def __init__(
        self, trees: Sequence[Tree], init: NDArray[Any], *, column: Sequence[int] | Ints = (), single: bool
    ) -> None:
        if not trees:
            raise Unsupported("it has no trees")
        self.init = init
        self.single = single
        self.column = np.array(column if len(column) else np.zeros(len(trees)), dtype=np.int64)
        packed = [_breadth_first(tree) for tree in trees]
        sizes = np.array([len(tree.left) for tree in packed])
        self.roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        whole = _joined(packed, self.roots)
        del packed
        leaf = whole.left < 0
        self.bits_of_leaves: Bits | None = None
        self.values, leaves = _distinct_rows(np.ascontiguousarray(whole.value[leaf], dtype=init.dtype))
        column_of, rank_of = self._columns(whole, leaf)
        if can_run(whole.left, self.roots, self.categorical):
            value = np.asarray(whole.value, dtype=init.dtype)
            self.bits_of_leaves = Bits(whole.left, column_of, rank_of, value, self.roots, self.column)
        self._pack(whole, leaf, column_of, rank_of, leaves)

    def _columns(self, whole: Tree, leaf: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Settle the columns: each a feature with a way to treat missing values. Gives each node's column and rank."""
        inner = np.flatnonzero(~leaf)
        found, column = np.unique(whole.feature[inner] * 8 + whole.way[inner], return_inverse=True)
        self.source, way = (found // 8).astype(np.int64), found % 8
        self.kind = np.select([way == CATEGORY, way >= ZERO_TOO_RIGHT], [2, 1], 0).astype(np.int8)
        self.begin, self.count = np.zeros(len(found), dtype=np.int64), np.zeros(len(found), dtype=np.int64)
        self.missing = np.zeros(len(found), dtype=np.int64)
        order = np.argsort(column, kind="stable")
        bounds = np.searchsorted(column[order], np.arange(len(found) + 1))
        rank_of, column_of = np.zeros(len(leaf), dtype=np.int64), np.zeros(len(leaf), dtype=np.int64)
        column_of[inner] = column
        cuts, words, j = [np.empty(0)], [np.zeros(1, dtype=np.int64)], 0
        while j < len(found):
            same = j + 1  # columns of one feature and kind have their cuts in common
            while same < len(found) and (self.source[same], self.kind[same]) == (self.source[j], self.kind[j]):
                same += 1
            nodes = inner[order[bounds[j] : bounds[same]]]
            if way[j] == CATEGORY:
                sets = [whole.goes_right[int(at)] for at in whole.threshold[nodes]]
                largest = max(len(each) for each in sets)
                packed = np.stack([_bits(each, largest) for each in sets])
                rank_of[nodes] = sum(map(len, words)) + np.arange(len(nodes)) * packed.shape[1]
                words.append(packed.ravel())
                self.count[j] = self.missing[j] = largest - 3
            else:
                own, rank_of[nodes] = np.unique(whole.threshold[nodes], return_inverse=True)
                self.begin[j:same], self.count[j:same] = sum(map(len, cuts)), len(own)
                self.missing[j:same] = [_code_of_missing(int(each), own) for each in way[j:same]]
                if self.kind[j] == NUMBER_KIND:  # where zero is missing too, the code before may be that of a zero
                    self.kind[j + 1 : same] = AS_BEFORE_KIND
                cuts.append(own)
            j = same
        self.cuts, self.bits = np.concatenate(cuts), np.concatenate(words)
        self.categorical = len(words) > 1
        if len(self.bits) > MOST_WORDS:
            raise Unsupported("it has too many categories")
        return column_of, rank_of

    def _pack(self, whole: Tree, leaf: NDArray[np.bool_], column_of: Ints, rank_of: Ints, leaves: Ints) -> None:
        children = max(1, len(leaf).bit_length())
        ranks = max(1, int(rank_of.max()).bit_length() if len(rank_of) else 1)
        columns = max(1, len(self.source).bit_length()) + self.categorical
        if children + ranks + columns > 62:
            raise Unsupported("it is too large")
        self.c, self.f = children, children + ranks
        column_of = column_of << 1 | (self.kind[column_of] == CATEGORY_KIND) if self.categorical else column_of
        self.node = (column_of << self.f) | (rank_of << self.c) | whole.left
        self.node[leaf] = ~leaves
        largest = int(self.count.max(initial=0)) + 3
        self.code_type = np.uint16 if largest < 2**16 else np.uint32

    def sums(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """(rows, outputs), in the type of the leaves. X: (rows, features)."""
        X = np.require(X, np.float64, ("C", "W"))
        return self.sums_of_ranks(len(X), lambda first, last, codes: self.rank(X, first, last, codes))

    def sums_of_ranks(self, n: int, rank: Callable[[int, int, NDArray[Any]], None]) -> NDArray[Any]:
        """The same for n rows whose ranks are made by `rank`: it fills codes (last - first, columns)."""
        from assessments.battery.predictors import _kernel

        if self.bits_of_leaves is not None and n >= FEW:
            return self._sums_by_bits(n, rank, self.bits_of_leaves)
        out = np.empty((n, len(self.init)), dtype=self.init.dtype)
        out[:] = self.init
        block = max(64, min(4096, BLOCK_CODES // max(1, len(self.source))))
        codes = np.empty((min(block, n), len(self.source)), dtype=self.code_type)
        few = _kernel.add_few_categorical if self.categorical else _kernel.add_few
        many = _kernel.add_categorical if self.categorical else _kernel.add
        add = few if n < FEW else many
        for start in range(0, n, block):
            end = min(n, start + block)
            rank(start, end, codes)
            add(
                codes,
                end - start,
                out,
                start,
                self.node,
                self.f,
                self.c,
                self.roots,
                self.values,
                self.column,
                self.bits,
            )
        return out

    def _sums_by_bits(self, n: int, rank: Callable[[int, int, NDArray[Any]], None], bits: Bits) -> NDArray[Any]:
        out = np.empty((n, len(self.init)), dtype=self.init.dtype)
        block = min(BLOCK_ROWS, -(-n // LANES) * LANES)
        codes = np.zeros((len(self.source), block), dtype=self.code_type)
        sums = np.empty((len(self.init), block), dtype=self.init.dtype)
        for start in range(0, n, block):
            end = min(n, start + block)
            rank(start, end, codes.T)
            sums[:] = self.init[:, None]
            bits.add(codes, end - start, sums)
            out[start:end] = sums[:, : end - start].T
        return out

    def rank(self, X: NDArray[np.float64], first: int, last: int, codes: NDArray[Any]) -> None:
        """Fill codes (last - first, columns) with the ranks of rows of X."""
        from assessments.battery.predictors import _kernel

        _kernel.rank(X, first, last, self.source, *self.searched(slice(None)), np.arange(len(self.source)), codes)

    def searched(self, some: Any) -> tuple[Any, ...]:
        """What ranks of some of the columns are found with."""
        found = (self.kind[some], self.single, self.cuts, self.begin[some], self.count[some], self.missing[some])
        return found

    @property
    def nodes(self) -> int:
        return len(self.node)


def _breadth_first(tree: Tree) -> Tree:
    """The same tree with the two children of a node side by side, and the often visited nodes together at its start."""
    order = [np.zeros(1, dtype=np.int64)]
    level = order[0]
    while True:
        level = level[tree.left[level] >= 0]
        if not len(level):
            break
        level = np.column_stack([tree.left[level], tree.right[level]]).ravel()
        order.append(level)
    at = np.concatenate(order)
    inner = np.flatnonzero(tree.left[at] >= 0)
    left = np.full(len(at), -1, dtype=np.int64)
    left[inner] = 1 + 2 * np.arange(len(inner))
    return Tree(tree.feature[at], tree.threshold[at], left, left, tree.way[at], tree.value[at], tree.goes_right)


def _joined(trees: list[Tree], roots: Ints) -> Tree:
    sets: list[NDArray[np.bool_]] = []
    threshold, left = [], []
    for tree, root in zip(trees, roots, strict=True):
        threshold.append(np.where(tree.way == CATEGORY, tree.threshold + len(sets), tree.threshold))
        left.append(np.where(tree.left < 0, -1, tree.left + root))
        sets.extend(tree.goes_right)
    return Tree(
        np.concatenate([tree.feature for tree in trees]).astype(np.int64),
        np.concatenate(threshold),
        np.concatenate(left),
        np.empty(0, dtype=np.int64),
        np.concatenate([tree.way for tree in trees]),
        np.concatenate([tree.value for tree in trees]),
        sets,
    )


def _distinct_rows(values: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """The different rows, bit by bit, and each row's position among them: pure leaves are many and alike."""
    import pandas as pd

    at = np.zeros(len(values), dtype=np.int64)
    whole = np.dtype(f"i{values.dtype.itemsize}")
    for k in range(values.shape[1]):
        codes, uniques = pd.factorize(np.ascontiguousarray(values[:, k]).view(whole))
        at, _ = pd.factorize(at * len(uniques) + codes)
    first = np.zeros(int(at.max(initial=-1)) + 1, dtype=np.int64)
    first[at[::-1]] = np.arange(len(at))[::-1]
    return np.ascontiguousarray(values[first]), at


def _code_of_missing(way: int, cuts: NDArray[np.float64]) -> int:
    if way in (LEFT, ZERO_TOO_LEFT):
        return 0
    return int(np.searchsorted(cuts, 0.0)) if way == AS_ZERO else len(cuts)


def _bits(goes_right: NDArray[np.bool_], largest: int) -> Ints:
    """The categories as 64-bit words, for `largest` codes; categories beyond its own end go where unknown ones go."""
    every = np.full(largest, goes_right[-1])
    every[: len(goes_right) - 3] = goes_right[:-3]
    every[-3:] = goes_right[-3:]
    padded = np.zeros(-(-largest // 64) * 64, dtype=np.uint8)
    padded[:largest] = every
    return np.packbits(padded, bitorder="little").view(np.int64)
