"""What a thief has: rows to ask about, a way to see them as numbers, and models to fit to the answers."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.robustness import _quality as q
from assessments.battery.subject import Subject

REAL, RANDOM, SHUFFLED = "real rows", "random", "shuffled"
LABELS, SCORES, NUMBERS, TRUTH = "decisions", "scores", "predictions", "true outcomes"
FAMILIES = ("tree", "linear", "boosting")
MOST_CATEGORIES = 50
CERTAIN = 1e-6
BOOSTING: dict[str, Any] = {"max_iter": 30, "max_leaf_nodes": 15, "min_samples_leaf": 5, "early_stopping": False}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Coded rows as a matrix for any model: numbers scaled, a flag where one may be missing, a flag a category."""

    numbers: list[int]
    mean: Floats
    scale: Floats
    gaps: list[int]
    flags: list[tuple[int, float]]

    @classmethod
    def of(cls, subject: Subject, codes: Codes) -> "View":
        numbers = q.number_columns(subject)
        inside = np.where(np.isfinite(codes), codes, np.nan)
        flags = []
        for at in q.category_columns(subject):
            values, counts = np.unique(codes[np.isfinite(codes[:, at]), at], return_counts=True)
            common = values[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]]
            flags += [(at, float(value)) for value in np.sort(common)]
        columns = inside[:, numbers]
        known = np.isfinite(columns)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, columns, 0).sum(axis=0) / n
        scale = np.sqrt(np.where(known, (columns - mean) ** 2, 0).sum(axis=0) / n)
        gaps = [at for k, at in enumerate(numbers) if not known[:, k].all()]
        return cls(numbers, mean, np.where(scale > 0, scale, 1.0), gaps, flags)

    def __call__(self, codes: Codes) -> Floats:
        """(rows, width)"""
        columns = (codes[:, self.numbers] - self.mean) / self.scale
        parts = [np.where(np.isfinite(columns), columns, 0.0)]
        parts += [~np.isfinite(codes[:, [at]]) for at in self.gaps]
        parts += [codes[:, [at]] == value for at, value in self.flags]
        return np.concatenate(parts, axis=1).astype(float)


def questions(subject: Subject, own: Codes, kind: str, n: int, rng: np.random.Generator) -> Codes:
    """n rows to ask about. own: the rows that the thief has; for random ones only their ranges and categories count."""
    if kind == REAL:
        return own[rng.permutation(len(own))[:n]]
    if kind == SHUFFLED:
        return np.column_stack([rng.choice(own[:, at], n) for at in range(own.shape[1])])
    numbers = set(q.number_columns(subject))
    columns = []
    for at, name in enumerate(subject.coder.names):
        known = np.unique(own[np.isfinite(own[:, at]), at])
        if not len(known):
            columns.append(np.full(n, np.nan))
        elif at not in numbers:
            columns.append(rng.choice(known, n))
        else:
            column = subject.columns[name]
            low = known[0] if column.min is None else column.min
            high = known[-1] if column.max is None else column.max
            drawn = rng.uniform(low, high, n)
            columns.append(np.rint(drawn) if column.integer else drawn)
    return np.column_stack(columns)


@dataclass(frozen=True)
class Thief:
    """A fitted copy. labels: how many the victim has, 0 for numbers."""

    model: Any
    labels: int
    constant: Any = None

    def answers(self, x: Floats) -> NDArray[Any]:
        """Positions in labels, or numbers."""
        if self.model is None:
            return np.full(len(x), self.constant)
        found = np.asarray(self.model.predict(x))
        if found.ndim == 2:
            return np.asarray(found.argmax(axis=1))
        return found if self.labels == 0 or found.dtype.kind in "iu" else (found > 0).astype(int)


def fit(family: str, x: Floats, told: q.Told, answers: str, labels: int, seed: int, probabilities: bool) -> Thief:
    """A thief of this family, trained on what the victim said: decisions, scores or predicted numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a thief that has not converged is what it is
        if answers == SCORES and told.scores is not None:
            return _fit_scores(family, x, told.scores, labels, seed, probabilities)
        if answers == NUMBERS:
            return Thief(_regressor(family, seed).fit(x, told.predicted), 0)
        if len(np.unique(told.predicted)) < 2:
            return Thief(None, labels, told.predicted[0])
        return Thief(_classifier(family, seed).fit(x, told.predicted), labels)


def _fit_scores(family: str, x: Floats, scores: Floats, labels: int, seed: int, probabilities: bool) -> Thief:
    target = log_odds(scores) if probabilities else distances(scores)
    if family == "boosting" and target.ndim == 2:
        return Thief(_Each([_regressor(family, seed).fit(x, column) for column in target.T]), labels)
    if family == "linear" and probabilities:
        # Where the victim is certain its log odds are cut off, and tell a line nothing of its slope.
        told = (scores > CERTAIN).all(axis=1)
        if told.sum() > x.shape[1]:
            x, target = x[told], target[told]
    return Thief(_regressor(family, seed).fit(x, target), labels)


def log_odds(scores: Floats) -> Floats:
    """Of the second label for two, (rows,); the centred logarithms for more (Tramèr et al. 2016): linear for a model
    that is linear inside, so that a linear thief may be exact."""
    logs = np.log(np.clip(scores, CERTAIN, 1.0))
    return logs[:, 1] - logs[:, 0] if logs.shape[1] == 2 else logs - logs.mean(axis=1, keepdims=True)


def distances(scores: Floats) -> Floats:
    """A decision function's own values out of 0.5 + d / (2 + 2 |d|): (rows,) for two labels, (rows, labels) else."""
    lean = np.clip(2 * scores - 1, CERTAIN - 1, 1 - CERTAIN)
    own = lean / (1 - np.abs(lean))
    return np.asarray(own[:, 1] if own.shape[1] == 2 else own)


@dataclass(frozen=True)
class _Each:
    """One model a column of the answers."""

    models: list[Any]

    def predict(self, x: Floats) -> Floats:
        return np.column_stack([model.predict(x) for model in self.models])


def _classifier(family: str, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    if family == "tree":
        return DecisionTreeClassifier(min_samples_leaf=3, random_state=seed)
    if family == "linear":
        return LogisticRegression(C=10.0, max_iter=200)
    return HistGradientBoostingClassifier(**BOOSTING, random_state=seed)


def _regressor(family: str, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.tree import DecisionTreeRegressor

    if family == "tree":
        return DecisionTreeRegressor(min_samples_leaf=3, random_state=seed)
    if family == "linear":
        return LinearRegression()
    return HistGradientBoostingRegressor(**BOOSTING, random_state=seed)
