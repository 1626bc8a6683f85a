"""Other structures that compiled code follows without looking, and which check belongs to which class.

k-d and ball trees, distances, support vectors, neighbours, sparse matrices, splines and vocabularies are checked on the
inert values, before anything real is made of them. Each check raises Refused("corrupt_structure").
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery.gate import trees, values
from assessments.battery.gate.nodes import ABSENT, Global, Made
from assessments.battery.gate.parts import Array, array_of, corrupt, need, number_of, state_of

ROWS = {"scipy.sparse._csr:csr_array", "scipy.sparse._csr:csr_matrix"}

# Neighbours


def check_distance(node: Made) -> None:
    need(isinstance(node.state, tuple) and len(node.state) == 3, "A distance in it is not understood.")
    power, vector, matrix = (values.value_of(part) for part in node.state)
    fits = (
        isinstance(power, int | float | np.number) and isinstance(vector, np.ndarray) and isinstance(matrix, np.ndarray)
    )
    need(fits and vector.ndim == 1 and matrix.ndim == 2, "A distance in it is not understood.")
    need(vector.dtype == np.float64 and matrix.dtype == np.float64, "A distance in it is not understood.")


def check_space_tree(node: Made) -> None:
    """KDTree, BallTree: samples, nodes and bounds have the sizes that its levels give."""
    state = node.state
    need(isinstance(state, tuple) and len(state) == 13, "A tree of neighbours in it is not understood.")
    samples, order, nodes, bounds = (array_of(part) for part in state[:4])
    leaf, levels, count = (number_of(part) for part in state[4:7])
    need(
        samples.ndim == 2 and samples.dtype.kind == "f" and len(samples) > 0,
        "A tree of neighbours in it has no samples.",
    )
    size, width = samples.shape
    whole = order.dtype == np.int64 and order.shape == (size,) and (np.sort(order) == np.arange(size)).all()
    need(whole, "A tree of neighbours in it counts its samples wrongly.")
    fits = leaf > 0 and 0 < levels < 40 and count == (1 << levels) - 1 and nodes.shape == (count,)
    need(
        fits and set(nodes.dtype.names or ()) >= {"idx_start", "idx_end", "is_leaf"},
        "A tree of neighbours has no nodes.",
    )
    start, end, last = (nodes[name] for name in ("idx_start", "idx_end", "is_leaf"))
    need(
        ((start >= 0) & (start <= end) & (end <= size)).all(), "A tree of neighbours in it points outside its samples."
    )
    deepest = np.arange(count) >= count // 2
    need((last[deepest] != 0).all(), "A tree of neighbours in it has no end.")
    need(bounds.ndim == 3 and bounds.shape[1:] == (count, width) and len(bounds) in {1, 2}, "Its bounds do not fit.")
    kind = node.args[0].attribute
    need(len(bounds) == (2 if kind.startswith("KD") else 1), "The bounds of a tree of neighbours in it do not fit.")
    _check_metric(state[11], width)
    if state[12] is not None:
        need(array_of(state[12]).shape == (size,), "The weights of a tree of neighbours in it do not fit.")


def _check_metric(metric: Any, width: int) -> None:
    known = isinstance(metric, Made) and metric.name == "sklearn.metrics._dist_metrics:newObj"
    need(known and metric.args and isinstance(metric.args[0], Global), "A tree of neighbours in it has no distance.")
    name = metric.args[0].attribute
    need(isinstance(metric.state, tuple), "A distance in it is not understood.")
    vector, matrix = array_of(metric.state[1]), array_of(metric.state[2])
    if name.startswith("SEuclidean"):
        need(vector.shape == (width,), "A distance in it is for other features.")
    elif name.startswith("Mahalanobis"):
        need(matrix.shape == (width, width), "A distance in it is for other features.")
    elif name.startswith("Minkowski"):
        need(vector.shape in {(0,), (width,)}, "A distance in it is for other features.")


def neighbours(state: dict[str, Any]) -> None:
    """KNeighbors and RadiusNeighbors: the samples have the features, and each an outcome that is one."""
    if "_fit_X" not in state or state["_fit_X"] is None:
        return
    shape = matrix_shape(state["_fit_X"])
    need(len(shape) == 2 and shape[1] == number_of(state.get("n_features_in_")), "Its neighbours do not fit.")
    if "_y" in state and "classes_" in state:
        _check_outcomes(array_of(state["_y"]), values.value_of(state["classes_"]), shape[0])


def _check_outcomes(outcomes: Array, classes: Any, count: int) -> None:
    """Places in the classes: of one list of them, or of one list for each column."""
    several = outcomes.ndim == 2 and isinstance(classes, list)
    columns, lists = (outcomes.T, classes) if several else (outcomes.reshape(1, -1), [classes])
    need(
        outcomes.dtype.kind in "iu" and len(outcomes) == count and len(columns) == len(lists),
        "Its outcomes do not fit.",
    )
    for column, known in zip(columns, lists, strict=True):
        fits = not column.size or 0 <= column.min() <= column.max() < len(array_of(known))
        need(fits, "Its outcomes do not fit.")


def matrix_shape(node: Any) -> tuple[int, ...]:
    """The shape of an array or of a sparse matrix. Raises Refused where there is neither."""
    found = values.value_of(node)
    if isinstance(found, np.ndarray):
        return tuple(found.shape)
    shape: Any = state_of(node).get("_shape")
    need(
        isinstance(node, Made) and node.name.startswith("scipy.sparse.") and isinstance(shape, tuple),
        "A matrix in it is none.",
    )
    return tuple(number_of(part) for part in shape)


def centres(state: dict[str, Any]) -> None:
    if "cluster_centers_" in state:
        centers = array_of(state["cluster_centers_"])
        fits = centers.ndim == 2 and centers.shape[1] == number_of(state.get("n_features_in_"))
        need(fits, "The centres of clusters in it have other features.")


# Support vectors


def support_vectors(state: dict[str, Any]) -> None:
    """libsvm reads its arrays by the counts that it is given."""
    need("_impl" not in state and "_sparse_kernels" not in state, "The support vectors in it name another method.")
    if "support_vectors_" not in state:
        return
    vectors, weights = matrix_shape(state["support_vectors_"]), _check_weights(state)
    counts, support = array_of(state.get("_n_support")), array_of(state.get("support_"))
    precomputed = state.get("kernel") == "precomputed"
    fits = len(vectors) == 2 and (precomputed or vectors[1] == number_of(state.get("n_features_in_")))
    need(fits and counts.dtype == np.int32 and (counts >= 0).all(), "The support vectors in it do not fit.")
    labels = values.value_of(state.get("classes_"))
    classify = isinstance(labels, np.ndarray)
    # One class or none: libsvm fills the first count only.
    total = int((counts if classify else counts[:1]).astype(np.int64).sum())
    classes = max(len(counts), 2) if classify else 2
    need(support.shape == (total,) and support.dtype == np.int32, "The support vectors in it do not fit.")
    fitted = number_of(state["shape_fit_"][0])
    need(not total or 0 <= support.min() <= support.max() < fitted, "The support vectors in it are not of its samples.")
    need(precomputed or vectors[0] == total, "The support vectors in it are not as many as it says.")
    need(len(weights) == 2 and weights[1] == total, "The support vectors in it have not a weight each.")
    if classify and len(counts) > 1:
        need(weights[0] == len(counts) - 1 and len(labels) == len(counts), "Its classes do not fit.")
    pairs = classes * (classes - 1) // 2
    need(array_of(state.get("_intercept_")).shape == (pairs,), "The intercepts of support vectors in it do not fit.")
    for name in ("_probA", "_probB"):
        if name in state:
            need(array_of(state[name]).shape in {(0,), (pairs,)}, "The probabilities of support vectors do not fit.")


def _check_weights(state: dict[str, Any]) -> tuple[int, ...]:
    """The shape of the weights of support vectors: where they are sparse, rows of vectors and nothing left out."""
    vectors: Any = state["support_vectors_"]
    weights: Any = state.get("_dual_coef_")
    shape = matrix_shape(weights)
    if isinstance(values.value_of(vectors), np.ndarray):
        fits = array_of(vectors).dtype == np.float64 and isinstance(values.value_of(weights), np.ndarray)
        need(fits, "The support vectors in it do not fit.")
        return shape
    need(all(part.name in ROWS for part in (vectors, weights)), "The support vectors in it are not kept by rows.")
    whole = array_of(state_of(weights).get("data")).size == math.prod(shape)
    need(whole, "The support vectors in it have not a weight each.")
    return shape


# Sparse matrices, splines, vocabularies


def sparse(state: dict[str, Any]) -> None:
    """Compressed rows or columns: pointers in order, indices within the shape. Coordinates: within the shape."""
    shape: Any = state.get("_shape")
    need(
        isinstance(shape, tuple) and all(type(part) is int and part >= 0 for part in shape),
        "A sparse matrix has no shape.",
    )
    content = array_of(state.get("data"))
    need(content.ndim == 1 and not content.dtype.hasobject, "A sparse matrix in it has no content.")
    if "coords" in state:
        axes: Any = state["coords"]
        need(isinstance(axes, tuple) and len(axes) == len(shape), "A sparse matrix in it has no coordinates.")
        for places, length in zip(axes, shape, strict=True):
            _check_places(array_of(places), len(content), length)
        return
    pointers, places = array_of(state.get("indptr")), array_of(state.get("indices"))
    need(
        pointers.dtype.kind == "i" and pointers.ndim == 1 and len(pointers) > 0,
        "A sparse matrix in it has no pointers.",
    )
    steps = np.diff(pointers)
    need(
        pointers[0] == 0 and (steps >= 0).all() and pointers[-1] <= len(content),
        "A sparse matrix points outside itself.",
    )
    need(len(shape) == 2, "The pointers of a sparse matrix in it do not fit its shape.")
    _check_places(places, len(content), max(shape))


def compressed(axis: int) -> Callable[[dict[str, Any]], None]:
    """The same, knowing which axis is compressed: 0 for rows, 1 for columns."""

    def check(state: dict[str, Any]) -> None:
        sparse(state)
        shape, pointers = state["_shape"], array_of(state["indptr"])
        need(len(pointers) == shape[axis] + 1, "The pointers of a sparse matrix in it do not fit its shape.")
        _check_places(array_of(state["indices"]), len(array_of(state["data"])), shape[1 - axis])

    return check


def _check_places(places: Array, count: int, length: int) -> None:
    fits = places.dtype.kind == "i" and places.shape == (count,)
    need(
        fits and (not count or 0 <= places.min() <= places.max() < length),
        "A sparse matrix in it points outside itself.",
    )


def spline(state: dict[str, Any]) -> None:
    knots, weights = array_of(state.get("_t", state.get("t"))), array_of(state.get("_c", state.get("c")))
    degree = number_of(state.get("k"))
    need(knots.ndim == 1 and knots.dtype == np.float64 and 0 <= degree <= 20, "A spline in it has no knots.")
    need((np.diff(knots) >= 0).all() and np.isfinite(knots).all(), "The knots of a spline in it are not in order.")
    size = len(knots) - degree - 1
    need(size > degree and weights.ndim >= 1 and weights.shape[0] >= size, "A spline in it has not enough weights.")


def vocabulary(state: dict[str, Any]) -> None:
    """Places of words are columns of a sparse matrix that nobody checks."""
    words = state.get("vocabulary_")
    if words is None:
        return
    if isinstance(words, Made):
        words = {item[1]: item[2] for item in words.items if item[0] == "set"}
    need(isinstance(words, dict), "A vocabulary in it is none.")
    places = sorted(number_of(place) for place in words.values())
    need(not places or (places[0] >= 0 and places[-1] < len(places)), "A vocabulary in it points outside itself.")


_TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
_FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_HIST = "sklearn.ensemble._hist_gradient_boosting"
# What is checked of the state of a class, by name.
STRUCTURES: dict[str, Callable[[dict[str, Any]], None]] = {
    **{f"sklearn.tree._classes:{name}": trees.decision_tree for name in _TREES},
    **{f"sklearn.ensemble._forest:{name}": trees.forest for name in (*_FORESTS, "RandomTreesEmbedding")},
    **{f"imblearn.ensemble._forest:{name}": trees.forest for name in ("BalancedRandomForestClassifier",)},
    "sklearn.ensemble._iforest:IsolationForest": trees.isolation_forest,
    **{f"sklearn.ensemble._gb:GradientBoosting{kind}": trees.gradient_boosting for kind in ("Classifier", "Regressor")},
    f"{_HIST}.predictor:TreePredictor": trees.hist_predictor,
    f"{_HIST}.gradient_boosting:HistGradientBoostingClassifier": trees.hist_boosting,
    f"{_HIST}.gradient_boosting:HistGradientBoostingRegressor": trees.hist_boosting,
    **{f"sklearn.svm._classes:{name}": support_vectors for name in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")},
    **{f"sklearn.neighbors._classification:{kind}NeighborsClassifier": neighbours for kind in ("K", "Radius")},
    **{f"sklearn.neighbors._regression:{kind}NeighborsRegressor": neighbours for kind in ("K", "Radius")},
    **{f"sklearn.cluster._kmeans:{name}": centres for name in ("KMeans", "MiniBatchKMeans")},
    **{f"sklearn.feature_extraction.text:{name}Vectorizer": vocabulary for name in ("Count", "Tfidf")},
    "sklearn.feature_extraction._dict_vectorizer:DictVectorizer": vocabulary,
    **{f"scipy.sparse._csr:csr_{form}": compressed(0) for form in ("array", "matrix")},
    **{f"scipy.sparse._csc:csc_{form}": compressed(1) for form in ("array", "matrix")},
    **{f"scipy.sparse._coo:coo_{form}": sparse for form in ("array", "matrix")},
    "scipy.interpolate._bsplines:BSpline": spline,
}


def check_structure(name: str, state: Any) -> None:
    """The check of a class's state, where there is one. Raises Refused."""
    check = STRUCTURES.get(name)
    if check is None:
        return
    need(isinstance(state, dict) and state is not ABSENT, f"The state of a {name.partition(':')[2]} in it is none.")
    try:
        check(state)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        raise corrupt(f"The state of a {name.partition(':')[2]} in it does not fit together ({said}).") from error
