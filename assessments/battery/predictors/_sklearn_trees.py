"""scikit-learn's trees and what is built of them: forests, bagging, AdaBoost, gradient boosting.

All round their input to float32. A leaf's values are taken as they are (a forest), weighted (boosting) or turned into a
vote (AdaBoost) before they are added up, each exactly as in the library: sklearn/tree/_tree.pyx, sklearn/ensemble.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from assessments.battery.predictors._core import Array, Core, above, expit_pair, most_likely, softmax
from assessments.battery.predictors._ensemble import LEFT, RIGHT, Ensemble, Tree
from assessments.battery.predictors._unsupported import Unsupported

TREES = ("DecisionTreeClassifier", "ExtraTreeClassifier", "DecisionTreeRegressor", "ExtraTreeRegressor")


def tree_of(
    estimator: Any, change: Callable[[Array], Array] = lambda value: value, features: Array | None = None
) -> Tree:
    """The nodes of one fitted tree. change: from the values of all nodes (n, k) to those that are added up.

    features: the positions of the tree's features in the matrix, where it was given some of them only.
    """
    if type(estimator).__name__ not in TREES or estimator.n_outputs_ != 1:
        raise Unsupported(f"{type(estimator).__name__} inside it is no plain tree")
    tree = estimator.tree_
    left = np.asarray(tree.children_left, dtype=np.int64)
    feature = np.where(left < 0, 0, tree.feature).astype(np.int64)
    return Tree(
        feature if features is None else np.asarray(features, dtype=np.int64)[feature],
        np.array(tree.threshold, dtype=np.float64),
        left,
        np.asarray(tree.children_right, dtype=np.int64),
        np.where(np.asarray(tree.missing_go_to_left) != 0, LEFT, RIGHT).astype(np.int8),
        change(np.asarray(tree.value[:, 0, :])),
    )


def single_tree(estimator: Any, scores_from: str) -> Core:
    return _mean_of([tree_of(estimator)], estimator, 0)


def forest(estimator: Any, scores_from: str) -> Core:
    """RandomForest and ExtraTrees, classifiers and regressors."""
    return _mean_of([tree_of(each) for each in estimator.estimators_], estimator, len(estimator.estimators_))


def bagging(estimator: Any, scores_from: str) -> Core:
    """BaggingClassifier and BaggingRegressor of trees: each tree may know fewer features and classes."""
    k = getattr(estimator, "n_classes_", 0)
    trees = []
    for each, features in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        known = getattr(each, "classes_", None)
        if known is not None and len(known) == k and not np.array_equal(known, np.arange(k)):
            raise Unsupported("its trees name their classes otherwise")
        trees.append(tree_of(each, partial(_spread, known=known, k=k), features))
    return _mean_of(trees, estimator, estimator.n_estimators)


def _spread(value: Array, known: Array | None, k: int) -> Array:
    if known is None or len(known) == k:
        return value
    spread = np.zeros((len(value), k))
    spread[:, np.asarray(known, dtype=int)] = value
    return spread


def _votes(value: Array, weight: float, against: float) -> Array:
    mine = np.eye(value.shape[1], dtype=bool)[value.argmax(axis=1)]
    return np.where(mine, weight, against)


def _mean_of(trees: Sequence[Tree], estimator: Any, count: int) -> Core:
    """count: what the sum is divided by; 0 for a sum of one that is not divided."""
    width = trees[0].value.shape[1]
    ensemble = Ensemble(trees, np.zeros(width), single=True)

    def mean(total: Array) -> Array:
        if count:
            total /= count
        return total

    if hasattr(estimator, "classes_"):
        return Core.of_trees(ensemble, mean, scores=lambda found: found, decide=most_likely, single=True)
    return Core.of_trees(ensemble, mean, values=np.ravel, single=True)


def adaboost(estimator: Any, scores_from: str) -> Core:
    """Each tree votes with its weight for the class it decides for, and against the others."""
    k, weights = int(estimator.n_classes_), estimator.estimator_weights_
    if k < 2:
        raise Unsupported("it knows one class")
    trees = []
    for each, weight in zip(estimator.estimators_, weights, strict=False):
        if not np.array_equal(each.classes_, estimator.classes_):
            raise Unsupported("its trees do not all know all classes")
        against = -1 / (k - 1) * weight
        trees.append(tree_of(each, partial(_votes, weight=weight, against=against)))
    ensemble, total = Ensemble(trees, np.zeros(k), single=True), weights.sum()

    def weighted(decision: Array) -> Array:
        decision /= total
        if k > 2:
            return np.asfortranarray(decision)  # the order in memory decides how a softmax adds up
        decision[:, 0] *= -1
        return np.asarray(decision.sum(axis=1))

    def scores(decision: Array) -> Array:
        if scores_from == "decision_function":
            return decision
        return softmax(np.vstack([-decision, decision]).T / 2 if k == 2 else decision / (k - 1))

    return Core.of_trees(ensemble, weighted, scores=scores, decide=above(0) if k == 2 else most_likely, single=True)


def gradient_boosting(estimator: Any, scores_from: str) -> Core:
    """GradientBoostingClassifier and -Regressor, for a start that is the same for all rows."""
    if not (estimator.init_ == "zero" or type(estimator.init_).__name__.startswith("Dummy")):
        raise Unsupported("its first step is another model")
    rounds, k = estimator.estimators_.shape
    init = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    rate = estimator.learning_rate
    trees = [tree_of(each, lambda value: rate * value) for each in estimator.estimators_.ravel()]
    for number, tree in enumerate(trees):
        trees[number] = _nothing_goes_left(tree)
    ensemble = Ensemble(trees, np.asarray(init, dtype=np.float64), column=np.tile(np.arange(k), rounds), single=True)
    if not hasattr(estimator, "classes_"):
        return Core.of_trees(ensemble, values=np.ravel, single=True)
    if k == 1:
        name = type(estimator._loss).__name__
        twice = {"HalfBinomialLoss": 1, "ExponentialLoss": 2}.get(name)
        if twice is None:
            raise Unsupported(f"its loss is {name}")
        return Core.of_trees(
            ensemble,
            scores=lambda raw: expit_pair(raw * twice if twice > 1 else raw),
            decide=lambda raw: (raw.ravel() >= 0).astype(np.int64),
            single=True,
        )
    return Core.of_trees(ensemble, scores=softmax, decide=most_likely, single=True)


def _nothing_goes_left(tree: Tree) -> Tree:
    """Gradient boosting takes no missing values: one column a feature is enough."""
    return Tree(
        tree.feature, tree.threshold, tree.left, tree.right, np.full_like(tree.way, RIGHT), tree.value, tree.goes_right
    )
