"""The compiled loops of exact Shapley values of trees. Imports numba: import it lazily.

One explained row x, one tree and up to 64 background rows b at a time. At a node x goes one way, and each b goes one
way; what a mixture of x and b does depends only on whose value it has in the node's player (a column of the table,
whatever columns of the matrix it became). So a walk down the tree carries the set of background rows (one bit each) and
the players settled so far as x's or as b's: where x and b part at an open player, both ways are followed. A leaf of
value v that needs p players to be x's and q to be b's is worth v to exactly those mixtures, and Shapley's formula gives
each of the p (p-1)! q! / (p+q)! v, and each of the q minus p! (q-1)! / (p+q)! v. Two of the p have (p-2)! q! /
(p+q-1)! v together, beyond what each has alone, two of the q p! (q-2)! / (p+q-1)! v, and one of each minus (p-1)!
(q-1)! / (p+q-1)! v: Shapley's interaction index (Grabisch and Roubens 1999).

A player is settled for all leaves below the node where it was settled, so it gets what these leaves gave in one step,
the running sum after them less the running sum before: a leaf costs the same whatever the number of its players.

Why sets: near the root most background rows go the same way, so their walks are one walk; and where all go as x does,
half of the tree is never seen.
"""

import numpy as np

from assessments.battery.kernels import jit

AT_ONCE = 64  # background rows in one word
ONE, NOTHING = np.uint64(1), np.uint64(0)


@jit()
def _bits_set(word):  # type: ignore[no-untyped-def]
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@jit()
def _goes_right(a, codes, r, f, c, categorical, bits):  # type: ignore[no-untyped-def]
    """As in predictors._kernel: whether row r of codes goes right at the node a."""
    at = (a >> c) & ((np.int64(1) << (f - c)) - 1)
    if categorical:
        code = np.int64(codes[r, a >> (f + 1)])
        if (a >> f) & 1:
            return ((bits[at + (code >> 6)] >> (code & 63)) & 1) == 1
        return code > at
    return np.int64(codes[r, a >> f]) > at


@jit()
def _beyond(background, first, last):  # type: ignore[no-untyped-def]
    """Where each column's words begin, and one word a rank: which of the background rows are beyond it."""
    columns = background.shape[1]
    starts = np.zeros(columns + 1, np.int64)
    for column in range(columns):
        most = np.int64(0)
        for r in range(first, last):
            most = max(most, np.int64(background[r, column]))
        starts[column + 1] = starts[column] + most
    words = np.zeros(starts[columns], np.uint64)
    for column in range(columns):
        for r in range(first, last):
            bit = np.uint64(1) << np.uint64(r - first)
            for rank in range(np.int64(background[r, column])):
                words[starts[column] + rank] |= bit
    return starts, words


@jit()
def _ways(node, root, end, background, first, last, f, c, categorical, bits, starts, words, right):  # type: ignore[no-untyped-def]
    """right[k]: which of the background rows first..last go right at the k-th node of the tree."""
    for k in range(root, end):
        a, word = node[k], np.uint64(0)
        if a >= 0 and categorical and (a >> f) & 1:
            for r in range(first, last):
                if _goes_right(a, background, r, f, c, categorical, bits):
                    word |= np.uint64(1) << np.uint64(r - first)
        elif a >= 0:
            column = a >> (f + 1) if categorical else a >> f
            place = starts[column] + ((a >> c) & ((np.int64(1) << (f - c)) - 1))
            if place < starts[column + 1]:
                word = words[place]
        right[k - root] = word


@jit()
def _share_in_pairs(phi, r, value, mine, p, theirs, q, place, wide, weight):  # type: ignore[no-untyped-def]
    if p + q < 2:
        return
    both = value * weight[p - 2, q] if p > 1 else 0.0
    neither = value * weight[p, q - 2] if q > 1 else 0.0
    apart = value * weight[p - 1, q - 1] if p > 0 and q > 0 else 0.0
    for k in range(p):
        one = place[mine[k]]
        if one >= 0:
            for other in range(k):
                if place[mine[other]] >= 0:
                    phi[r, one * wide + place[mine[other]]] += both
            for other in range(q):
                if place[theirs[other]] >= 0:
                    phi[r, one * wide + place[theirs[other]]] -= apart
    for k in range(q):
        one = place[theirs[k]]
        if one >= 0:
            for other in range(k):
                if place[theirs[other]] >= 0:
                    phi[r, one * wide + place[theirs[other]]] += neither


@jit()
def values(node, roots, ends, f, c, categorical, bits, leaf, rows, background, player, weight, depth, place, wide, phi):  # type: ignore[no-untyped-def]
    """Add to phi the sum over background rows of what the players have of the trees.

    wide 0: phi (rows, players), their Shapley values. Else phi (rows, wide * wide): the interactions of the players
    whose place is not negative, each pair in one of its two cells.
    leaf: what a leaf is worth; rows, background: ranks; player: of each column of ranks; weight[p, q] = p! q! /
    (p + q + 1)!; ends: where each tree's nodes end.
    """
    n, m, players = rows.shape[0], background.shape[0], place.shape[0]
    children = (np.int64(1) << c) - 1
    shift = f + 1 if categorical else f
    largest = 0
    for t in range(roots.shape[0]):
        largest = max(largest, ends[t] - roots[t])
    right = np.zeros(largest, np.uint64)
    size = 3 * depth + 8
    s_node, s_set = np.zeros(size, np.int64), np.zeros(size, np.uint64)
    s_mine, s_theirs = np.zeros(size, np.int64), np.zeros(size, np.int64)
    s_player, s_whose = np.zeros(size, np.int64), np.zeros(size, np.int64)
    owner = np.zeros(players, np.int64)  # 0 open, 1 x's, 2 b's
    mine, theirs = np.zeros(players + 1, np.int64), np.zeros(players + 1, np.int64)
    mine_since, theirs_since = np.zeros(players + 1), np.zeros(players + 1)
    for first in range(0, m, 64):
        last = min(m, first + 64)
        starts, words = _beyond(background, first, last)
        for t in range(roots.shape[0]):
            root = roots[t]
            _ways(node, root, ends[t], background, first, last, f, c, categorical, bits, starts, words, right)
            everyone = ~np.uint64(0) if last - first == 64 else (np.uint64(1) << np.uint64(last - first)) - np.uint64(1)
            for r in range(n):
                p = q = 0
                of_mine = of_theirs = 0.0  # what each player of x's, each of b's has of the leaves so far
                s_node[0], s_set[0], s_mine[0], s_theirs[0], s_player[0] = root, everyone, 0, 0, -1
                top = 1
                while top > 0:
                    top -= 1
                    at, some = s_node[top], s_set[top]
                    while p > s_mine[top]:
                        p -= 1
                        owner[mine[p]] = 0
                        if wide == 0:
                            phi[r, mine[p]] += of_mine - mine_since[p]
                    while q > s_theirs[top]:
                        q -= 1
                        owner[theirs[q]] = 0
                        if wide == 0:
                            phi[r, theirs[q]] -= of_theirs - theirs_since[q]
                    g = s_player[top]
                    if g >= 0:
                        owner[g] = s_whose[top]
                        if s_whose[top] == 1:
                            mine[p], mine_since[p] = g, of_mine
                            p += 1
                        else:
                            theirs[q], theirs_since[q] = g, of_theirs
                            q += 1
                    a = node[at]
                    while a >= 0:
                        g = player[a >> shift]
                        mine_right = _goes_right(a, rows, r, f, c, categorical, bits)
                        left = a & children
                        own = left + 1 if mine_right else left
                        if owner[g] == 1:
                            at = own
                            a = node[at]
                            continue
                        to_right = right[at - root] & some
                        as_mine = to_right if mine_right else some ^ to_right
                        other = some ^ as_mine
                        if other == np.uint64(0):
                            at = own
                            a = node[at]
                            continue
                        away = left if mine_right else left + 1
                        if owner[g] == 2:
                            if as_mine != np.uint64(0):
                                s_node[top], s_set[top], s_mine[top], s_theirs[top], s_player[top] = (
                                    away, other, p, q, -1,
                                )  # fmt: skip
                                top += 1
                                at, some = own, as_mine
                            else:
                                at = away
                            a = node[at]
                            continue
                        s_node[top], s_set[top], s_mine[top], s_theirs[top] = away, other, p, q
                        s_player[top], s_whose[top] = g, 2
                        top += 1
                        if as_mine != np.uint64(0):
                            s_node[top], s_set[top], s_mine[top], s_theirs[top] = own, other, p, q
                            s_player[top], s_whose[top] = g, 1
                            top += 1
                            at, some = own, as_mine
                        else:
                            owner[g] = 1
                            mine[p], mine_since[p] = g, of_mine
                            p += 1
                            at, some = own, other
                        a = node[at]
                    value = leaf[~a]
                    if value != 0.0 and p + q > 0:
                        value *= np.float64(_bits_set(some))
                        if wide > 0:
                            _share_in_pairs(phi, r, value, mine, p, theirs, q, place, wide, weight)
                        else:
                            if p > 0:
                                of_mine += value * weight[p - 1, q]
                            if q > 0:
                                of_theirs += value * weight[p, q - 1]
                while p > 0:
                    p -= 1
                    owner[mine[p]] = 0
                    if wide == 0:
                        phi[r, mine[p]] += of_mine - mine_since[p]
                while q > 0:
                    q -= 1
                    owner[theirs[q]] = 0
                    if wide == 0:
                        phi[r, theirs[q]] -= of_theirs - theirs_since[q]


def warm() -> None:
    """Compile everything, for ranks of 16 bits."""
    none, codes = np.zeros(1, dtype=np.int64), np.zeros((1, 1), dtype=np.uint16)
    for categorical in (False, True):
        values(
            ~none, none, none + 1, 2, 1, categorical, none, np.ones(1), codes, codes, none, np.ones((3, 3)), 1,
            none, 0, np.zeros((1, 1)),
        )  # fmt: skip
