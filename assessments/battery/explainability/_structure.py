"""Exact Shapley values from the inside of a model: of trees and of linear sums, for the columns of the table.

The game is that of `_shapley`: a set S of columns is worth the mean answer of the background rows that were given x's
values in S. It is played on the raw answer, before a logistic or a softmax: for a forest that is the probability, for
boosted trees and logistic models the log odds. Everything a column became behind the model's transformers, one-hot or
otherwise, is one player. Trees: see `_tree_kernel` (Lundberg and others 2020, interventional, with players that own
several features). Linear sums: coefficient times distance to the background's mean, added up over a column's features.

Not done here, and left to questions: a model with no compiled form, steps that mix columns (PCA, products), rows that
the compiled form leaves to the estimator.
"""

from dataclasses import dataclass
from functools import cached_property
from math import lgamma
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.predictors import Predictor
from assessments.battery.predictors._ensemble import Ensemble

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Inside:
    """What is needed of a compiled model. origin (features,): the column of the table that each feature is made of.

    weights (outputs,): the raw answer is the sums of leaves, or the linear sums, times these, up to a constant.
    favourable: the position among the estimator's classes of the label that is explained; None for a number.
    """

    predictor: Predictor
    origin: Ints
    weights: Floats
    columns: int
    favourable: int | None

    @classmethod
    def of(cls, predictor: Predictor | None, columns: int, favourable: int | None) -> "Inside | None":
        """None where the model has no inside that can be used."""
        if predictor is None or (ensemble_of(predictor) is None and predictor.core.linear is None):
            return None
        origin = predictor.encoder.origins()
        if origin is None:
            return None
        core = predictor.core
        if core.linear is not None:
            sums = np.eye(core.linear.shape[1])
        else:
            if core.behind is not None:
                origin = origin[core.behind[2]]
            k = len(ensemble_of(predictor).init)
            after = core.after if core.after is not None else np.asarray
            sums = np.asarray(after(np.eye(k))) - np.asarray(after(np.zeros((k, k))))
        return cls(predictor, origin, favoured(sums, favourable), columns, favourable)

    @property
    def trees(self) -> bool:
        return self.predictor.core.linear is None

    def raw(self, codes: Codes) -> Floats:
        """(rows,) the raw answer that is explained, as the compiled form has it. Raises AskTheEstimator."""
        return favoured(self.predictor.raw(codes), self.favourable)

    def space(self, codes: Codes, binary: bool) -> str:
        """What the raw answer is, told by what the compiled form makes of it on a few rows."""
        raw, predictor = self.raw(codes), self.predictor
        if predictor.core.values is not None:
            given = predictor.values(codes)
            if np.allclose(given, raw, rtol=1e-6):
                return "prediction"
            return "log prediction" if np.allclose(given, np.exp(raw), rtol=1e-6) else "raw prediction"
        scores = predictor.scores(codes) if predictor.gives_scores else None
        if scores is None or scores.ndim == 1:
            return "decision value"
        score = np.asarray(scores[:, self.favourable or 0], dtype=float)
        if np.allclose(score, raw):
            return "probability"
        if not binary:
            return "raw score"
        inner = (score > 1e-4) & (score < 1 - 1e-4)
        with np.errstate(divide="ignore"):
            odds = np.log(score) - np.log1p(-score)
        return "log odds" if np.allclose(odds[inner], raw[inner], atol=1e-3) else "decision value"

    def values(self, explained: Codes, background: Codes) -> Floats:
        """(rows, columns of the table) Shapley values of the raw answer. Raises AskTheEstimator."""
        self.predictor.encoder.check(explained)
        self.predictor.encoder.check(background)
        linear = self.predictor.core.linear
        if linear is None:
            return self._of_trees(explained, background)
        distance = self._linear(explained) - np.asarray(self._linear(background).mean(axis=0)).ravel()
        each = np.asarray(distance) * (linear @ self.weights)
        return _by_column(each, self.origin, self.columns)

    def _linear(self, codes: Codes) -> Any:
        self.predictor.encoder.check(codes)
        given = self.predictor.encoder.as_trained(codes)
        return given.toarray() if hasattr(given, "toarray") else np.asarray(given)

    def _matrix(self, codes: Codes) -> Floats:
        """What the trees are given."""
        predictor = self.predictor
        predictor.encoder.check(codes)
        matrix = predictor.encoder.dense(codes)
        if predictor.core.absent_is_missing and predictor.encoder.sparse:
            matrix = np.where(matrix == 0, np.nan, matrix)
        if predictor.core.behind is not None:
            matrix = predictor.core.behind[1](matrix)
        return np.require(matrix, np.float64, ("C", "W"))

    def interactions(self, explained: Codes, background: Codes, among: list[int]) -> Floats:
        """(rows, k, k) Shapley interactions of the raw answer between the columns `among`; 0 on the diagonal.

        The value of a pair is what both have together beyond what each has alone, once: twice what the shap library
        puts into each of its two cells. A linear sum has none. Raises AskTheEstimator.
        """
        self.predictor.encoder.check(explained)
        self.predictor.encoder.check(background)
        k = len(among)
        if self.predictor.core.linear is not None:
            return np.zeros((len(explained), k, k))
        used = np.unique(self.origin[ensemble_of(self.predictor).source])
        place = np.array([among.index(column) if column in among else -1 for column in used.tolist()], dtype=np.int64)
        found = self._walked(explained, background, place, k).reshape(-1, k, k)
        return np.asarray(found + found.transpose(0, 2, 1))

    def _of_trees(self, explained: Codes, background: Codes) -> Floats:
        used = np.unique(self.origin[ensemble_of(self.predictor).source])
        whole = np.zeros((len(explained), self.columns))
        whole[:, used] = self._walked(explained, background, np.arange(len(used)), 0)
        return whole

    def _walked(self, explained: Codes, background: Codes, place: Ints, wide: int) -> Floats:
        """What the players have on the mean of the background rows; place and wide as in the kernel."""
        from assessments.battery.explainability import _tree_kernel

        ensemble = ensemble_of(self.predictor)
        used, player = np.unique(self.origin[ensemble.source], return_inverse=True)
        weight = shares(len(used))
        rows, others = self._ranks(ensemble, explained), self._ranks(ensemble, background)
        found = np.zeros((len(rows), wide * wide if wide else len(used)))
        for leaf, roots, ends in self._parts:
            _tree_kernel.values(
                ensemble.node, roots, ends, ensemble.f, ensemble.c, ensemble.categorical, ensemble.bits, leaf, rows,
                others, player.astype(np.int64), weight, self._depth, place, wide, found,
            )  # fmt: skip
        return np.asarray(found / len(others))

    @cached_property
    def _depth(self) -> int:
        return depth(ensemble_of(self.predictor))

    @cached_property
    def _parts(self) -> list[tuple[Floats, Ints, Ints]]:
        """What the leaves are worth, and the roots and ends of the trees that add to the same sum."""
        ensemble = ensemble_of(self.predictor)
        ends = np.append(ensemble.roots[1:], len(ensemble.node)).astype(np.int64)
        width = ensemble.values.shape[1]
        found: list[tuple[Floats, Ints, Ints]] = []
        for first in np.unique(ensemble.column):
            leaf = np.asarray(ensemble.values, dtype=float) @ self.weights[first : first + width]
            mine = ensemble.column == first
            if leaf.any():
                found.append((leaf, ensemble.roots[mine], ends[mine]))
        return found

    def _ranks(self, ensemble: Ensemble, codes: Codes) -> NDArray[Any]:
        matrix = self._matrix(codes)
        ranks = np.zeros((len(matrix), len(ensemble.source)), dtype=ensemble.code_type)
        ensemble.rank(matrix, 0, len(matrix), ranks)
        return ranks


def ensemble_of(predictor: Predictor) -> Any:
    """The trees, whatever they are given; None where there are none."""
    return predictor.core.behind[0] if predictor.core.behind else predictor.core.ensemble


def favoured(outputs: Any, favourable: int | None) -> Floats:
    """The column of the answer explained. outputs: (sums, outputs) or (sums,) raw answers to each single sum.

    Two labels often share one output, that of the second.
    """
    outputs = np.asarray(outputs, dtype=float)
    outputs = outputs.reshape(len(outputs), -1)
    if outputs.shape[1] > 1:
        return np.asarray(outputs[:, favourable or 0])
    return np.asarray(outputs[:, 0]) * (-1.0 if favourable == 0 else 1.0)


def shares(most: int) -> Floats:
    """[p, q] = p! q! / (p + q + 1)!, for p and q up to `most`; by logarithms, as factorials of many overflow."""
    log = np.array([lgamma(k + 1) for k in range(2 * most + 3)])
    p = np.arange(most + 1)
    return np.asarray(np.exp(log[p][:, None] + log[p][None, :] - log[p[:, None] + p[None, :] + 1]))


def depth(ensemble: Ensemble) -> int:
    """The most nodes on a way from a root to a leaf."""
    children = (np.int64(1) << np.int64(ensemble.c)) - 1
    level, deep = ensemble.roots, 0
    while len(level):
        deep += 1
        inner = ensemble.node[level]
        left = inner[inner >= 0] & children
        level = np.concatenate([left, left + 1])
    return deep


def _by_column(each: Floats, origin: Ints, columns: int) -> Floats:
    found = np.zeros((len(each), columns))
    for at in np.unique(origin):
        found[:, at] = each[:, origin == at].sum(axis=1)
    return found
