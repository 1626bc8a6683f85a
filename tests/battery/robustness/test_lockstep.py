"""The attack itself: known distances, never worse than ART's, the same every time."""

import warnings
from itertools import count

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from assessments.battery.robustness._lockstep import Problem, attack, length

NORMS = {"linf": np.inf, "l2": 2}


def problem_of(rows, label, norm="linf", low=0.0, high=1.0):
    """Any value in the box is legal; a flip is a label other than that of the row itself."""
    own = label(rows)
    return Problem(
        origin=rows,
        low=np.full(rows.shape, low),
        high=np.full(rows.shape, high),
        step=np.zeros(rows.shape[1]),
        snap=lambda points, k: points,
        flips=lambda points, k: label(points) != own[k],
        norm=norm,
    )


def attacked(problem, *, iterations=10, evaluations=100, seed=0):
    """Started from uniform draws, as ART is."""
    nothing = np.empty((len(problem.origin), 0, problem.origin.shape[1]))
    rng = np.random.default_rng(seed)
    return attack(problem, nothing, iterations=iterations, evaluations=evaluations, rng=rng)


def numeric_problem(model):
    """A fitted model on six columns scaled to [0, 1], and rows to attack."""
    x, y = make_classification(400, 6, n_informative=4, random_state=1)
    x = (x - x.min(0)) / (x.max(0) - x.min(0))
    return model.fit(x, y), x[300:312]


def distances_by_art(monkeypatch, model, rows, norm):
    """What ART's own HopSkipJump finds with the same iterations and copies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART warns at import that it has no PyTorch
        from art.attacks.evasion import HopSkipJump
        from art.estimators.classification import BlackBoxClassifier
    wrapped = BlackBoxClassifier(model.predict_proba, rows.shape[1:], 2, clip_values=(0.0, 1.0))
    art = HopSkipJump(wrapped, norm=NORMS[norm], max_iter=10, max_eval=1000, init_eval=100, verbose=False)
    seeds, unseeded = count(), np.random.RandomState
    np.random.seed(0)
    with monkeypatch.context() as patched:
        patched.setattr(np.random, "RandomState", lambda: unseeded(next(seeds)))  # ART cannot be seeded otherwise
        theirs = art.generate(rows.astype(np.float32))
    return np.where(model.predict(theirs) != model.predict(rows), length(theirs - rows, norm), np.inf)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    "model", [LogisticRegression(C=10), RandomForestClassifier(20, random_state=0)], ids=["linear", "forest"]
)
def test_its_flips_are_no_farther_than_those_of_art(monkeypatch, model, norm):
    """On the same rows; which of the flips near a forest is met first is chance, so the median row decides."""
    model, rows = numeric_problem(model)
    _, cost = attacked(problem_of(rows, model.predict, norm))
    assert np.isfinite(cost).all()
    assert np.median(cost / distances_by_art(monkeypatch, model, rows, norm)) <= 1.1


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_the_distance_to_a_plane_is_found_and_never_undercut(norm, dual):
    rng = np.random.default_rng(4)
    weights, rows = rng.normal(size=5), rng.uniform(-1, 1, (40, 5))
    problem = problem_of(rows, lambda x: x @ weights > 0.2, norm, low=-9.0, high=9.0)
    exact = np.abs(rows @ weights - 0.2) / np.linalg.norm(weights, dual)
    _, cost = attacked(problem, iterations=20, evaluations=200)
    assert (cost >= exact - 1e-9).all()
    assert np.median(cost / exact) < 1.05


def test_every_flip_flips_and_costs_what_it_says():
    model, rows = numeric_problem(RandomForestClassifier(20, random_state=0))
    points, cost = attacked(problem_of(rows, model.predict))
    assert (model.predict(points) != model.predict(rows)).all()
    assert np.abs(points - rows).max(1) == pytest.approx(cost, abs=0)


def test_the_same_seed_gives_the_same_flips():
    model, rows = numeric_problem(LogisticRegression())
    problem = problem_of(rows, model.predict)
    first, again, other = (attacked(problem, seed=seed)[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_a_constant_model_cannot_be_flipped():
    rows = np.random.default_rng(0).uniform(size=(5, 3))
    points, cost = attacked(problem_of(rows, lambda x: np.zeros(len(x))))
    assert np.isinf(cost).all()
    assert (points == rows).all()


def test_coordinates_that_do_not_matter_are_left_alone():
    rows = np.random.default_rng(0).uniform(0, 0.4, size=(10, 4))
    points, cost = attacked(problem_of(rows, lambda x: x[:, 2] > 0.5))
    assert (points[:, [0, 1, 3]] == rows[:, [0, 1, 3]]).all()
    assert cost == pytest.approx(0.5 - rows[:, 2], rel=0.02)


def test_a_row_is_never_moved_out_of_its_box():
    rows = np.full((6, 2), 0.5)
    problem = problem_of(rows, lambda x: x.sum(1) > 1.2)
    boxed = Problem(**{**vars(problem), "high": np.array([[0.55, 1.0]] * 3 + [[1.0, 0.55]] * 3)})
    points, cost = attacked(boxed)
    assert (points <= boxed.high).all()
    assert cost == pytest.approx(0.15, rel=0.05)
