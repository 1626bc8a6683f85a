"""Trees that compiled code follows without looking: an index out of range is a crash, or a look into its memory.

Checked on the inert values, before anything real is made of them. Each check raises Refused("corrupt_structure").
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from assessments.battery.gate import values
from assessments.battery.gate.nodes import Made
from assessments.battery.gate.parts import Array, array_of, corrupt, need, number_of, state_of

MOST_OUTPUTS = 100_000
TREE = "sklearn.tree._tree:Tree"


def check_tree(node: Made) -> None:
    """sklearn.tree._tree.Tree: its children come after it, once each, its features and values are there."""
    need(len(node.args) == 3 and not node.items, "A tree in it is not made as scikit-learn makes one.")
    features, outputs = number_of(node.args[0]), number_of(node.args[2])
    classes = array_of(node.args[1])
    fits = classes.dtype == np.int64 and classes.shape == (outputs,) and 0 < outputs <= MOST_OUTPUTS
    need(fits and (classes > 0).all() and (classes <= MOST_OUTPUTS).all(), "A tree in it has no proper classes.")
    if node.states == 0:
        raise corrupt("A tree in it has no nodes.")
    state = state_of(node)
    need({"max_depth", "node_count", "nodes", "values"} <= set(state), "A tree in it lacks a part.")
    nodes, leaves = array_of(state["nodes"]), array_of(state["values"])
    fields = {"left_child": np.int64, "right_child": np.int64, "feature": np.int64, "threshold": np.float64}
    kinds = nodes.dtype.fields or {}
    typed = all(name in kinds and kinds[name][0] == kind for name, kind in fields.items())
    need(nodes.ndim == 1 and len(nodes) > 0 and typed, "The nodes of a tree in it are not nodes.")
    need(number_of(state["node_count"]) == len(nodes), "A tree in it has another number of nodes than it says.")
    shape = (len(nodes), outputs, int(classes.max()))
    need(leaves.dtype == np.float64 and leaves.shape == shape, "A tree in it lacks values for its nodes.")
    left, right, inner = nodes["left_child"], nodes["right_child"], nodes["left_child"] != -1
    need((inner == (right != -1)).all(), "A tree in it has a node with one child.")
    depth = check_children(np.where(inner, left, -1), np.where(inner, right, -1))
    need(depth <= number_of(state["max_depth"]) <= len(nodes), "A tree in it is deeper than it says.")
    used = nodes["feature"][inner]
    need(((used >= 0) & (used < features)).all(), "A tree in it asks for a feature that does not exist.")


def check_children(left: Array, right: Array) -> int:
    """Children come after their parents and have one each; the depth. -1: no child."""
    size = len(left)
    places = np.arange(size)
    both = np.concatenate([left, right]).astype(np.int64)
    parents = np.concatenate([places, places])
    real = both != -1
    both, parents = both[real], parents[real]
    need(((both > parents) & (both < size)).all(), "A tree in it points outside itself, or back.")
    counts = np.bincount(both, minlength=size)
    need((counts[1:] == 1).all() and counts[0] == 0, "A tree in it has a node of two parents, or of none.")
    depth, level = 0, np.array([0])
    while True:
        below = np.concatenate([left[level], right[level]])
        level = below[below != -1].astype(np.int64)
        if not len(level):
            return depth
        depth += 1


def trees_under(node: Any) -> Iterator[Made]:
    """The compiled tree of each fitted tree in a list or an array of them."""
    found = values.value_of(node)
    parts = found.flat if isinstance(found, np.ndarray) else found if isinstance(found, list) else []
    for part in parts:
        tree = state_of(part).get("tree_")
        if isinstance(tree, Made) and tree.name == TREE:
            yield tree


def _features_of(tree: Any) -> int:
    return number_of(tree.args[0])


def decision_tree(state: dict[str, Any]) -> None:
    tree = state.get("tree_")
    if tree is None:
        return
    need(isinstance(tree, Made) and tree.name == TREE, "The tree of an estimator in it is none.")
    need(
        _features_of(tree) == number_of(state.get("n_features_in_")), "A tree in it has other features than its model."
    )


def forest(state: dict[str, Any]) -> None:
    if "estimators_" not in state:
        return
    width = number_of(state.get("n_features_in_"))
    for tree in trees_under(state["estimators_"]):
        need(_features_of(tree) == width, "A tree in it has other features than its forest.")


def isolation_forest(state: dict[str, Any]) -> None:
    if "estimators_" not in state:
        return
    width = number_of(state.get("n_features_in_"))
    chosen = state.get("estimators_features_")
    chosen = chosen if isinstance(chosen, list) else []
    trees = list(trees_under(state["estimators_"]))
    need(len(chosen) == len(trees), "An isolation forest in it has not chosen features for each tree.")
    whole = number_of(state.get("_max_features", 0)) == width
    for tree, features in zip(trees, chosen, strict=True):
        need(_features_of(tree) == len(array_of(features)), "A tree in it has other features than its forest.")
        need(not whole or _features_of(tree) == width, "A tree in it has other features than its forest.")


def gradient_boosting(state: dict[str, Any]) -> None:
    if "estimators_" not in state:
        return
    forest(state)
    stages = array_of(state["estimators_"])
    columns = number_of(state.get("n_trees_per_iteration_"))
    need(stages.ndim == 2 and stages.shape[1] == columns, "The stages of a boosting in it are not stages.")
    for stage in stages.flat:
        tree = state_of(stage).get("tree_")
        need(isinstance(tree, Made) and tree.name == TREE, "A stage of a boosting in it is no tree.")
        need(
            array_of(state_of(tree).get("values")).shape[1:] == (1, 1), "A stage of a boosting in it answers too much."
        )


# Histogram boosting


def hist_predictor(state: dict[str, Any]) -> None:
    """A TreePredictor: children after parents, once each; categories within the sets it has."""
    nodes, sets = array_of(state.get("nodes")), array_of(state.get("raw_left_cat_bitsets"))
    binned = array_of(state.get("binned_left_cat_bitsets"))
    names = {"left", "right", "feature_idx", "is_leaf", "is_categorical", "bitset_idx", "num_threshold", "value"}
    need(nodes.ndim == 1 and len(nodes) > 0 and names <= set(nodes.dtype.names or ()), "A boosted tree in it is none.")
    for each in (sets, binned):
        need(
            each.dtype == np.uint32 and each.ndim == 2 and each.shape[1] == 8,
            "The categories of a tree in it are none.",
        )
    inner = nodes["is_leaf"] == 0
    left, right = (np.where(inner, nodes[side].astype(np.int64), -1) for side in ("left", "right"))
    check_children(left, right)
    need((nodes["feature_idx"][inner] >= 0).all(), "A boosted tree in it asks for a feature that does not exist.")
    chosen = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    fits = not len(chosen) or chosen.max() < min(len(sets), len(binned))
    need(fits, "A boosted tree in it points outside its categories.")


def hist_boosting(state: dict[str, Any]) -> None:
    """The whole: every predictor within the features; categories below 256, for which there is room."""
    if "_predictors" not in state:
        return
    width = number_of(state.get("n_features_in_"))
    stages = state["_predictors"]
    need(
        isinstance(stages, list) and all(isinstance(stage, list) for stage in stages), "A boosting in it has no stages."
    )
    columns = number_of(state.get("n_trees_per_iteration_"))
    for stage in stages:
        need(len(stage) == columns, "The stages of a boosting in it are not stages.")
        for part in stage:
            nodes = array_of(state_of(part).get("nodes"))
            used = nodes["feature_idx"][nodes["is_leaf"] == 0]
            need(not len(used) or used.max() < width, "A boosted tree in it asks for a feature that does not exist.")
    mapper = state_of(state.get("_bin_mapper"))
    kinds = array_of(mapper.get("is_categorical_"))
    need(kinds.shape == (width,), "A boosting in it does not know which features are categories.")
    edges: Any = mapper.get("bin_thresholds_")
    need(isinstance(edges, list) and len(edges) == width, "A boosting in it lacks the bins of a feature.")
    for place in np.flatnonzero(kinds):
        known = array_of(edges[place])
        fits = known.dtype.kind in "fiu" and ((known >= 0) & (known < 256)).all()
        need(fits, "A boosting in it has a category beyond 255.")
