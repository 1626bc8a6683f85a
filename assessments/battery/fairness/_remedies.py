"""Ways to decide otherwise from the same scores, or from a model that is trained anew with other weights."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from assessments.battery.answers import ClassAnswers
from assessments.battery.errors import short
from assessments.battery.robustness._retraining import Retrained, Training
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]
Scores = NDArray[np.float64]
How = Literal["now", "fixed", "random", "trained"]
PARTS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Remedy:
    """Decisions (rows,) of the rows that are measured. again: those of another seed, where they are drawn by lot."""

    name: str
    how: How
    selected: Flags
    again: Flags | None = None


@dataclass(frozen=True)
class Rows:
    """What is known of some rows: score of the favourable label, truth, the model's decision, and the group.

    usable (rows,): of a group that is large enough to set a threshold by; the others keep the model's decision.
    """

    score: Scores
    truth: Flags
    selected: Flags
    codes: Codes
    usable: Flags


class _AsScored(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose only column is its score: Fairlearn asks an estimator, not numbers."""

    def fit(self, x: Any, y: Any) -> "_AsScored":
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, x: Any) -> Scores:
        score = np.asarray(x, dtype=float)[:, 0]
        return np.column_stack([1 - score, score])

    def predict(self, x: Any) -> NDArray[Any]:
        return (self.predict_proba(x)[:, 1] > 0.5).astype(int)


def by_threshold_optimizer(constraint: str, name: str, fit: Rows, held: Rows, seeds: tuple[int, int]) -> Remedy:
    """Fairlearn's ThresholdOptimizer (Hardt, Price, Srebro 2016). Raises NotApplicable where it cannot be fitted."""
    from fairlearn.postprocessing import ThresholdOptimizer

    model = ThresholdOptimizer(
        estimator=_AsScored().fit(None, None), constraints=constraint, prefit=True, predict_method="predict_proba"
    )
    known, asked = fit.usable, held.usable & np.isin(held.codes, np.unique(fit.codes[fit.usable]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(fit.score[known][:, None], fit.truth[known].astype(int), sensitive_features=fit.codes[known])
            drawn = [
                model.predict(held.score[asked][:, None], sensitive_features=held.codes[asked], random_state=seed)
                for seed in seeds
            ]
    except ValueError as error:
        raise NotApplicable(f"{name}: {short(error, 160)}") from error
    both = []
    for decisions in drawn:
        selected = held.selected.copy()
        selected[asked] = np.asarray(decisions).ravel() == 1
        both.append(selected)
    return Remedy(name, "random", both[0], both[1])


def by_group_thresholds(fit: Rows, held: Rows) -> list[Remedy]:
    """A threshold a group that moves its selection rate part of the way to that of all, no lot drawn."""
    overall = float(fit.selected[fit.usable].mean())
    found = []
    for part in PARTS:
        selected = held.selected.copy()
        for code in np.unique(fit.codes[fit.usable]):
            mine = fit.usable & (fit.codes == code)
            wanted = (1 - part) * float(fit.selected[mine].mean()) + part * overall
            threshold = np.quantile(fit.score[mine], 1 - wanted, method="higher") if wanted > 0 else np.inf
            rows = held.usable & (held.codes == code)
            selected[rows] = held.score[rows] > threshold if wanted < 1 else True
        found.append(
            Remedy(f"a threshold for each group, {part:.0%} of the way to one selection rate", "fixed", selected)
        )
    return found


def by_reweighing(
    subject: Subject, column: str, rows: NDArray[np.int64], rng: np.random.Generator, most: int
) -> Remedy:
    """The model trained anew, each row weighted so that group and outcome are independent (Kamiran, Calders 2012).

    rows: of the data, that are measured. Raises NotApplicable without training data or where it takes no weights.
    """
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline

    training = Training.of(subject, most, rng)
    if column not in training.frame:
        raise NotApplicable(f"Reweighing: the training data has no column {column!r}.")
    favourable = training.y == subject.favourable_index
    weights = reweighing(training.frame[column], favourable)
    blank = clone(training.blank)
    argument = f"{blank.steps[-1][0]}__sample_weight" if isinstance(blank, Pipeline) else "sample_weight"
    answers = subject.answers
    assert isinstance(answers, ClassAnswers)  # noqa: S101 - for two classes only
    native = np.asarray(subject.estimator.classes_).ravel()[answers.class_of_label]
    frame = subject.coder.decode(training.codes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = blank.fit(subject.model.prepared(frame), native[training.y], **{argument: weights})
    except (TypeError, ValueError) as error:
        raise NotApplicable(f"Reweighing: the model cannot be trained with weights: {short(error, 160)}") from error
    told = Retrained.of(subject, fitted, frame).ask(subject.frame[subject.features].take(rows).reset_index(drop=True))
    used, known = len(training.y), len(subject.reference) if subject.reference is not None else 0
    name = "trained anew with reweighed rows" + (f", {used:,} of {known:,}" if used < known else "")
    return Remedy(name, "trained", np.asarray(told.predicted == subject.favourable_index))


def reweighing(groups: pd.Series, favourable: Flags) -> Scores:
    """(rows,) P(group) P(outcome) / P(group and outcome), from the rows themselves."""
    codes = pd.factorize(groups, use_na_sentinel=False)[0]
    joint = np.bincount(codes * 2 + favourable, minlength=2 * (int(codes.max()) + 1)).reshape(-1, 2).astype(float)
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True) / joint.sum()
    weight = np.divide(expected, joint, out=np.ones_like(joint), where=joint > 0)
    return np.asarray(weight[codes, favourable.astype(int)])
