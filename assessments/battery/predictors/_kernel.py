"""The one compiled loop that every ensemble of trees runs through. Imports numba: import it lazily.

A number is not compared with thresholds but with ranks: `x <= cuts[k]` holds exactly where the count of cuts below x is
at most k. So a row is first turned into small whole numbers, once for all trees, and a node is one 64-bit word:

    column (from bit f) | the threshold's rank (from bit c) | where its two children are   an inner node
    ~(position of its values)                                                              a leaf, negative

Where trees have categorical splits, the lowest bit of the column says whether the node is one; its rank is then where
its words in `bits` begin: one bit for each category, and for a missing and an unknown one, that says whether it goes
right. No branch is taken to tell the two kinds apart: a wrongly guessed branch costs more than both sums.

Eight rows (or, for few rows, eight trees) take each step together, so that the processor waits for eight memory reads
at once. The eight are written out: in an array they would not stay in registers, and it would take twice as long.
"""

import numpy as np

from assessments.battery.kernels import jit
from assessments.battery.predictors import _bits

NUMBER, ZERO_IS_MISSING, CATEGORY, AS_BEFORE = range(4)  # kinds of column
ONE, HASH, SHIFT = np.uint64(1), np.uint64(_bits.HASH), np.uint64(64 - _bits.HASH_BITS)
TINY = float(np.float32(1e-35))  # what LightGBM takes for zero


@jit()
def rank(X, first, last, source, kind, single, cuts, begin, count, missing, place, codes):  # type: ignore[no-untyped-def]
    """codes[r, place[j]] for rows first..last of X: how many cuts of column j are below the value, or its category.

    The cuts of a column are cuts[begin : begin + count]; a column that begins where the one before it does differs from
    it in its code for NaN only. A category below 0 gets count + 1, one beyond the largest count + 2.
    """
    for r in range(first, last):
        for j in range(source.shape[0]):
            x = X[r, source[j]]
            if single:
                x = np.float64(np.float32(x))
            if kind[j] == ZERO_IS_MISSING and abs(x) <= TINY:
                x = np.nan
            code, base, left = np.int64(0), begin[j], count[j]
            if x != x:
                code = missing[j]
            elif kind[j] == CATEGORY:
                code = left + 1 if x < 0 else (left + 2 if x >= left else np.int64(x))
            elif kind[j] == AS_BEFORE:
                code = np.int64(codes[r - first, place[j - 1]])
            elif left == 1:
                code = np.int64(cuts[base] < x)
            else:
                while left > 0:
                    half = left >> 1
                    below = cuts[base + code + half] < x
                    code = code + half + 1 if below else code
                    left = left - half - 1 if below else half
            codes[r - first, place[j]] = code


@jit()
def look_up(rows, first, last, source, table, size, lookup, begin, codes):  # type: ignore[no-untyped-def]
    """codes[r, j] from a table of ranks, for each column j of a coded category: lookup[begin[j] + category].

    source[j] is the column of rows (m, columns) that holds the category, table[j] the place in codes, size[j] how many
    categories there are; a missing one is the last. False where a number is no category: codes are then unfinished.
    """
    for r in range(first, last):
        for j in range(source.shape[0]):
            x = rows[r, source[j]]
            if x != x:
                at = size[j]
            else:
                at = np.int64(x)
                if at < 0 or at >= size[j] or at != x:
                    return False
            codes[r - first, table[j]] = lookup[begin[j] + at]
    return True


@jit()
def _next(a, codes, r, node, f, c, ranks, children, bits):  # type: ignore[no-untyped-def]
    return node[(a & children) + (codes[r, a >> f] > ((a >> c) & ranks))]


@jit()
def _next_or_category(a, codes, r, node, f, c, ranks, children, bits):  # type: ignore[no-untyped-def]
    code, at, one = np.int64(codes[r, a >> (f + 1)]), (a >> c) & ranks, (a >> f) & 1
    bit = bits[(at + (code >> 6)) & -one] >> (code & 63)
    return node[(a & children) + ((bit & one) | ((code > at) & (1 - one)))]


@jit()
def add(codes, m, out, start, node, f, c, roots, values, column, bits):  # type: ignore[no-untyped-def]
    """Add the leaves of all trees, one tree after the other, to out[start : start + m]."""
    ranks, children = (np.int64(1) << (f - c)) - 1, (np.int64(1) << c) - 1
    width = values.shape[1]
    for t in range(roots.shape[0]):
        root, k = node[roots[t]], column[t]
        for r in range(0, m - 7, 8):
            a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = root
            while (a0 & a1 & a2 & a3 & a4 & a5 & a6 & a7) >= 0:
                if a0 >= 0:
                    a0 = _next(a0, codes, r, node, f, c, ranks, children, bits)
                if a1 >= 0:
                    a1 = _next(a1, codes, r + 1, node, f, c, ranks, children, bits)
                if a2 >= 0:
                    a2 = _next(a2, codes, r + 2, node, f, c, ranks, children, bits)
                if a3 >= 0:
                    a3 = _next(a3, codes, r + 3, node, f, c, ranks, children, bits)
                if a4 >= 0:
                    a4 = _next(a4, codes, r + 4, node, f, c, ranks, children, bits)
                if a5 >= 0:
                    a5 = _next(a5, codes, r + 5, node, f, c, ranks, children, bits)
                if a6 >= 0:
                    a6 = _next(a6, codes, r + 6, node, f, c, ranks, children, bits)
                if a7 >= 0:
                    a7 = _next(a7, codes, r + 7, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, k + v] += values[~a0, v]
                out[start + r + 1, k + v] += values[~a1, v]
                out[start + r + 2, k + v] += values[~a2, v]
                out[start + r + 3, k + v] += values[~a3, v]
                out[start + r + 4, k + v] += values[~a4, v]
                out[start + r + 5, k + v] += values[~a5, v]
                out[start + r + 6, k + v] += values[~a6, v]
                out[start + r + 7, k + v] += values[~a7, v]
        for r in range(m - m % 8, m):
            a = root
            while a >= 0:
                a = _next(a, codes, r, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, k + v] += values[~a, v]


@jit()
def add_few(codes, m, out, start, node, f, c, roots, values, column, bits):  # type: ignore[no-untyped-def]
    """The same for few rows: one row after the other, the trees in their order."""
    ranks, children = (np.int64(1) << (f - c)) - 1, (np.int64(1) << c) - 1
    width, trees = values.shape[1], roots.shape[0]
    for r in range(m):
        for t in range(0, trees - 7, 8):
            a0 = node[roots[t]]
            a1 = node[roots[t + 1]]
            a2 = node[roots[t + 2]]
            a3 = node[roots[t + 3]]
            a4 = node[roots[t + 4]]
            a5 = node[roots[t + 5]]
            a6 = node[roots[t + 6]]
            a7 = node[roots[t + 7]]
            while (a0 & a1 & a2 & a3 & a4 & a5 & a6 & a7) >= 0:
                if a0 >= 0:
                    a0 = _next(a0, codes, r, node, f, c, ranks, children, bits)
                if a1 >= 0:
                    a1 = _next(a1, codes, r, node, f, c, ranks, children, bits)
                if a2 >= 0:
                    a2 = _next(a2, codes, r, node, f, c, ranks, children, bits)
                if a3 >= 0:
                    a3 = _next(a3, codes, r, node, f, c, ranks, children, bits)
                if a4 >= 0:
                    a4 = _next(a4, codes, r, node, f, c, ranks, children, bits)
                if a5 >= 0:
                    a5 = _next(a5, codes, r, node, f, c, ranks, children, bits)
                if a6 >= 0:
                    a6 = _next(a6, codes, r, node, f, c, ranks, children, bits)
                if a7 >= 0:
                    a7 = _next(a7, codes, r, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, column[t] + v] += values[~a0, v]
                out[start + r, column[t + 1] + v] += values[~a1, v]
                out[start + r, column[t + 2] + v] += values[~a2, v]
                out[start + r, column[t + 3] + v] += values[~a3, v]
                out[start + r, column[t + 4] + v] += values[~a4, v]
                out[start + r, column[t + 5] + v] += values[~a5, v]
                out[start + r, column[t + 6] + v] += values[~a6, v]
                out[start + r, column[t + 7] + v] += values[~a7, v]
        for t in range(trees - trees % 8, trees):
            a = node[roots[t]]
            while a >= 0:
                a = _next(a, codes, r, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, column[t] + v] += values[~a, v]


@jit()
def add_bits(codes, m, lanes, into, begin, column, rank, mask, every, table, outputs, kept):  # type: ignore[no-untyped-def]
    """Add the leaves of all trees, one tree after the other, to into (outputs, m). See `_bits`.

    codes (columns, lanes); the nodes of tree t are begin[t] to begin[t + 1]; table (trees, values, 64); kept (lanes,)
    is for use here. Four nodes at a time, so that what is left of the leaves is read and written less often.
    """
    for t in range(begin.shape[0] - 1):
        for r in range(lanes):
            kept[r] = every
        n, end = begin[t], begin[t + 1]
        while n + 4 <= end:
            c0, c1, c2, c3 = codes[column[n]], codes[column[n + 1]], codes[column[n + 2]], codes[column[n + 3]]
            k0, k1, k2, k3 = rank[n], rank[n + 1], rank[n + 2], rank[n + 3]
            m0, m1, m2, m3 = mask[n], mask[n + 1], mask[n + 2], mask[n + 3]
            for r in range(lanes):
                left = kept[r] & (m0 if c0[r] > k0 else every) & (m1 if c1[r] > k1 else every)
                kept[r] = left & (m2 if c2[r] > k2 else every) & (m3 if c3[r] > k3 else every)
            n += 4
        while n < end:
            c0, k0, m0 = codes[column[n]], rank[n], mask[n]
            for r in range(lanes):
                kept[r] &= m0 if c0[r] > k0 else every
            n += 1
        for v in range(table.shape[1]):
            leaves, total = table[t, v], into[outputs[t] + v]
            for r in range(m):
                left = np.uint64(kept[r])
                lowest = left & (~left + ONE)
                total[r] += leaves[(lowest * HASH) >> SHIFT]


@jit()
def add_categorical(codes, m, out, start, node, f, c, roots, values, column, bits):  # type: ignore[no-untyped-def]
    """As `add`, for trees some of whose nodes ask for a category."""
    ranks, children = (np.int64(1) << (f - c)) - 1, (np.int64(1) << c) - 1
    width = values.shape[1]
    for t in range(roots.shape[0]):
        root, k = node[roots[t]], column[t]
        for r in range(0, m - 7, 8):
            a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = root
            while (a0 & a1 & a2 & a3 & a4 & a5 & a6 & a7) >= 0:
                if a0 >= 0:
                    a0 = _next_or_category(a0, codes, r, node, f, c, ranks, children, bits)
                if a1 >= 0:
                    a1 = _next_or_category(a1, codes, r + 1, node, f, c, ranks, children, bits)
                if a2 >= 0:
                    a2 = _next_or_category(a2, codes, r + 2, node, f, c, ranks, children, bits)
                if a3 >= 0:
                    a3 = _next_or_category(a3, codes, r + 3, node, f, c, ranks, children, bits)
                if a4 >= 0:
                    a4 = _next_or_category(a4, codes, r + 4, node, f, c, ranks, children, bits)
                if a5 >= 0:
                    a5 = _next_or_category(a5, codes, r + 5, node, f, c, ranks, children, bits)
                if a6 >= 0:
                    a6 = _next_or_category(a6, codes, r + 6, node, f, c, ranks, children, bits)
                if a7 >= 0:
                    a7 = _next_or_category(a7, codes, r + 7, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, k + v] += values[~a0, v]
                out[start + r + 1, k + v] += values[~a1, v]
                out[start + r + 2, k + v] += values[~a2, v]
                out[start + r + 3, k + v] += values[~a3, v]
                out[start + r + 4, k + v] += values[~a4, v]
                out[start + r + 5, k + v] += values[~a5, v]
                out[start + r + 6, k + v] += values[~a6, v]
                out[start + r + 7, k + v] += values[~a7, v]
        for r in range(m - m % 8, m):
            a = root
            while a >= 0:
                a = _next_or_category(a, codes, r, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, k + v] += values[~a, v]


@jit()
def add_few_categorical(codes, m, out, start, node, f, c, roots, values, column, bits):  # type: ignore[no-untyped-def]
    """As `add_few`, for trees some of whose nodes ask for a category."""
    ranks, children = (np.int64(1) << (f - c)) - 1, (np.int64(1) << c) - 1
    width, trees = values.shape[1], roots.shape[0]
    for r in range(m):
        for t in range(0, trees - 7, 8):
            a0 = node[roots[t]]
            a1 = node[roots[t + 1]]
            a2 = node[roots[t + 2]]
            a3 = node[roots[t + 3]]
            a4 = node[roots[t + 4]]
            a5 = node[roots[t + 5]]
            a6 = node[roots[t + 6]]
            a7 = node[roots[t + 7]]
            while (a0 & a1 & a2 & a3 & a4 & a5 & a6 & a7) >= 0:
                if a0 >= 0:
                    a0 = _next_or_category(a0, codes, r, node, f, c, ranks, children, bits)
                if a1 >= 0:
                    a1 = _next_or_category(a1, codes, r, node, f, c, ranks, children, bits)
                if a2 >= 0:
                    a2 = _next_or_category(a2, codes, r, node, f, c, ranks, children, bits)
                if a3 >= 0:
                    a3 = _next_or_category(a3, codes, r, node, f, c, ranks, children, bits)
                if a4 >= 0:
                    a4 = _next_or_category(a4, codes, r, node, f, c, ranks, children, bits)
                if a5 >= 0:
                    a5 = _next_or_category(a5, codes, r, node, f, c, ranks, children, bits)
                if a6 >= 0:
                    a6 = _next_or_category(a6, codes, r, node, f, c, ranks, children, bits)
                if a7 >= 0:
                    a7 = _next_or_category(a7, codes, r, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, column[t] + v] += values[~a0, v]
                out[start + r, column[t + 1] + v] += values[~a1, v]
                out[start + r, column[t + 2] + v] += values[~a2, v]
                out[start + r, column[t + 3] + v] += values[~a3, v]
                out[start + r, column[t + 4] + v] += values[~a4, v]
                out[start + r, column[t + 5] + v] += values[~a5, v]
                out[start + r, column[t + 6] + v] += values[~a6, v]
                out[start + r, column[t + 7] + v] += values[~a7, v]
        for t in range(trees - trees % 8, trees):
            a = node[roots[t]]
            while a >= 0:
                a = _next_or_category(a, codes, r, node, f, c, ranks, children, bits)
            for v in range(width):
                out[start + r, column[t] + v] += values[~a, v]


def warm() -> None:
    """Compile everything, for ranks of 16 bits; those of 32 are rare."""
    one, none = np.ones(1), np.zeros(1, dtype=np.int64)
    codes = np.zeros((1, 1), dtype=np.uint16)
    for each in (codes, np.zeros((2, 2), dtype=np.uint16).T):  # rows together, and columns together
        rank(one[:, None], 0, 1, none, none.astype(np.int8), False, one, none, none, none, none, each)
        look_up(one[:, None], 0, 1, none, none, none + 2, codes[0], none, each)
    for kind in (np.float64, np.float32):
        out, values = np.zeros((1, 1), dtype=kind), np.zeros((1, 1), dtype=kind)
        for each in (add, add_few, add_categorical, add_few_categorical):
            each(codes, 1, out, 0, ~none, 2, 1, none, values, none, none)
        for mask in (np.zeros(1, dtype=np.uint32), np.zeros(1, dtype=np.uint64)):
            add_bits(codes, 1, 1, out, none[[0, 0]], none, codes[0], mask, mask[0], values[None], none, mask)
