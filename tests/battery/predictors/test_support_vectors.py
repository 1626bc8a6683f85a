"""Decisions by one product of matrices are libsvm's, at the border too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from assessments.battery.predictors._support_vectors import support_vectors


def trained(classes=2, seed=0, **options):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 5))
    return SVC(**options).fit(X, (np.digitize(X[:, 0] + X[:, 1] ** 2, [0.3, 1.0, 2.0]) % classes)), X


def border(model, X) -> np.ndarray:
    """Points within rounding of the border, by bisection between rows that are decided otherwise."""
    decided = model.predict(X)
    near, far = X[decided == decided[0]][:40], X[decided != decided[0]][:40]
    near, far = near[: len(far)], far[: len(near)]
    for _ in range(80):
        middle = (near + far) / 2
        same = model.predict(middle) == decided[0]
        near, far = np.where(same[:, None], middle, near), np.where(same[:, None], far, middle)
    return np.concatenate([near, far])


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_points_on_the_border_are_decided_as_libsvm_does(kernel, classes):
    model, X = trained(classes, kernel=kernel)
    points = np.concatenate([border(model, X), X, 1e6 * X, X * 0])
    core = support_vectors(model, "decision_function")
    assert np.array_equal(model.classes_[core.decide(core.raw(points))], model.predict(points))


def test_the_border_is_left_to_the_estimator_and_little_else():
    model, X = trained()
    asked = []
    core = support_vectors(model, "")
    model.predict, predict = lambda rows: asked.append(len(rows)) or predict(rows), model.predict
    core.decide(core.raw(X))
    assert asked == []
    del model.predict
    points = border(model, X)
    model.predict, predict = lambda rows: asked.append(len(rows)) or predict(rows), model.predict
    core.decide(core.raw(points))
    assert sum(asked) > len(points) / 2


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 4), st.integers(0, 1000), st.sampled_from([0.01, 1.0, 100.0]), st.sampled_from([1e-3, "scale", 5.0])
)
def test_any_machine_decides_as_libsvm_does(classes, seed, C, gamma):
    model, X = trained(classes, seed, C=C, gamma=gamma)
    points = np.concatenate([X, X[::-1] * np.random.default_rng(seed).choice([0.1, 1.0, 30.0], X.shape)])
    core = support_vectors(model, "")
    assert np.array_equal(model.classes_[core.decide(core.raw(points))], model.predict(points))
