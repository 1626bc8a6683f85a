"""What attackers learn with: gradient boosting on one thread, so that the same rows give the same attack anywhere."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

BOOSTING: dict[str, Any] = {"max_leaf_nodes": 15, "min_samples_leaf": 20, "early_stopping": False}
TREES = 40
MANY = 3  # classes, beyond which each of them has fewer trees
Floats = NDArray[np.float64]


def learned(x: Floats, y: NDArray[Any], seed: int, *, balanced: bool = False) -> Any:
    """A fitted HistGradientBoostingClassifier. balanced: each class counts the same, however rare.

    With several threads sums are added in another order and busy machines lose time waiting.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    trees = TREES if len(np.unique(y)) <= MANY else TREES // 2
    model = HistGradientBoostingClassifier(
        **BOOSTING, max_iter=trees, class_weight="balanced" if balanced else None, random_state=seed
    )
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)


def chances(model: Any, x: Floats) -> Floats:
    """(rows, classes)"""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):
        return np.asarray(model.predict_proba(x))
