"""Fitted models, tampered with before they are saved: indices, counts and settings that no library would write."""

import io
from functools import cache
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KDTree, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tests.battery.gate.assembler import call, dumped, file_of, made, name, stated


@cache
def rows() -> tuple[np.ndarray, np.ndarray]:
    return make_classification(200, 5, n_informative=4, n_redundant=0, random_state=0)


class _Restored:
    """Saved as a call of a class with a state of our own."""

    def __init__(self, thing: Any, state: Any) -> None:
        self.thing, self.state = thing, state

    def __reduce__(self):
        function, arguments = self.thing.__reduce__()[:2]
        return function, arguments, self.state


def saved(model: Any, **changes: Any) -> bytes:
    """The model with other attributes: set on a copy, so that joblib writes them as they are."""
    copy = joblib.load(_stream(dumped(model)))
    vars(copy).update(changes)
    return dumped(copy)


def _stream(content: bytes) -> Any:
    return io.BytesIO(content)


# Arrays


def array_of_shape(shape: tuple[int, ...]) -> bytes:
    kind = stated(call(name("numpy", "dtype"), "f8", False, True), (3, "<", None, None, None, -1, -1, 0))
    state = {"subclass": name("numpy", "ndarray"), "shape": shape, "order": "C", "dtype": kind, "allow_mmap": True}
    return file_of(made(name("joblib.numpy_pickle", "NumpyArrayWrapper"), state=state))


def forged_dtype() -> bytes:
    """A structured dtype whose flags hide that it holds objects: raw bytes become pointers."""
    inner = stated(call(name("numpy", "dtype"), "O8", False, True), (3, "|", None, None, None, -1, -1, 63))
    kind = call(name("numpy", "dtype"), "V8", False, True)
    kind = stated(kind, (3, "|", None, ("a",), {"a": (inner, 0)}, 8, 1, 16))
    made_array = call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), (0,), b"b")
    return file_of(stated(made_array, (1, (1,), kind, False, b"AAAAAAAA")))


# Trees


def tree(*, child: int | None = None, feature: int | None = None, max_depth: int | None = None) -> bytes:
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(*rows())
    state = model.tree_.__getstate__()
    state["nodes"] = state["nodes"].copy()
    if child is not None:
        state["nodes"]["left_child"][0 if child else 1] = child
    if feature is not None:
        state["nodes"]["feature"][0] = feature
    if max_depth is not None:
        state["max_depth"] = max_depth
    model.tree_ = _Restored(model.tree_, state)
    return dumped(model)


def forest(**changes: Any) -> bytes:
    return saved(RandomForestClassifier(3, random_state=0).fit(*rows()), **changes)


def forest_of_wider_trees() -> bytes:
    X, y = rows()
    model = RandomForestClassifier(3, random_state=0).fit(X, y)
    model.estimators_[0] = DecisionTreeClassifier(random_state=0).fit(np.tile(X, 50)[:, ::-1], y)
    return dumped(model)


def hist_boosting() -> bytes:
    model = HistGradientBoostingClassifier(max_iter=2).fit(*rows())
    nodes = model._predictors[0][0].nodes
    nodes["left"][0] = 4_000_000_000
    return dumped(model)


# Others


def neighbours() -> bytes:
    index = KDTree(rows()[0])
    state = list(index.__getstate__())
    state[1] = state[1] + (1 << 40)
    return dumped(_Restored(index, tuple(state)))


def support_vectors(**changes: Any) -> bytes:
    model = SVC().fit(*rows())
    return saved(model, **(changes or {"_n_support": model._n_support * 1000}))


def sparse_support_vectors() -> bytes:
    features, outcomes = rows()
    model = SVC().fit(sparse.csr_matrix(features), outcomes)
    return saved(model, _n_support=np.full(2, 10**8, dtype=np.int32))


def precomputed_support() -> bytes:
    model = SVC(kernel="precomputed").fit(np.eye(5), [0, 1, 0, 1, 0])
    return saved(model, support_=np.full(5, 10**9, dtype=np.int32))


def nearest_sums(sparse_rows: bool) -> bytes:
    """Neighbours whose probabilities compiled code adds up, at the places that the outcomes say."""
    features, outcomes = rows()
    model = KNeighborsClassifier(algorithm="brute", metric="manhattan")
    model.fit(sparse.csr_matrix(features) if sparse_rows else features, outcomes)
    return saved(model, _y=np.full(len(outcomes), 10**12), classes_=model.classes_ if sparse_rows else [0, 1])


def centres(**changes: Any) -> bytes:
    return saved(KMeans(2, n_init=1, random_state=0).fit(rows()[0]), **changes)


def sparse_matrix() -> bytes:
    matrix = sparse.csr_matrix(np.eye(3))
    matrix.indices[1] = 1 << 30
    return dumped(matrix)


def vocabulary() -> bytes:
    return saved(_words(), vocabulary_={"good": 0, "bad": 1 << 30})


def random_state() -> bytes:
    state = list(np.random.RandomState(0).get_state())
    state[2] = 1 << 30
    changed = {
        "bit_generator": "MT19937",
        "state": {"key": state[1], "pos": 1 << 30},
        "has_gauss": 0,
        "gauss": 0.0,
    }
    return dumped(_Restored(np.random.RandomState(0), changed))


def xgboost_booster() -> bytes:
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=2).fit(*rows())
    booster = model.get_booster()
    handle = booster.__getstate__()["handle"]
    place = handle.index(b"left_children[$l#L") + len(b"left_children[$l#L") + 8
    handle[place : place + 4] = b"\x7f\xff\xff\xf0"
    return file_of(
        made(name("xgboost.core", "Booster"), state={"handle": call(name("builtins", "bytearray"), bytes(handle))})
    )


def lightgbm_booster() -> bytes:
    model = _boosted()
    state = model.booster_.__getstate__()
    text = state["_handle"].replace("left_child=", "left_child=7", 1)
    return file_of(made(name("lightgbm.basic", "Booster"), state={"_handle": text}))


def lightgbm(**changes: Any) -> bytes:
    model = _boosted()
    model._other_params.update(changes)
    return dumped(model)


def _boosted() -> Any:
    import lightgbm as library

    return library.LGBMClassifier(n_estimators=2, verbose=-1).fit(*rows())


def pipeline(**changes: Any) -> bytes:
    return saved(make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1]), **changes)


def _words() -> CountVectorizer:
    return CountVectorizer().fit(["good day root", "bad day bin"])


def vectorizer(**changes: Any) -> bytes:
    return saved(_words(), **changes)


def transformer(**changes: Any) -> bytes:
    return saved(FunctionTransformer().fit([[0.0]]), **changes)


def search(**changes: Any) -> bytes:
    return saved(GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2).fit(*rows()), **changes)
