"""LightGBM's own model files: text, as booster.save_model('model.txt') writes it.

The format holds no code. Its native parser cuts the text up by the sizes that the text gives and trusts the indices of
the trees: sizes, children, columns and category bounds are checked before it sees them.
Source: LightGBM, src/boosting/gbdt_model_text.cpp and src/io/tree.cpp.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from assessments.battery.errors import LoadError, short
from assessments.battery.formats import _scan
from assessments.battery.formats._scan import Findings, Import, Refused, whole

MOST_BYTES = 512 << 20
MOST_TREES, MOST_LEAVES, MOST_CLASSES, MOST_FEATURES = 200_000, 1_000_000, 10_000, 1_000_000
CLASSIFIERS = ("binary", "multiclass", "multiclassova")
REGRESSORS = ("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie")
HEADER = {
    *["version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective", "feature_names"],
    *["feature_infos", "tree_sizes", "monotone_constraints", "average_output"],
}
HINT = "Save the trained classifier with model.booster_.save_model('model.txt') and upload that file."
# Lines of a tree: those with a number a leaf, with a number a split, and the rest. The native parser ends the process
# on a token that is no number, and on a list of another length.
PER_LEAF = {"leaf_value", "leaf_weight", "leaf_count", "leaf_const", "num_features"}
PER_SPLIT = {
    *("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child"),
    *("internal_value", "internal_weight", "internal_count"),
}
OTHERS = {"Tree", "num_leaves", "num_cat", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage"}
SPACED = {"leaf_features", "leaf_coeff"}  # with more than one space between the leaves
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?|-?inf|-?nan")
# After the trees: how often each column was used, and the parameters of the training.
TAIL = re.compile(
    r"end of trees\n+"
    r"(feature_importances:\n([^\n=]+=[0-9.e+-]+\n)*\n*)?"
    r"(parameters:\n(\[[a-z0-9_]+: [^\n]*\]\n)*\n*end of parameters\n*)?"
)
TREE_START, TREES_END = b"Tree=", b"end of trees"


def scan(path: Path) -> dict[str, Any]:
    return _scan.scan(path, "lightgbm", _read)


def load(path: Path) -> tuple[Any, list[str]]:
    """A fitted LGBMRegressor, or LGBMClassifier with the classes 0 to k - 1: the file does not hold their names."""
    _scan.refusing(path, _read)
    import lightgbm

    text = path.read_bytes().decode()
    objective = _header(text.encode().partition(TREE_START)[0]).get("objective", "").split(" ")[0]
    if objective not in CLASSIFIERS + REGRESSORS:
        raise LoadError(
            "unsupported_task",
            f"{path.name} holds a model with the objective {objective or 'none'!r}: neither classes nor plain numbers.",
            f"Objectives that can be assessed: {', '.join(CLASSIFIERS + REGRESSORS)}.",
        )
    try:
        booster = lightgbm.Booster(model_str=needed(text))
        return as_estimator(booster, objective), []
    except Exception as error:
        raise LoadError("not_a_model", f"{path.name} could not be opened: {short(error)}", HINT) from error


def needed(text: str) -> str:
    """The model without what only tells how it was trained: the native parser crashes on damage there."""
    trees, _, rest = text.partition("\nend of trees")
    _, marker, categories = rest.partition("\npandas_categorical:")
    return f"{trees}\nend of trees\n\n{marker}{categories}"


def as_estimator(booster: Any, objective: str) -> Any:
    """The booster as the classifier or regressor that LightGBM itself makes of one when it fits."""
    import lightgbm
    from sklearn.preprocessing import LabelEncoder

    kind = lightgbm.LGBMClassifier if objective in CLASSIFIERS else lightgbm.LGBMRegressor
    made = kind(objective=objective, verbose=-1)
    made._Booster, made._objective = booster, objective
    if objective in CLASSIFIERS:
        classes = np.arange(2 if objective == "binary" else booster.num_model_per_iteration())
        made._le = LabelEncoder().fit(classes)
        made._classes, made._n_classes = classes, len(classes)
        made._class_map = dict(zip(classes, classes, strict=True))
    made._n_features = made._n_features_in = booster.num_feature()
    made._fitted_with_feature_names = True
    made.fitted_ = True
    return made


def _read(path: Path, found: Findings) -> list[Refused]:
    found.container = "text"
    check_text(_scan.content(path, MOST_BYTES), found)
    return []


def check_text(content: bytes, found: Findings) -> None:
    """The content of a model file, checked. Raises Refused. A pickled booster holds the same."""
    if not content.startswith(b"tree\n"):
        raise Refused("unparseable", "The file is not a LightGBM model: it does not start like one.", HINT)
    if b"\0" in content:
        raise Refused("unparseable", "The file holds zero bytes.")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise Refused("unparseable", "The file is not UTF-8 text.") from error
    start = content.find(b"\n" + TREE_START) + 1
    end = content.find(b"\n" + TREES_END) + 1
    if not start or end < start:
        raise Refused("truncated", "The file has no trees, or no end of them.", HINT)
    header = _header(content[:start])
    found.imports = (Import(f"objective:{header.get('objective', 'none').split(' ')[0]}", ("build",)),)
    features, per_round = _check_header(header)
    trees = _cut(content[start:end], header.get("tree_sizes", ""))
    if len(trees) % per_round:
        raise Refused("corrupt_structure", "The trees do not come in whole rounds.")
    for position, tree in enumerate(trees):
        found.operations += _check_tree(_lines(tree, position), features)
    _check_tail(content[end:])


def _header(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in head.decode().splitlines()[1:]:
        key, _, value = line.partition("=")
        if line and (key in found or key not in HEADER):
            raise Refused("unparseable", f"The heading has an unknown or repeated line {key[:80]!r}.")
        if line:
            found[key] = value
    return found


def _check_header(header: dict[str, str]) -> tuple[int, int]:
    """The number of columns, and of trees a round."""
    if not header.get("version", "").startswith(("v3", "v4")):
        raise Refused("unparseable", "The version of the model is neither v3 nor v4.", "Save it with LightGBM 4.")
    classes = whole(header.get("num_class"), "num_class", 1, MOST_CLASSES)
    per_round = whole(header.get("num_tree_per_iteration"), "num_tree_per_iteration", 1, MOST_CLASSES)
    if per_round != classes:
        raise Refused("corrupt_structure", "The number of trees a round is not that of the classes.")
    words = header.get("objective", "").split(" ")
    for word in words[1:]:
        if word.startswith("num_class:") and whole(word[10:], "num_class", 1, MOST_CLASSES) != classes:
            raise Refused("corrupt_structure", "The objective has another number of classes.")
    whole(header.get("label_index", "0"), "label_index", 0, MOST_FEATURES)
    features = whole(header.get("max_feature_idx"), "max_feature_idx", 0, MOST_FEATURES) + 1
    for name in ("feature_names", "feature_infos"):
        if len(header.get(name, "").split(" ")) != features:
            raise Refused("corrupt_structure", f"{name!r} does not have {features:,} entries.")
    return features, per_round


def _cut(block: bytes, sizes: str) -> list[bytes]:
    """The trees by their sizes: where the native parser will cut, a tree must begin."""
    lengths = [whole(size, "tree_sizes", 1, MOST_BYTES) for size in sizes.split()]
    if len(lengths) > MOST_TREES:
        raise Refused("bomb", f"The model has more than {MOST_TREES:,} trees.")
    if sum(lengths) != len(block) or block.count(b"\n" + TREE_START) + 1 != len(lengths):
        raise Refused("corrupt_structure", "The sizes of the trees do not add up to the text of the trees.")
    found: list[bytes] = []
    at = 0
    for length in lengths:
        if not block.startswith(TREE_START, at):
            raise Refused("corrupt_structure", "No tree begins where the sizes say so.")
        found.append(block[at : at + length])
        at += length
    return found


def _lines(tree: bytes, position: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in tree.decode().splitlines():
        key, equals, value = line.partition("=")
        if line and (not equals or key in found):
            raise Refused("unparseable", f"Tree {position} has a line that is not understood.")
        if line:
            found[key] = value
    if found.get("Tree") != str(position):
        raise Refused("corrupt_structure", f"Tree {position} has another number.")
    return found


def _array(tree: dict[str, str], name: str, length: int, kind: type) -> np.ndarray[Any, Any]:
    try:
        found: np.ndarray[Any, Any] = np.array(tree.get(name, "").split(), dtype=kind)
    except (ValueError, OverflowError) as error:
        raise Refused("unparseable", f"{name!r} of a tree is not a list of numbers.") from error
    if len(found) != length:
        raise Refused("corrupt_structure", f"{name!r} of a tree has {len(found):,} entries, not {length:,}.")
    return found


def _check_tree(tree: dict[str, str], features: int) -> int:
    """How many nodes and leaves it has. Raises Refused where something of it points out of bounds."""
    leaves = whole(tree.get("num_leaves"), "num_leaves", 1, MOST_LEAVES)
    _check_lines(tree, leaves)
    categorical = whole(tree.get("num_cat"), "num_cat", 0, MOST_LEAVES)
    _array(tree, "leaf_value", leaves, float)
    if leaves > 1:
        inner = leaves - 1
        split, left, right, kinds = (
            _array(tree, name, inner, np.int64)
            for name in ("split_feature", "left_child", "right_child", "decision_type")
        )
        threshold = _array(tree, "threshold", inner, float)
        _check_shape(left, right, leaves)
        if not (split.min() >= 0 and split.max() < features):
            raise Refused("corrupt_structure", "A tree splits on a column that the model does not have.")
        by_category = (kinds & 1) == 1
        chosen = threshold[by_category]
        if len(chosen) and not (np.isfinite(chosen).all() and chosen.min() >= 0 and chosen.max() < categorical):
            raise Refused("corrupt_structure", "A tree asks for categories that it does not have.")
    if categorical:
        _check_category_sets(tree, categorical)
    if whole(tree.get("is_linear", "0"), "is_linear", 0, 1):
        _check_linear(tree, leaves, features)
    return 2 * leaves - 1


def _check_lines(tree: dict[str, str], leaves: int) -> None:
    """Only known lines, of numbers, one space apart, as many as the tree has leaves or splits."""
    for key, line in tree.items():
        tokens = line.split() if key in SPACED else line.split(" ") if line else []
        if key not in PER_LEAF | PER_SPLIT | OTHERS | SPACED or not all(map(NUMBER.fullmatch, tokens)):
            raise Refused("unparseable", f"The line {key[:80]!r} of a tree is not understood.")
        alone = leaves == 1 and not tokens  # a tree of one leaf leaves out what it does not need
        if key in PER_LEAF and len(tokens) != leaves and not alone:
            raise Refused("corrupt_structure", f"{key!r} of a tree has {len(tokens):,} entries, not {leaves:,}.")
        if key in PER_SPLIT and len(tokens) != leaves - 1 and not alone:
            raise Refused("corrupt_structure", f"{key!r} of a tree has {len(tokens):,} entries, not {leaves - 1:,}.")


def _check_shape(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any], leaves: int) -> None:
    """Inner nodes 0 to leaves - 2, leaf i written as -i - 1: each but the root below exactly one earlier node."""
    children = np.concatenate([left, right])
    above = np.tile(np.arange(leaves - 1), 2)
    nodes, at = children[children >= 0], above[children >= 0]
    if (nodes <= at).any() or not np.array_equal(np.sort(nodes), np.arange(1, leaves - 1)):
        raise Refused("corrupt_structure", "A node of a tree points at one that is not below it.")
    if not np.array_equal(np.sort(-1 - children[children < 0]), np.arange(leaves)):
        raise Refused("corrupt_structure", "The leaves of a tree are not each below one node.")


def _check_category_sets(tree: dict[str, str], count: int) -> None:
    bounds = _array(tree, "cat_boundaries", count + 1, np.int64)
    words = len(tree.get("cat_threshold", "").split())
    if bounds[0] != 0 or (np.diff(bounds) < 0).any() or bounds[-1] != words:
        raise Refused("corrupt_structure", "The categories of a tree point out of their array.")
    values = _array(tree, "cat_threshold", words, np.int64)
    if len(values) and not (values.min() >= 0 and values.max() < 1 << 32):
        raise Refused("corrupt_structure", "The categories of a tree are not 32-bit sets.")


def _check_linear(tree: dict[str, str], leaves: int, features: int) -> None:
    _array(tree, "leaf_const", leaves, float)
    counts = _array(tree, "num_features", leaves, np.int64)
    if counts.min() < 0 or counts.sum() > MOST_LEAVES:
        raise Refused("corrupt_structure", "The linear leaves of a tree have impossible sizes.")
    columns = _array(tree, "leaf_features", int(counts.sum()), np.int64)
    _array(tree, "leaf_coeff", int(counts.sum()), float)
    if len(columns) and not (columns.min() >= 0 and columns.max() < features):
        raise Refused("corrupt_structure", "A linear leaf uses a column that the model does not have.")


def _check_tail(tail: bytes) -> None:
    """What follows the trees: importances, the parameters of the training, and pandas' categories at the end."""
    before, marker, after = tail.decode().partition("\npandas_categorical:")
    if not TAIL.fullmatch(before):
        raise Refused("unparseable", "What follows the trees is not what LightGBM writes there.")
    if "\n" in after.rstrip("\n"):
        raise Refused("trailing_data", "The file goes on after the model.")
    if not marker:
        return
    try:
        categories = json.loads(after)
    except ValueError as error:
        raise Refused("unparseable", f"The categories of pandas are not JSON: {short(error)}") from error
    plain = isinstance(categories, list) and all(
        isinstance(column, list) and all(isinstance(value, str | int | float | bool) for value in column)
        for column in categories
    )
    if categories is not None and not plain:
        raise Refused("corrupt_structure", "The categories of pandas are not lists of plain values.")
