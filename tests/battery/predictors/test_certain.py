"""What is called certain is what no rounding can change: against exact sums, and on rows right at the limit."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from assessments.battery.estimator import FittedClassifier
from assessments.battery.predictors._certain import ROWS_AT_ONCE, Certain, apart


def exact(layers, row):
    """The last layer's sums of a perceptron of rectified units, by fractions."""
    found = [Fraction(x) for x in row]
    for number, (weights, added) in enumerate(layers):
        sums = [
            sum((x * Fraction(w) for x, w in zip(found, weights[:, j], strict=True)), Fraction(added[j]))
            for j in range(weights.shape[1])
        ]
        found = sums if number == len(layers) - 1 else [max(each, Fraction(0)) for each in sums]
    return found


def rectify(sums):
    np.maximum(sums, 0, out=sums)


@pytest.mark.parametrize("outputs", [1, 3])
def test_no_sum_is_further_from_the_exact_one_than_is_allowed_for(outputs):
    rng = np.random.default_rng(outputs)
    sizes = [40, 12, 5, outputs]
    layers = [(rng.normal(size=(a, b)), rng.normal(size=b)) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
    rows = rng.uniform(-1e3, 1e3, (20, sizes[0]))
    bound = apart([(np.abs(weights), np.abs(added)) for weights, added in layers], 1e3)
    found = Certain(layers, rectify)._sums(rows)
    true = [exact(layers, row) for row in rows]
    errors = [abs(Fraction(x) - y) for x, y in zip(found.ravel(), np.ravel(true), strict=True)]
    assert 0 < max(errors) < bound
    assert bound < 1e-6 * np.abs(found).max()


def test_a_score_that_rounding_decides_is_not_certain():
    certain = Certain([(np.array([[1.0], [-1.0], [1.0]]), np.zeros(1))], None)
    rows = np.array([[0.3, 0.3, 0.0], [0.1, 0.3, 0.2], [0.1, 0.2, 0.3], [0.3, 0.3, 1e-9]])
    decided, sure = certain(rows)
    assert sure.tolist() == [False, False, True, True]
    assert decided[sure].tolist() == [1, 1]


def test_nothing_is_certain_beside_a_missing_or_an_endless_number():
    certain = Certain([(np.ones((2, 1)), np.zeros(1))], None)
    for strange in (np.nan, np.inf):
        assert not certain(np.array([[1.0, strange], [1.0, 2.0]]))[1].any()


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_perceptron_decides_as_it_does_itself(activation, classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6))
    y = np.digitize(x[:, 0] * x[:, 1], [-0.2, 0.4][: classes - 1])
    model = MLPClassifier((7, 1, 5), activation=activation, max_iter=20, random_state=0).fit(x, y)
    assert left_to_the_estimator(model, rng.normal(size=(ROWS_AT_ONCE + 33, 6))) < 3


def test_rows_at_the_limit_are_decided_as_the_estimator_does():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    model = LogisticRegression().fit(x, x[:, 0] + x[:, 1] > 0)
    rows = rng.normal(size=(400, 5))
    rows -= np.outer(rows @ model.coef_[0] + model.intercept_[0], model.coef_[0] / (model.coef_[0] ** 2).sum())
    assert left_to_the_estimator(model, rows) > 300


def left_to_the_estimator(model, rows):
    """Compare the decisions of the compiled form with the model's; how many it left to the model's own sums."""
    frame = pd.DataFrame(rows, columns=[f"x{k}" for k in range(rows.shape[1])])
    fitted = FittedClassifier(model)
    fitted.bind(frame, [list(frame)])
    codes = fitted.coder.encode(frame)
    decided, (_, sure) = (
        fitted.predictor.decide(codes),
        fitted.predictor.core.certain(np.ascontiguousarray(codes), None),
    )
    for some in (sure, ~sure):  # rounding depends on the rows beside one
        if some.any():
            assert np.array_equal(model.classes_[decided[some]], model.predict(frame[some].to_numpy()))
    return int((~sure).sum())
