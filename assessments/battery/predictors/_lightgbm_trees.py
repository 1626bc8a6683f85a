"""LightGBM: float64 sums, three ways to treat missing values and zeros, categories as bits.

Read from the model's own text form, whose numbers are exact. Source: include/LightGBM/tree.h and
src/objective of LightGBM 4.
"""

from typing import Any

import numpy as np

from assessments.battery.predictors._core import Array, Core, most_likely
from assessments.battery.predictors._ensemble import (
    AS_ZERO,
    CATEGORY,
    LEFT,
    RIGHT,
    ZERO_TOO_LEFT,
    ZERO_TOO_RIGHT,
    Ensemble,
    Tree,
)
from assessments.battery.predictors._unsupported import Unsupported

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of decision_type; the next two: what is missing
NOTHING, ZERO, NAN = 0, 1, 2
SAME = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
MOST_CATEGORIES = 1 << 20


def lightgbm_model(estimator: Any, scores_from: str) -> Core:
    from assessments.battery.predictors import _transforms

    if callable(estimator.objective_):
        raise Unsupported("its objective is a function of its own")
    head, *blocks = estimator.booster_.model_to_string().split("\nTree=")
    about = _fields(head)
    objective, *options = about["objective"].split()
    settings = dict(option.split(":", 1) for option in options if ":" in option)
    k = int(about["num_tree_per_iteration"])
    if "average_output" in head.split("\n"):
        raise Unsupported("it is a forest of LightGBM")
    trees = [_tree(_fields(block.split("\nend of trees")[0])) for block in blocks]
    columns = np.arange(len(trees)) % k
    ensemble = Ensemble(trees, np.zeros(k), column=columns, single=False)
    if not hasattr(estimator, "classes_"):
        if objective not in SAME or "sqrt" in options:
            raise Unsupported(f"its objective is {objective}")
        return Core.of_trees(ensemble, values=np.ravel)
    if objective == "binary" and k == 1:
        slope = float(settings.get("sigmoid", 1))

        def pair(raw: Array) -> Array:
            second = _transforms.sigmoid64(raw.ravel(), slope)
            return np.vstack((1.0 - second, second)).transpose()

        return Core.of_trees(ensemble, scores=pair, decide=lambda raw: most_likely(pair(raw)))
    if objective == "multiclass":
        return Core.of_trees(
            ensemble,
            scores=_transforms.softmax64,
            decide=lambda raw: most_likely(_transforms.softmax64(raw)),
        )
    raise Unsupported(f"its objective is {objective}")


def _fields(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def _numbers(fields: dict[str, str], name: str, kind: type = int) -> Array:
    return np.array([kind(part) for part in fields.get(name, "").split()])


def _tree(fields: dict[str, str]) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise Unsupported("its leaves are linear models")
    leaf_value = _numbers(fields, "leaf_value", float)
    inner = len(leaf_value) - 1
    total = inner + len(leaf_value)
    left, right = np.full(total, -1, dtype=np.int64), np.full(total, -1, dtype=np.int64)
    feature, threshold = np.zeros(total, dtype=np.int64), np.zeros(total)
    way = np.zeros(total, dtype=np.int8)
    sets: list[Array] = []
    value = np.zeros((total, 1))
    value[inner:, 0] = leaf_value
    if inner:
        for children, name in ((left, "left_child"), (right, "right_child")):
            given = _numbers(fields, name)
            children[:inner] = np.where(given < 0, inner + ~given, given)
        feature[:inner], threshold[:inner] = _numbers(fields, "split_feature"), _numbers(fields, "threshold", float)
        kind = _numbers(fields, "decision_type")
        way[:inner] = _ways(kind)
        boundaries, words = _numbers(fields, "cat_boundaries"), _numbers(fields, "cat_threshold")
        for node in np.flatnonzero(kind & CATEGORICAL):
            at = int(threshold[node])
            threshold[node] = len(sets)
            sets.append(_goes_right(words[boundaries[at] : boundaries[at + 1]]))
    return Tree(feature, threshold, left, right, way, value, sets)


def _ways(kind: Array) -> Array:
    missing, to_left = (kind >> 2) & 3, (kind & DEFAULT_LEFT) != 0
    numeric = np.select(
        [missing == NOTHING, missing == ZERO],
        [np.full(len(kind), AS_ZERO), np.where(to_left, ZERO_TOO_LEFT, ZERO_TOO_RIGHT)],
        np.where(to_left, LEFT, RIGHT),
    )
    return np.where(kind & CATEGORICAL, CATEGORY, numeric).astype(np.int8)


def _goes_right(words: Array) -> Array:
    """The categories named in the words go left; all others, missing ones too, go right."""
    if 32 * len(words) > MOST_CATEGORIES:
        raise Unsupported("it has too many categories")
    bits = np.unpackbits(words.astype(np.uint32).view(np.uint8), bitorder="little").astype(bool)
    return np.append(~bits, [True, True, True])
