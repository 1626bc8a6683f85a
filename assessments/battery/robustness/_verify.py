"""Asks the loaded estimator itself, past every compiled or cached form of it: what an example rests on at the end."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.subject import Subject


def original_answers(subject: Subject, frame: pd.DataFrame) -> NDArray[Any]:
    """The estimator's own answers to rows that hold the feature columns, as `subject.predict` gives them."""
    if not len(frame):
        return np.empty(0, dtype=subject.predicted.dtype)
    subject.queries += len(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return subject.answers.read(subject.estimator.predict(subject.model.prepared(frame)))
