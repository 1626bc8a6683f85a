"""Packed trees add up as the plain walk down each tree does, whatever the trees and the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from assessments.battery.predictors._bits import BLOCK_ROWS, MOST_LEAVES
from assessments.battery.predictors._ensemble import (
    AS_ZERO,
    CATEGORY,
    FEW,
    LEFT,
    RIGHT,
    ZERO_TOO_LEFT,
    ZERO_TOO_RIGHT,
    Ensemble,
    Tree,
)

FEATURES = 4
NUMBERS = st.one_of(
    st.sampled_from([-1.5, -0.0, 0.0, 1e-40, 0.1, 1.0, 2.0, 3.0, 4.0, 70.0, 1e30, np.nan, np.float64(np.float32(0.1))]),
    st.floats(-10, 10, allow_nan=False),
)
CUTS = NUMBERS.filter(lambda x: x == x)


@st.composite
def trees(draw, outputs: int, categories: bool):
    """A tree of up to 15 inner nodes, its nodes in the order in which they were made."""
    feature, threshold, way, left, right, value, sets = [], [], [], [], [], [], []

    def grow(depth: int) -> int:
        node = len(left)
        feature.append(0), threshold.append(0.0), way.append(RIGHT), left.append(-1), right.append(-1)
        value.append(draw(st.lists(st.floats(-4, 4, width=32), min_size=outputs, max_size=outputs)))
        if depth < 4 and draw(st.booleans()):
            feature[node] = draw(st.integers(0 if categories else 1, FEATURES - 1))
            way[node] = CATEGORY if feature[node] == 0 else draw(st.integers(RIGHT, ZERO_TOO_LEFT))
            if way[node] == CATEGORY:
                threshold[node] = len(sets)
                sets.append(np.array(draw(st.lists(st.booleans(), min_size=4, max_size=80))))
            else:
                threshold[node] = draw(CUTS)
            left[node], right[node] = grow(depth + 1), grow(depth + 1)
        return node

    grow(0)
    whole = [np.array(each, dtype=np.int64) for each in (feature, left, right)]
    return Tree(whole[0], np.array(threshold), *whole[1:], np.array(way, dtype=np.int8), np.array(value), sets)


def walked(tree: Tree, row: np.ndarray, single: bool) -> np.ndarray:
    node = 0
    while tree.left[node] >= 0:
        x = float(np.float32(row[tree.feature[node]])) if single else row[tree.feature[node]]
        node = tree.right[node] if goes_right(tree, node, x) else tree.left[node]
    return tree.value[node]


def goes_right(tree: Tree, node: int, x: float) -> bool:
    way = tree.way[node]
    if way == CATEGORY:
        members = tree.goes_right[int(tree.threshold[node])]
        size = len(members) - 3
        return bool(members[size if x != x else size + 1 if x < 0 else size + 2 if x >= size else int(x)])
    if way in (ZERO_TOO_LEFT, ZERO_TOO_RIGHT) and abs(x) <= np.float32(1e-35):
        x = np.nan
    if x != x:
        if way == AS_ZERO:
            return not tree.threshold[node] >= 0
        return way in (RIGHT, ZERO_TOO_RIGHT)
    return x > tree.threshold[node]


def summed(forest, columns, init, rows, single):
    out = np.tile(init, (len(rows), 1))
    for tree, column in zip(forest, columns, strict=True):
        for r, row in enumerate(rows):
            leaf = walked(tree, row, single).astype(init.dtype)
            out[r, column : column + len(leaf)] += leaf
    return out


CASES = st.tuples(
    st.sampled_from([(1, 1), (3, 3), (3, 1)]), st.booleans(), st.sampled_from([np.float64, np.float32]), st.data()
)


def check(case, most_trees: int) -> None:
    (outputs, width), single, kind, data = case
    forest = data.draw(st.lists(trees(width, data.draw(st.booleans())), min_size=1, max_size=most_trees))
    rows = data.draw(arrays.arrays(float, st.tuples(st.integers(0, 21), st.just(FEATURES)), elements=NUMBERS))
    columns = [0] * len(forest) if width == outputs else [k % outputs for k in range(len(forest))]
    init = np.linspace(-1, 1, outputs).astype(kind)
    found = Ensemble(forest, init, column=columns, single=single).sums(rows)
    assert found.dtype == kind
    assert np.array_equal(found, summed(forest, columns, init, rows, single))


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_any_trees_add_up_as_walked(case):
    check(case, 11)


@pytest.mark.long
@settings(max_examples=3000, deadline=None)
@given(CASES)
def test_any_trees_add_up_as_walked_at_length(case):
    check(case, 25)


@pytest.mark.parametrize("leaves", [32, 33, 64, 65])
@pytest.mark.parametrize("depth", ["even", "chain"])
def test_trees_of_all_sizes_that_bits_hold_and_one_more(leaves, depth):
    """Over several blocks of rows, with missing values, against the walk."""
    rng = np.random.default_rng(leaves)
    forest = [grown(leaves, depth == "chain", rng) for _ in range(2)]
    rows = rng.normal(size=(BLOCK_ROWS + 75, FEATURES))
    rows[rng.random(rows.shape) < 0.05] = np.nan
    for kind in (np.float64, np.float32):
        ensemble, init = Ensemble(forest, np.array([0.25], kind), single=False), np.array([0.25], kind)
        assert (ensemble.bits_of_leaves is not None) == (leaves <= MOST_LEAVES)
        whole = ensemble.sums(rows)
        assert np.array_equal(whole, summed(forest, [0] * 2, init, rows, False))
        for few in (1, FEW - 1, FEW, 31, 33):
            assert np.array_equal(ensemble.sums(rows[:few]), whole[:few])


def grown(leaves: int, chain: bool, rng: np.random.Generator) -> Tree:
    """A tree of so many leaves: the next to be split is the last one made, or the one that was made first."""
    left, right, open_ends = [-1], [-1], [0]
    while len(open_ends) < leaves:
        node = open_ends.pop(-1 if chain else 0)
        left[node], right[node] = len(left), len(left) + 1
        open_ends += [left[node], right[node]]
        left += [-1, -1]
        right += [-1, -1]
    count = len(left)
    way = rng.choice([RIGHT, LEFT, AS_ZERO], count).astype(np.int8)
    whole = [rng.integers(FEATURES, size=count), rng.normal(size=count), np.array(left), np.array(right)]
    return Tree(*whole, way, rng.normal(size=(count, 1)).astype(np.float32))


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_many_thresholds_need_wider_ranks(kind):
    count = 200 if kind == np.uint16 else 70_000
    inner = np.arange(count)
    left = np.concatenate([count + inner, np.full(count + 1, -1)])
    right = np.concatenate([inner[1:], [2 * count], np.full(count + 1, -1)])
    threshold = np.concatenate([inner.astype(float), np.zeros(count + 1)])
    nothing = np.zeros(2 * count + 1, dtype=np.int64)
    value = np.concatenate([np.zeros(count), np.arange(count + 1.0)])[:, None]
    chain = Tree(nothing, threshold, left, right, nothing.astype(np.int8), value)
    ensemble = Ensemble([chain], np.zeros(1), single=False)
    assert ensemble.code_type == kind
    x = np.array([-5.0, 0.0, 0.5, 77.0, count - 1.0, count + 9.0, np.nan])
    assert ensemble.sums(x[:, None])[:, 0].tolist() == [0, 0, 1, 77, count - 1, count, count]


def test_a_tree_of_one_leaf_is_enough():
    one = np.zeros(1, dtype=np.int64)
    leaf = Tree(one, np.zeros(1), one - 1, one - 1, one.astype(np.int8), np.full((1, 2), 0.5))
    assert Ensemble([leaf, leaf], np.zeros(2), single=True).sums(np.zeros((9, 1))).tolist() == [[1.0, 1.0]] * 9
    assert LEFT != RIGHT
