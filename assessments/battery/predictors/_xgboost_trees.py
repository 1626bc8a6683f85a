"""XGBoost: everything in float32, left where the value is below the threshold, sums one tree after the other.

Source: src/predictor/cpu_predictor.cc, src/common/categorical.h, src/objective of XGBoost 3.
"""

import json
from typing import Any

import numpy as np

from assessments.battery.predictors._core import Array, Core, most_likely
from assessments.battery.predictors._ensemble import CATEGORY, LEFT, RIGHT, Ensemble, Tree
from assessments.battery.predictors._unsupported import Unsupported

SAME = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror")
CLASSES = ("binary:logistic", "multi:softprob")


def xgboost_model(estimator: Any, scores_from: str) -> Core:
    from assessments.battery.predictors import _transforms

    if estimator.missing is not None and not np.isnan(estimator.missing):
        raise Unsupported("it takes another value than NaN for missing")
    learner = json.loads(estimator.get_booster().save_raw("json"))["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    classifier = hasattr(estimator, "classes_")
    if booster["name"] != "gbtree" or objective not in (CLASSES if classifier else SAME):
        raise Unsupported(f"its booster is {booster['name']} with {objective}")
    model = booster["model"]
    used = _trees_used(estimator, model)
    groups = np.array(model["tree_info"][:used], dtype=np.int64)
    k = max(1, int(learner["learner_model_param"]["num_class"]))
    if int(learner["learner_model_param"]["num_target"]) > 1:
        raise Unsupported("it has several outputs")
    base = np.atleast_1d(np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float32))
    if objective == "binary:logistic":
        base = _transforms.logit32(base)
    init = np.full(k, base[0], dtype=np.float32) if len(base) == 1 else base
    trees = [_tree(tree) for tree in model["trees"][:used]]
    ensemble = Ensemble(trees, init, column=groups, single=True)
    if not classifier:
        return Core.of_trees(ensemble, values=np.ravel, single=True, absent_is_missing=True)
    if objective == "binary:logistic":

        def pair(raw: Array) -> Array:
            second = _transforms.sigmoid32(raw.ravel())
            return np.vstack((1.0 - second, second)).transpose()

        return Core.of_trees(
            ensemble,
            scores=pair,
            decide=lambda raw: (pair(raw)[:, 1] > 0.5).astype(np.int64),
            single=True,
            absent_is_missing=True,
        )
    return Core.of_trees(
        ensemble,
        scores=_transforms.softmax32,
        decide=lambda raw: most_likely(_transforms.softmax32(raw)),
        single=True,
        absent_is_missing=True,
    )


def _trees_used(estimator: Any, model: Any) -> int:
    """How many trees predict uses: those up to the best round where training was stopped early."""
    begin, end = estimator._get_iteration_range(None)
    rounds = model["iteration_indptr"]
    if begin:
        raise Unsupported("it leaves out its first trees")
    return int(rounds[end] if end else rounds[-1])


def _tree(tree: Any) -> Tree:
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise Unsupported("its leaves hold vectors")
    left = np.array(tree["left_children"], dtype=np.int64)
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    default_left = np.array(tree["default_left"], dtype=bool)
    threshold = np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)
    way = np.where(default_left, LEFT, RIGHT).astype(np.int8)
    sets = []
    segments = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    for position, (node, begin, size) in enumerate(segments):
        members = np.array(tree["categories"][begin : begin + size], dtype=np.int64)
        goes_right = np.zeros(int(members.max(initial=0)) + 4, dtype=bool)
        goes_right[members] = True
        goes_right[-3:] = [not default_left[node], False, False]
        sets.append(goes_right)
        threshold[node], way[node] = position, CATEGORY
    return Tree(
        np.array(tree["split_indices"], dtype=np.int64),
        threshold,
        left,
        np.array(tree["right_children"], dtype=np.int64),
        way,
        condition[:, None],
        sets,
    )
