"""Distances within which no change of the numbers can turn a decision: proved from the model, not searched.

For linear models the answer is exact. For trees and sums of trees it is a lower bound, from groups of trees (see
`_certificate_kernel`), exact for a single tree. Categories, and what nobody can change, keep the row's own values;
numbers stay in their bounds and their direction, whole ones in whole steps: the same changes that the attack on
numbers makes, so that the certificate and what the attack finds enclose the truth.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.answers import ClassAnswers
from assessments.battery.predictors._ensemble import CATEGORY_KIND
from assessments.battery.robustness._gradients import Differentiable, NoGradient
from assessments.battery.robustness._lockstep import Flags, Floats, Rows
from assessments.battery.robustness._target import Target
from assessments.battery.spec import NotApplicable

HALVINGS = 20
GRID = 17  # points on each column's way, at which the preparation has to move one way
ROUNDING = 1e-9

Proof = Callable[[Floats, Rows], Flags]  # sizes (m,), rows (m,) -> whether no change of that size turns the decision


@dataclass(frozen=True)
class Certificate:
    """radius (m,): no smaller change turns the decision; infinite where none does. exact: larger ones do."""

    radius: Floats
    exact: bool
    method: str


def certify(
    target: Target, rng: np.random.Generator, *, clique: int, most: int, over: Callable[[], bool] = lambda: False
) -> Certificate:
    """Raises NotApplicable where no certificate is known for the model."""
    proof, exact, method = proof_for(target, rng, clique=clique, most=most)
    m = len(target.encoding)
    rows = np.arange(m)
    none = proof(np.full(m, 1.0), rows) if m else np.zeros(0, dtype=bool)
    safe, unsafe = np.zeros(m), np.full(m, 1.0)
    for _ in range(HALVINGS):
        left = np.flatnonzero(~none)
        if over() or not len(left):
            break
        middle = (safe[left] + unsafe[left]) / 2
        proved = proof(middle, left)
        safe[left[proved]], unsafe[left[~proved]] = middle[proved], middle[~proved]
    return Certificate(np.where(none, np.inf, safe), exact, method)


def proof_for(target: Target, rng: np.random.Generator, *, clique: int, most: int) -> tuple[Proof, bool, str]:
    """The proof for this kind of model, whether it is exact, and what it is. Raises NotApplicable."""
    if not isinstance(target.subject.answers, ClassAnswers):
        raise NotApplicable("A certificate is about decisions; this model predicts a number.")
    predictor = target.subject.model.predictor
    if predictor is not None and (ensemble := trees_of(predictor)) is not None:
        trees = len(ensemble.roots)
        proof = _of_trees(target, predictor, clique if trees > 1 else 1, most)
        return proof, trees == 1, "read off the one tree" if trees == 1 else f"a bound from groups of {clique} trees"
    try:
        model = Differentiable.of(target.subject, target.encoding, rng)
    except NoGradient as error:
        raise NotApplicable(f"Certificates are known for linear models and for trees: {error}.") from error
    if not hasattr(model.affine.final, "coef_"):
        name = type(model.affine.final).__name__
        raise NotApplicable(f"Certificates are known for linear models and for trees; this one is of the class {name}.")
    return _of_planes(target, model), True, "the distance to the plane"


def reach(target: Target, sizes: Floats, rows: Rows) -> tuple[Floats, Floats]:
    """(m, numbers) the least and the greatest that each number may become when none moves by more than the size."""
    space = target.encoding.space
    step = np.where(space.integer, 1.0, 0.0)
    far = sizes[:, None] * space.width * (1 + 1e-12)
    far = np.where(space.integer, np.floor(far + ROUNDING) * step, far)
    own = np.where(space.missing, space.minimum, space.own)[rows]
    low, high = np.maximum(own - far, space.floor[rows]), np.minimum(own + far, space.ceiling[rows])
    low, high = np.minimum(low, own), np.maximum(high, own)
    absent = space.missing[rows]
    return np.where(absent, np.nan, low), np.where(absent, np.nan, high)


def _of_planes(target: Target, model: Differentiable) -> Proof:
    encoding, rows = target.encoding, np.arange(len(target.encoding))
    truth = target.subject.y[target.rows[target.of]]
    logits, slopes = model.logits(encoding.origin, rows), model.slopes(encoding.origin, rows)
    numbers = len(encoding.columns)
    lead = logits[rows, truth][:, None] - logits
    pull = (slopes[rows, truth][:, None, :] - slopes)[:, :, :numbers]

    def proof(sizes: Floats, some: Rows) -> Flags:
        low, high = reach(target, sizes, some)
        own = np.where(encoding.space.missing, encoding.space.minimum, encoding.space.own)[some]
        down = np.nan_to_num((low - own) / encoding.space.width)
        up = np.nan_to_num((high - own) / encoding.space.width)
        worst = np.minimum(pull[some] * down[:, None, :], pull[some] * up[:, None, :]).sum(axis=2)
        left = lead[some] + worst
        left[np.arange(len(some)), truth[some]] = np.inf
        return np.asarray(left.min(axis=1) > 0)

    return proof


def _of_trees(target: Target, predictor: Any, clique: int, most: int) -> Proof:
    from assessments.battery.robustness._certificate_kernel import least_sums

    ensemble, answers = trees_of(predictor), target.subject.answers
    assert isinstance(answers, ClassAnswers)  # noqa: S101 - see proof_for
    own_class = answers.class_of_label[target.subject.y[target.rows[target.of]]]
    shift = int(ensemble.categorical)
    trees = (ensemble.node, np.int64(ensemble.f), np.int64(ensemble.c), np.int64(shift), ensemble.roots, ensemble.bits)
    deepest = depth_of(ensemble) + 1
    check_columns(target, predictor)
    games = [_game(ensemble, c, k) for c, k in _pairs(ensemble)]

    def proof(sizes: Floats, some: Rows) -> Flags:
        lows, highs = code_intervals(target, predictor, sizes, some)
        safe = np.ones(len(some), dtype=bool)
        for winner, gain, sign, start, wins_ties in games:
            here = np.flatnonzero(safe & (own_class[some] == winner))
            if not len(here):
                continue
            scale = ROUNDING * (1.0 + abs(start) + np.abs(gain).max() * len(sign) * 1e-3)
            left = np.empty(len(here))
            least_sums(lows[here], highs[here], trees, gain, sign, start, scale, clique, most, deepest, left)
            safe[here] = left >= 0 if wins_ties else left > scale
        return safe

    return proof


def _pairs(ensemble: Any) -> list[tuple[int, int]]:
    classes = max(len(ensemble.init), 2)
    return [(c, k) for c in range(classes) for k in range(classes) if c != k]


def _game(ensemble: Any, own: int, other: int) -> tuple[int, Floats, Floats, float, bool]:
    """The sum that has to stay above 0 for class `own` to win against `other`: leaf gains, signs of trees, start.

    The last: whether 0 will do. The first of equal classes is taken, but only one tree's sum is free of rounding.
    """
    values, init, count = ensemble.values.astype(float), ensemble.init.astype(float), len(ensemble.roots)
    if len(init) == 1:  # one sum, class 1 where it is above 0
        direction = 1.0 if own == 1 else -1.0
        return own, np.ascontiguousarray(values[:, 0]), np.full(count, direction), direction * float(init[0]), False
    start = float(init[own] - init[other])
    if values.shape[1] > 1:  # each tree adds to every class
        gain = np.ascontiguousarray(values[:, own] - values[:, other])
        return own, gain, np.ones(count), start, count == 1 and own < other
    sign = (ensemble.column == own).astype(float) - (ensemble.column == other)
    return own, np.ascontiguousarray(values[:, 0]), sign, start, False


def trees_of(predictor: Any) -> Any:
    """The trees of the model in packed form, or None."""
    return predictor.core.behind[0] if predictor.core.behind else predictor.core.ensemble


def code_intervals(
    target: Target, predictor: Any, sizes: Floats, rows: Rows
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(m, columns) the least and the greatest code of each column of the trees within the size."""
    ensemble, ends = trees_of(predictor), []
    for values in reach(target, sizes, rows):
        codes = target.encoding.base[rows]
        codes[:, target.encoding.columns] = values
        given = np.require(matrix(predictor, codes), np.float64, ("C", "W"))
        ranks = np.empty((len(rows), len(ensemble.source)), dtype=ensemble.code_type)
        ensemble.rank(given, 0, len(rows), ranks)
        ends.append(ranks.astype(np.int64))
    low, high = np.minimum(*ends), np.maximum(*ends)
    around_zero = ensemble.kind == 1  # where zero counts as missing, an interval around it may hold that code too
    low = np.where(around_zero & (low < high), np.minimum(low, ensemble.missing), low)
    return low, np.where(around_zero & (low < high), np.maximum(high, ensemble.missing), high)


def matrix(predictor: Any, codes: Floats) -> Floats:
    """What the trees are given for codes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = np.asarray(predictor.encoder.dense(codes), dtype=float)
        if predictor.core.absent_is_missing and predictor.encoder.sparse:
            given = np.where(given == 0, np.nan, given)
        behind = predictor.core.behind
        return given if behind is None else np.asarray(behind[1](given), dtype=float)


def check_columns(target: Target, predictor: Any) -> None:
    """The ends of an interval are only the ends of what the trees see if each number goes its own way, up or down."""
    encoding = target.encoding
    rows = np.arange(min(len(encoding), 40))
    taken = np.zeros(0, dtype=bool)
    for j, column in enumerate(encoding.columns):
        ways = []
        for share in np.linspace(0.0, 1.0, GRID):
            codes = encoding.base[rows]
            floor, ceiling = encoding.space.floor[rows, j], encoding.space.ceiling[rows, j]
            there = encoding.free[rows, j]
            codes[there, column] = (floor + share * (ceiling - floor))[there]
            ways.append(matrix(predictor, codes))
        steps = np.diff(np.nan_to_num(np.stack(ways)), axis=0)
        moved = (steps != 0).any(axis=(0, 1))
        taken = np.zeros_like(moved) if not len(taken) else taken
        one_way = (steps >= 0).all(axis=(0, 1)) | (steps <= 0).all(axis=(0, 1))
        if (moved & ~one_way).any() or (moved & taken).any():
            raise NotApplicable(
                "A certificate needs a preparation that treats each column by itself, up or down with it; this model's "
                "mixes columns."
            )
        taken = taken | moved
    ensemble = trees_of(predictor)
    if len(taken) and taken[ensemble.source[ensemble.kind == CATEGORY_KIND]].any():
        raise NotApplicable("The trees take a column of numbers for categories: there is no way up or down in it.")


def depth_of(ensemble: Any) -> int:
    """How many nodes there are on the longest way down."""
    level, depth = ensemble.node[ensemble.roots], 0
    children = (np.int64(1) << ensemble.c) - 1
    while len(level := level[level >= 0]):
        left = level & children
        level, depth = np.concatenate([ensemble.node[left], ensemble.node[left + 1]]), depth + 1
    return depth + 1
