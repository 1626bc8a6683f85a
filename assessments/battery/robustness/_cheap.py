"""The attacks that cost little, each on the same target: what several tests run together."""

from typing import Any

import numpy as np

from assessments.battery.robustness._box import BoxProblem, coded
from assessments.battery.robustness._judging import Judged, nothing_yet
from assessments.battery.robustness._lockstep import Floats, attack
from assessments.battery.robustness._target import Target

DONORS = 24


def hop_skip_jump(target: Target, params: dict[str, Any], rng: np.random.Generator) -> Judged:
    """HopSkipJump on the numbers, in the sense of the largest move; categories stay."""
    encoding, found = target.encoding, nothing_yet(target, params["swaps"])
    rows = np.arange(len(encoding))
    found = _all_tried(found)
    if not len(encoding.columns) or not len(rows):
        return found
    problem = BoxProblem.of(encoding.space, encoding.coder, target.achieved, "linf")
    points, cost = attack(
        problem,
        _donors(target, rng),
        iterations=params["iterations"],
        evaluations=params["evaluations"],
        rng=rng,
    )
    flips = np.flatnonzero(np.isfinite(cost))
    codes = coded(encoding.space, encoding.base, encoding.columns, points[flips], flips)
    return found.offered(codes, flips)


def _donors(target: Target, rng: np.random.Generator) -> Floats:
    """(m, k, numbers) the numbers of rows that the model decides otherwise, the nearest of a few hundred."""
    subject, space = target.subject, target.encoding.space
    pool = np.sort(rng.choice(len(subject.frame), min(len(subject.frame), 600), replace=False))
    values = subject.frame[space.names].iloc[pool].to_numpy(dtype=float, na_value=np.nan)
    donors = np.nan_to_num(space.unit(values), nan=0.5, posinf=1.0, neginf=0.0)
    far = np.abs(donors[None] - space.origin[:, None]).max(axis=2)
    other = subject.predicted[pool][None, :] != subject.predicted[target.rows[target.of]][:, None]
    near = np.argsort(np.where(other, far, np.inf), axis=1, kind="stable")[:, :DONORS]
    return np.asarray(np.clip(donors[near], space.low[:, None], space.high[:, None]))


def _all_tried(found: Judged) -> Judged:
    found.tried[:] = True
    return found
