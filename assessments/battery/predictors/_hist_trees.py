"""HistGradientBoosting: float64 thresholds, missing values with a side of their own, categories as bits.

Source: sklearn/ensemble/_hist_gradient_boosting/_predictor.pyx.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.predictors._core import Array, Core, above, expit_pair, most_likely, softmax
from assessments.battery.predictors._ensemble import CATEGORY, LEFT, RIGHT, Ensemble, Tree
from assessments.battery.predictors._unsupported import Unsupported

CATEGORIES = 256


def hist_gradient_boosting(estimator: Any, scores_from: str, *, encoded: bool = False) -> Core:
    """encoded: the matrix comes from the model's own preprocessor, its categories as positions."""
    known, index = estimator._bin_mapper.make_known_categories_bitsets()
    k = estimator.n_trees_per_iteration_
    trees = [_tree(each, known, index) for round_ in estimator._predictors for each in round_]
    init = np.asarray(estimator._baseline_prediction, dtype=estimator._baseline_prediction.dtype).ravel()
    if init.dtype != np.float64:
        raise Unsupported(f"it adds up {init.dtype} numbers")
    columns = np.tile(np.arange(k), len(estimator._predictors))
    ensemble = Ensemble(trees, init if len(init) == k else np.full(k, init[0]), column=columns, single=False)
    read: dict[str, Any] = (
        {"scores": expit_pair, "decide": above(0)} if k == 1 else {"scores": softmax, "decide": most_likely}
    )
    if not hasattr(estimator, "classes_"):
        read = {"values": lambda found: estimator._loss.link.inverse(found.ravel())}
    # The order in memory decides how a softmax adds up.
    if encoded or estimator._preprocessor is None:
        return Core.of_trees(ensemble, np.asfortranarray, **read)
    numbers = encoded_columns(estimator)
    behind = (ensemble, numbers, order_of_columns(estimator))
    return Core(lambda X: np.asfortranarray(ensemble.sums(numbers(X))), behind=behind, **read)


def _tree(predictor: Any, known: Array, index: Array) -> Tree:
    nodes = predictor.nodes
    leaf, category = (
        nodes["is_leaf"].astype(bool),
        nodes["is_categorical"].astype(bool) & ~nodes["is_leaf"].astype(bool),
    )
    missing_left = nodes["missing_go_to_left"].astype(bool)
    threshold = nodes["num_threshold"].astype(np.float64)
    way = np.where(missing_left, LEFT, RIGHT).astype(np.int8)
    way[category] = CATEGORY
    sets = []
    for position, node in enumerate(np.flatnonzero(category)):
        threshold[node] = position
        feature = int(nodes["feature_idx"][node])
        goes_left = _members(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        seen = _members(known[index[feature]])
        away = not missing_left[node]
        sets.append(np.append(np.where(goes_left, False, np.where(seen, True, away)), [away] * 3))
    return Tree(
        np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        threshold,
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        way,
        nodes["value"].astype(np.float64)[:, None],
        sets,
    )


def _members(words: Array) -> NDArray[np.bool_]:
    """The categories in a set of 256 bits."""
    return np.unpackbits(np.ascontiguousarray(words, dtype=np.uint32).view(np.uint8), bitorder="little").astype(bool)


def order_of_columns(estimator: Any) -> NDArray[np.int64]:
    """Which of the features as given each of those that the trees know is: categories first."""
    categorical = np.asarray(estimator.is_categorical_)
    return np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])


def encoded_columns(estimator: Any) -> Any:
    """From the features as given to those the trees know: categories first, as their positions; unknown is NaN."""
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    categorical = np.flatnonzero(estimator.is_categorical_)
    numeric = np.flatnonzero(~estimator.is_categorical_)
    tables = [_sorted_numbers(values) for values in encoder.categories_]

    def encode(X: Array) -> Array:
        found = np.empty((len(X), len(categorical) + len(numeric)))
        for at, (column, values) in enumerate(zip(categorical, tables, strict=True)):
            found[:, at] = positions(X[:, column], values)
        found[:, len(categorical) :] = X[:, numeric]
        return found

    return encode


def _sorted_numbers(values: Array) -> NDArray[np.float64]:
    try:
        numbers = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise Unsupported("its categories are no numbers") from None
    return np.asarray(numbers[~np.isnan(numbers)])


def positions(x: Array, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each number is in the sorted values; NaN where it is not."""
    if not len(values):
        return np.full(len(x), np.nan)
    at = np.minimum(np.searchsorted(values, x), len(values) - 1)
    return np.asarray(np.where(values[at] == x, at, np.nan))
