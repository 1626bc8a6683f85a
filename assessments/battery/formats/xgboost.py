"""XGBoost's own model files: JSON, or UBJSON of the same content.

The format holds no code. Its native loader trusts indices, though: each tree's children, split columns and category
segments are checked before it sees them. Source: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from assessments.battery.errors import LoadError, short
from assessments.battery.formats import _scan, _ubjson
from assessments.battery.formats._scan import Findings, Import, Refused, whole

MOST_BYTES = 1 << 30
MOST_JSON_BYTES = 256 << 20  # a number becomes some forty bytes of memory
MOST_TREES, MOST_NODES, MOST_CLASSES, MOST_FEATURES = 200_000, 10_000_000, 10_000, 1_000_000
CLASSIFIERS = {"binary:logistic", "multi:softprob", "multi:softmax"}
NO_PARENT = (-1, 2**31 - 1)
REGRESSORS = {
    *("reg:squarederror", "reg:absoluteerror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:gamma"),
    *("reg:tweedie", "count:poisson"),
}
HINT = "Save the trained classifier with model.save_model('model.ubj') and upload that file."


def scan(path: Path) -> dict[str, Any]:
    return _scan.scan(path, "xgboost", _read)


def load(path: Path) -> tuple[Any, list[str]]:
    """A fitted XGBClassifier or XGBRegressor."""
    _scan.refusing(path, _read)
    import xgboost

    content = path.read_bytes()
    model = _parsed(content, Findings())
    learner = model["learner"]
    objective = learner["objective"]["name"]
    if objective not in CLASSIFIERS | REGRESSORS:
        raise LoadError(
            "unsupported_task",
            f"{path.name} holds a model with the objective {objective!r}: neither probabilities nor plain numbers.",
            f"Objectives that can be assessed: {', '.join(sorted(CLASSIFIERS | REGRESSORS))}.",
        )
    # missing=nan and the categories are in the file or the library's default; enable_categorical is in neither.
    kind = xgboost.XGBClassifier if objective in CLASSIFIERS else xgboost.XGBRegressor
    estimator = kind(enable_categorical=True)
    try:
        estimator.load_model(bytearray(content))
    except Exception as error:
        raise LoadError("not_a_model", f"{path.name} could not be opened: {short(error)}", HINT) from error
    estimator.objective = objective
    return estimator, _notes(model["version"], xgboost.__version__)


def _notes(saved: Iterable[Any], installed: str) -> list[str]:
    text = ".".join(str(int(number)) for number in saved)
    return [] if text == installed else [f"The model was saved with XGBoost {text} and runs here with {installed}."]


def _read(path: Path, found: Findings) -> list[Refused]:
    check_model(_parsed(_scan.content(path, MOST_BYTES), found), found)
    return []


def check_model(model: dict[str, Any], found: Findings) -> None:
    """The content of a model file, checked. Raises Refused. A pickled booster holds the same."""
    version = [whole(number, "version", 0, 10_000) for number in _part(model, "version", list | np.ndarray)]
    found.libraries = {"xgboost": ".".join(map(str, version))}
    learner = _part(model, "learner", dict)
    objective = str(_part(_part(learner, "objective", dict), "name", str))
    booster = _part(learner, "gradient_booster", dict)
    name = _part(booster, "name", str)
    found.imports = (Import(f"booster:{name}", ("build",)), Import(f"objective:{objective}", ("build",)))
    sizes = _Sizes(learner)
    if name == "gblinear":
        _check_linear(_part(booster, "model", dict), sizes)
    elif name in ("gbtree", "dart"):
        inner = _part(booster, "gbtree", dict) if name == "dart" else booster
        trees = _check_trees(_part(inner, "model", dict), sizes, found)
        if name == "dart":
            _same_length(booster, "weight_drop", trees)
    else:
        raise Refused("unparseable", f"The booster {name[:80]!r} is not known.")


def _parsed(content: bytes, found: Findings) -> dict[str, Any]:
    if _ubjson.is_ubjson(content):
        found.container = "ubjson"
        model = _ubjson.decode(content)
    else:
        found.container = "json"
        if len(content) > MOST_JSON_BYTES:
            raise Refused("bomb", "A JSON model of this size is not read.", "Save it as .ubj, which is a third of it.")
        try:
            model = json.loads(content, object_pairs_hook=_no_key_twice)
        except ValueError as error:
            code = "truncated" if content.lstrip()[:1] == b"{" and content.rstrip()[-1:] != b"}" else "unparseable"
            raise Refused(code, f"The file is not a whole XGBoost model: {short(error)}", HINT) from error
    if not isinstance(model, dict) or "learner" not in model:
        raise Refused("unparseable", "The file holds no XGBoost model: it has no learner.", HINT)
    return model


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("corrupt_structure", "A key occurs twice in one object.")
    return found


def _part(where: dict[str, Any], name: str, kind: Any) -> Any:
    value = where.get(name)
    if not isinstance(value, kind):
        raise Refused("unparseable", f"The model has no proper {name!r}.", HINT)
    return value


def _numbers(where: dict[str, Any], name: str, *, whole_ones: bool = False) -> np.ndarray[Any, Any]:
    try:
        values = np.asarray(_part(where, name, list | np.ndarray))
        if values.size == 0:
            values = values.astype(np.int64 if whole_ones else np.float64)
        if values.ndim != 1 or values.dtype.kind not in ("biu" if whole_ones else "biuf"):
            raise ValueError(name)
    except ValueError as error:
        raise Refused("unparseable", f"{name!r} is not a list of {'whole ' * whole_ones}numbers.", HINT) from error
    return values


def _same_length(where: dict[str, Any], name: str, length: int) -> None:
    if (found := len(_part(where, name, list | np.ndarray))) != length:
        raise Refused("corrupt_structure", f"{name!r} has {found:,} entries, not {length:,}.")


class _Sizes:
    """The numbers that everything else in the model must agree with."""

    def __init__(self, learner: dict[str, Any]) -> None:
        params = _part(learner, "learner_model_param", dict)
        self.features = whole(params.get("num_feature"), "num_feature", 1, MOST_FEATURES)
        self.groups = max(1, whole(params.get("num_class"), "num_class", 0, MOST_CLASSES))
        if whole(params.get("num_target", 1), "num_target", 0, MOST_CLASSES) > 1:
            raise Refused("unparseable", "The model has several targets; one is supported.")
        self._check_base_score(params.get("base_score"))
        for name in ("feature_names", "feature_types"):
            given = learner.get(name, [])
            if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
                raise Refused("unparseable", f"{name!r} is not a list of texts.")
            if len(given) not in (0, self.features):
                raise Refused("corrupt_structure", f"{name!r} has {len(given):,} entries, not {self.features:,}.")

    def _check_base_score(self, text: Any) -> None:
        try:
            scores = [float(part) for part in str(text).strip("[]").split(",")]
        except ValueError as error:
            raise Refused("unparseable", "'base_score' is not a number.") from error
        if len(scores) not in (1, self.groups):
            raise Refused("corrupt_structure", "'base_score' has the wrong number of entries.")


def _check_linear(model: dict[str, Any], sizes: _Sizes) -> None:
    weights = _numbers(model, "weights")
    if len(weights) != (sizes.features + 1) * sizes.groups:
        raise Refused("corrupt_structure", "The number of weights does not fit the number of columns.")


def _check_trees(model: dict[str, Any], sizes: _Sizes, found: Findings) -> int:
    """How many trees there are. Raises Refused where one of them points out of its arrays."""
    params = _part(model, "gbtree_model_param", dict)
    count = whole(params.get("num_trees"), "num_trees", 0, MOST_TREES)
    whole(params.get("num_parallel_tree", 1), "num_parallel_tree", 0, MOST_TREES)
    trees = _part(model, "trees", list)
    _same_length(model, "trees", count)
    _same_length(model, "tree_info", count)
    info = _numbers(model, "tree_info", whole_ones=True)
    if len(info) and not (info.min() >= 0 and info.max() < sizes.groups):
        raise Refused("corrupt_structure", "A tree belongs to a class that the model does not have.")
    if "iteration_indptr" in model:
        starts = _numbers(model, "iteration_indptr", whole_ones=True)
        if len(starts) and (starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 0).any()):
            raise Refused("corrupt_structure", "'iteration_indptr' does not run over the trees.")
    for tree in trees:
        if not isinstance(tree, dict):
            raise Refused("unparseable", "A tree of the model is not an object.")
        found.operations += _check_tree(tree, sizes.features)
        if found.operations > MOST_NODES:
            raise Refused("bomb", f"The model has more than {MOST_NODES:,} nodes.")
    if "cats" in model:
        _check_categories(_part(model, "cats", dict), sizes.features)
    return count


def _check_tree(tree: dict[str, Any], features: int) -> int:
    params = _part(tree, "tree_param", dict)
    nodes = whole(params.get("num_nodes"), "num_nodes", 1, MOST_NODES)
    if whole(params.get("size_leaf_vector", 1), "size_leaf_vector", 0, MOST_CLASSES) > 1:
        raise Refused("unparseable", "Trees with a vector at each leaf cannot be read.", "Use one tree a class.")
    if whole(params.get("num_feature", features), "num_feature", 0, MOST_FEATURES) not in (0, features):
        raise Refused("corrupt_structure", "A tree was made for another number of columns.")
    for name in ("split_conditions", "default_left", "parents", "base_weights", "loss_changes", "sum_hessian"):
        _same_length(tree, name, nodes)
    left, right, split = (
        _numbers(tree, name, whole_ones=True) for name in ("left_children", "right_children", "split_indices")
    )
    if not len(left) == len(right) == len(split) == nodes:
        raise Refused("corrupt_structure", "The arrays of a tree have different lengths.")
    parents = _numbers(tree, "parents", whole_ones=True)
    check_children(left, right, parents, split, features)
    if not (((parents >= 0) & (parents < nodes)) | np.isin(parents, NO_PARENT)).all():
        raise Refused("corrupt_structure", "A node of a tree names a parent outside it.")
    _check_splits(tree, nodes)
    return nodes


def check_children(
    left: np.ndarray[Any, Any],
    right: np.ndarray[Any, Any],
    parents: np.ndarray[Any, Any],
    split: np.ndarray[Any, Any],
    features: int,
) -> None:
    """Every node that the root leads to has its children behind it, which name it as their parent, and asks about a
    column that there is.

    Nodes that pruning cut off are still in the arrays and hold anything.
    """
    if parents[0] not in NO_PARENT:
        raise Refused("corrupt_structure", "The root of a tree has a parent.")
    level = np.zeros(1, dtype=np.int64)
    while len(level):
        inner = level[left[level] != -1]
        children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
        if (right[level[left[level] == -1]] != -1).any():
            raise Refused("corrupt_structure", "A node of a tree has one child.")
        if len(children) and (
            children.max() >= len(left)
            or (children <= np.tile(inner, 2)).any()
            or len(np.unique(children)) < len(children)
        ):
            raise Refused("corrupt_structure", "A node of a tree points at one that is not below it.")
        if (parents[children] != np.tile(inner, 2)).any():
            raise Refused("corrupt_structure", "A node of a tree names another parent than it has.")
        if len(inner) and not (split[inner].min() >= 0 and split[inner].max() < features):
            raise Refused("corrupt_structure", "A tree splits on a column that the model does not have.")
        level = children


def _check_splits(tree: dict[str, Any], nodes: int) -> None:
    if "split_type" in tree:
        kinds = _numbers(tree, "split_type", whole_ones=True)
        if len(kinds) != nodes or not np.isin(kinds, (0, 1)).all():
            raise Refused("corrupt_structure", "A tree has splits of an unknown kind.")
    if "categories_nodes" not in tree:
        return
    at, starts, lengths, values = (
        _numbers(tree, f"categories{part}", whole_ones=True).astype(np.int64)
        for part in ("_nodes", "_segments", "_sizes", "")
    )
    if not len(at) == len(starts) == len(lengths):
        raise Refused("corrupt_structure", "The categories of a tree have different lengths.")
    outside = len(at) and (
        at.min() < 0
        or at.max() >= nodes
        or starts.min() < 0
        or lengths.min() < 0
        or max(starts.max(), lengths.max()) > len(values)
        or (starts + lengths).max() > len(values)
    )
    if outside or (len(values) and (values.min() < 0 or values.max() > 1 << 24)):
        raise Refused("corrupt_structure", "The categories of a tree point out of their array.")


def _check_categories(cats: dict[str, Any], features: int) -> None:
    columns = cats.get("enc", [])
    if not isinstance(columns, list) or len(columns) not in (0, features):
        raise Refused("corrupt_structure", "The categories are not those of the model's columns.")
    for column in columns:
        if not isinstance(column, dict):
            raise Refused("unparseable", "The categories of a column are not an object.")
        if "offsets" in column:
            offsets = _numbers(column, "offsets", whole_ones=True)
            if len(offsets) and (
                offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != len(_numbers(column, "values"))
            ):
                raise Refused("corrupt_structure", "The names of the categories point out of their array.")
    segments = _numbers(cats, "feature_segments", whole_ones=True) if "feature_segments" in cats else np.empty(0)
    if len(segments) and (segments[0] != 0 or (np.diff(segments) < 0).any() or len(segments) != features + 1):
        raise Refused("corrupt_structure", "The categories are not cut up by the model's columns.")
    order = _numbers(cats, "sorted_idx", whole_ones=True) if "sorted_idx" in cats else np.empty(0)
    if len(segments) and len(order) != segments[-1]:
        raise Refused("corrupt_structure", "The order of the categories has the wrong length.")
    for start, end in zip(segments[:-1], segments[1:], strict=True):
        if not np.array_equal(np.sort(order[start:end]), np.arange(end - start)):
            raise Refused("corrupt_structure", "The order of the categories of a column is none.")
