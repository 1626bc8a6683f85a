"""The compiled loops give what the plain formulas give."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.coder import Coder
from assessments.battery.plan import Column
from assessments.battery.robustness._box import BoxProblem
from assessments.battery.robustness._lockstep import Problem, _directions, attack
from assessments.battery.robustness._space import Space

COLUMNS = {
    "job": Column("job", kind="category"),
    "gain": Column("gain", kind="number", integer=True, min=0, max=1000),
    "debt": Column("debt", kind="number", integer=False, min=-2.0, max=7.0, mutable="down"),
    "rate": Column("rate", kind="number", integer=False, min=0.0, max=1.0),
}


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"job": rng.choice(["a", "b"], 30), "gain": rng.integers(0, 1000, 30)})
    frame = frame.assign(debt=rng.uniform(-2, 7, 30), rate=rng.uniform(0, 1, 30))
    frame.loc[::7, "rate"] = np.nan
    return frame


def rule(frame):
    return frame["gain"] / 1000 + frame["rate"].fillna(0.2) - 0.1 * frame["debt"] + 0.1 * (frame["job"] == "a") > 0.4


def both(frame, norm, columns=COLUMNS):
    """The same problem: asked over tables with plain numpy, and over codes with the compiled loops."""
    space, coder = Space.of(frame, columns), Coder(frame)
    own = rule(frame).to_numpy()
    plain = Problem(
        space.origin, space.low, space.high, space.step, space.snap,
        lambda points, k: rule(space.decode(points, k)).to_numpy() != own[k], norm,
    )  # fmt: skip
    return plain, BoxProblem.of(space, coder, lambda codes, k: rule(coder.decode(codes)).to_numpy() != own[k], norm)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("numbers_only", [False, True])
@pytest.mark.parametrize("complete", [False, True])
def test_noisy_copies_tell_the_same(frame, norm, numbers_only, complete):
    frame = frame.fillna({"rate": 0.6}) if complete else frame
    given = frame.assign(job="a")[["gain", "debt", "rate"]].assign(job=0.0) if numbers_only else frame
    columns = COLUMNS | {"job": Column("job", kind="number", min=-1, max=1, integer=False)} if numbers_only else COLUMNS
    plain, compiled = both(given, norm, columns)
    rng, rows = np.random.default_rng(1), np.repeat(np.arange(30), 2)
    points = plain.snap(plain.origin[rows] + rng.normal(0, 0.1, (60, len(plain.step))), rows)
    asked = points, rows, _directions(rng, 9, len(plain.step)), rng.uniform(0.1, 0.5, points.shape)
    (total, nearest, found), theirs = compiled.probe(*asked), plain.probe(*asked)
    assert total == pytest.approx(theirs[0], abs=1e-12)
    assert (found == theirs[2]).all()
    assert 0 < found.sum() < len(found)
    assert nearest[found] == pytest.approx(theirs[1][found], abs=1e-12)


def test_points_are_settled_on_the_same_rows(frame):
    plain, compiled = both(frame, "linf")
    rng, rows = np.random.default_rng(1), np.repeat(np.arange(30), 9)
    points = plain.origin[rows] + rng.normal(0, 0.4, (270, 3))
    points[::5] = plain.origin[rows[::5]]
    for theirs, ours in zip(plain.ask(points, rows), compiled.ask(points, rows), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-15)


def test_the_attack_is_the_same_either_way(frame):
    nothing = np.empty((30, 0, 3))
    found = [
        attack(problem, nothing, iterations=4, evaluations=20, rng=np.random.default_rng(3))[1]
        for problem in both(frame, "linf")
    ]
    assert found[1] == pytest.approx(found[0], abs=1e-9)
    assert np.isfinite(found[0]).mean() > 0.5


def test_directions_have_length_one_and_stand_at_right_angles():
    noise = _directions(np.random.default_rng(0), 7, 3)
    assert noise.shape == (7, 3)
    for block in (noise[:3], noise[3:6]):
        assert block @ block.T == pytest.approx(np.eye(3), abs=1e-12)


def test_directions_favour_no_side():
    first = np.concatenate([_directions(np.random.default_rng(seed), 2, 2) for seed in range(500)])
    assert np.abs(first.mean(axis=0)).max() < 0.07
    assert (first**2).mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.03)


def test_rows_as_other_tools_take_them_may_hold_any_number(frame):
    space = Space.unrestricted(frame, COLUMNS)
    values = space.values(np.full((30, 3), 0.3333), np.arange(30))
    assert values[:, 0] == pytest.approx(333.3)
    assert (values[:, 1] > frame["debt"]).any()
