"""How low the sum of trees can fall while each column stays in an interval: the loop behind certificates for trees.

Trees are asked in the packed form of `predictors._ensemble`, where a node compares a column's code with its rank. A
group of trees is walked together: a leaf of the first narrows the intervals for the second, so that leaves which no
row can reach together are never added up (the cliques of Chen, Zhang, Boning, Hsieh 2019, arXiv 1906.03849). The sum
over groups of each group's least is what the whole can fall to at most.
"""

import numpy as np

from assessments.battery.kernels import jit

ENTERED, WENT_LEFT, WENT_RIGHT = 0, 1, 2


@jit()
def least_of_group(first, last, trees, gain, sign, rest, low, high, most, stack, sums):  # type: ignore[no-untyped-def]
    """The least sum of sign * gain over leaves of trees first..last-1 that a row inside low..high can reach together.

    rest (trees + 1,): the least that trees from here to the end of the group can add, each by itself. Minus infinity
    where more than `most` nodes were visited. low and high are as before at the end, unless that happened.
    """
    node, f, c, categorical, roots, bits = trees
    ranks, children = (np.int64(1) << (f - c)) - 1, (np.int64(1) << c) - 1
    best, visited, top = np.inf, 0, 0
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3], sums[0] = node[roots[first]], first, ENTERED, -1, 0.0
    while top >= 0:
        a, tree = stack[top, 0], stack[top, 1]
        if a < 0:
            total = sums[top] + sign[tree] * gain[~a]
            top -= 1
            if total + rest[tree + 1] >= best:
                continue
            if tree + 1 == last:
                best = total
                continue
            top += 1
            stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = node[roots[tree + 1]], tree + 1, ENTERED, -1
            sums[top] = total
            continue
        column, rank, left = a >> (f + categorical), (a >> c) & ranks, a & children
        if stack[top, 2] == ENTERED:
            visited += 1
            if visited > most:
                return -np.inf
            if sums[top] + rest[tree] >= best:
                top -= 1
                continue
        elif stack[top, 3] >= 0:  # back from a child: the interval as it was
            if stack[top, 2] == WENT_LEFT:
                high[column] = stack[top, 3]
            else:
                low[column] = stack[top, 3]
            stack[top, 3] = -1
        if stack[top, 2] == WENT_RIGHT:
            top -= 1
            continue
        of_categories = categorical == 1 and ((a >> f) & 1) == 1
        if of_categories:
            code = low[column]
            goes_right = (bits[rank + (code >> 6)] >> (code & 63)) & 1
            may_left, may_right = goes_right == 0, goes_right == 1
        else:
            may_left, may_right = low[column] <= rank, high[column] > rank
        if stack[top, 2] == ENTERED:
            stack[top, 2] = WENT_LEFT
            if may_left:
                if not of_categories:
                    stack[top, 3] = high[column]
                    high[column] = min(high[column], rank)
                top += 1
                stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = node[left], tree, ENTERED, -1
                sums[top] = sums[top - 1]
                continue
        stack[top, 2] = WENT_RIGHT
        if may_right:
            if not of_categories:
                stack[top, 3] = low[column]
                low[column] = max(low[column], rank + 1)
            top += 1
            stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = node[left + 1], tree, ENTERED, -1
            sums[top] = sums[top - 1]
    return best


@jit()
def least_sums(  # type: ignore[no-untyped-def]
    lows, highs, trees, gain, sign, start, enough, clique, most, deepest, found
):
    """found (m,): the least that start plus all trees can come to for each row's intervals lows, highs (m, columns).

    Groups of `clique` trees; one by one where that already leaves more than `enough`, or where a group takes too long.
    """
    count = len(sign)
    alone, rest = np.empty(count), np.zeros(count + 1)
    stack, sums = np.empty((deepest * max(clique, 1) + 2, 4), dtype=np.int64), np.empty(deepest * max(clique, 1) + 2)
    zero = np.zeros(count + 1)
    for r in range(lows.shape[0]):
        low, high = lows[r].copy(), highs[r].copy()
        total = start
        for t in range(count):
            alone[t] = 0.0
            if sign[t] != 0.0:
                zero[t] = -np.inf
                alone[t] = least_of_group(t, t + 1, trees, gain, sign, zero, low, high, np.int64(2) ** 62, stack, sums)
                zero[t] = 0.0
            total += alone[t]
        found[r] = total
        if total > enough or clique < 2:
            continue
        total = start
        for first in range(0, count, clique):
            last = min(first + clique, count)
            rest[last] = 0.0
            for t in range(last - 1, first - 1, -1):
                rest[t] = rest[t + 1] + alone[t]
            together = least_of_group(first, last, trees, gain, sign, rest, low, high, most, stack, sums)
            if together == -np.inf:  # too many: what each does alone bounds it too
                together = rest[first]
                low[:], high[:] = lows[r], highs[r]
            total += together
        found[r] = max(found[r], total)


def warm() -> None:
    """Call every loop once, so that it is compiled."""
    node = np.array([2, ~0, ~1], dtype=np.int64)  # a root on column 0 and rank 0 with leaves at 1 and 2: see below
    node[0] = 1
    trees = (node, np.int64(3), np.int64(2), np.int64(0), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
    lows, highs = np.zeros((1, 1), dtype=np.int64), np.ones((1, 1), dtype=np.int64)
    least_sums(lows, highs, trees, np.ones(2), np.ones(1), 0.0, 0.0, 2, 10, 4, np.empty(1))
