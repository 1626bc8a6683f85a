"""A last step that has no compiled form of its own, given the matrix that the steps before it would make.

Those steps take most of the time of a small question: nearest neighbours behind a ColumnTransformer are asked several
times faster so.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.predictors._core import Array, Core


def through(estimator: Any, scores_from: str) -> Core:
    """Any estimator of scikit-learn: its own methods on the matrix."""
    if not hasattr(estimator, "classes_"):
        return Core(lambda X: X, values=lambda X: np.ravel(estimator.predict(X)), as_trained=True)
    classes = pd.Index(estimator.classes_)

    def decide(X: Any) -> NDArray[np.int64]:
        return np.asarray(classes.get_indexer(pd.Index(np.ravel(estimator.predict(X)))), dtype=np.int64)

    def scores(X: Any) -> Array:
        return np.asarray(getattr(estimator, scores_from)(X))

    return Core(lambda X: X, scores=scores if scores_from else None, decide=decide, as_trained=True)
