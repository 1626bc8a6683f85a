"""Trees of at most 64 leaves, run without walking: comparisons cross out leaves, and the first that is left counts.

A row that goes right at a node can reach no leaf to the left of it: a mask crosses these out. With the leaves in order
from left to right, the lowest bit that is left after all nodes of the tree is the leaf that the row ends in. No step
waits for the one before, and comparisons are made for many rows by one instruction: several times faster than walking
where trees are small. Source: QuickScorer (Lucchese et al., SIGIR 2015), over rows as in V-QuickScorer (SIGIR 2016).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MOST_LEAVES = 64
LANES = 32  # rows are run in whole multiples of these
BLOCK_ROWS = 512
HASH = 0x03F79D71B4CB0A89  # times a power of two: another value in its first six bits for each
HASH_BITS = 6


def can_run(left: Array, roots: Array, categorical: bool) -> bool:
    """Whether all trees are small enough, and ask for no category. left: of each node its left child, below 0 none."""
    if categorical:
        return False
    leaves = np.add.reduceat((left < 0).astype(np.int64), roots)
    return bool(leaves.max() <= MOST_LEAVES)


class Bits:
    """left (n,), column (n,), rank (n,): of each node its left child, with the right one behind it, the column of ranks
    that it asks for and the rank above which it goes right. value (n, v): what each leaf adds. Children follow parents.
    """

    def __init__(self, left: Array, column: Array, rank: Array, value: Array, roots: Array, outputs: Array) -> None:
        inner = np.flatnonzero(left >= 0)
        count, first = _leaves(left, roots)
        kind = np.uint32 if count[roots].max() <= 32 else np.uint64
        crossed = (np.uint64(1) << count[left[inner]].astype(np.uint64)) - np.uint64(1)
        self.mask: Array = np.invert(crossed << first[inner].astype(np.uint64)).astype(kind)
        self.every = kind(np.iinfo(kind).max)
        self.column, self.rank = column[inner], rank[inner].astype(np.uint32)
        self.begin = np.searchsorted(inner, np.append(roots, len(left)))
        self.outputs = outputs
        at = np.flatnonzero(left < 0)
        tree = np.searchsorted(roots, at, side="right") - 1
        place = (np.uint64(1) << first[at].astype(np.uint64)) * np.uint64(HASH) >> np.uint64(64 - HASH_BITS)
        self.table = np.zeros((len(roots), value.shape[1], 1 << HASH_BITS), dtype=value.dtype)
        self.table[tree, :, place] = value[at]

    def add(self, codes: Array, rows: int, into: Array) -> None:
        """Add the leaves of all trees, one tree after the other, to into (outputs, rows).

        codes (columns, k * LANES): ranks, of so many rows; the rest are run and not looked at.
        """
        from assessments.battery.predictors import _kernel

        kept = np.empty(codes.shape[1], dtype=self.mask.dtype)
        nodes = (self.begin, self.column, self.rank.astype(codes.dtype, copy=False), self.mask, self.every)
        _kernel.add_bits(codes, rows, -(-rows // LANES) * LANES, into, *nodes, self.table, self.outputs, kept)


def _leaves(left: Array, roots: Array) -> tuple[Array, Array]:
    """Of each node: how many leaves are below it, and how many of its tree's are to the left of these."""
    levels = [roots]
    while True:
        inner = levels[-1][left[levels[-1]] >= 0]
        if not len(inner):
            break
        levels.append(np.concatenate([left[inner], left[inner] + 1]))
    count, first = np.ones(len(left), dtype=np.int64), np.zeros(len(left), dtype=np.int64)
    for level in reversed(levels):
        inner = level[left[level] >= 0]
        count[inner] = count[left[inner]] + count[left[inner] + 1]
    for level in levels:
        inner = level[left[level] >= 0]
        first[left[inner]] = first[inner]
        first[left[inner] + 1] = first[inner] + count[left[inner]]
    return count, first
