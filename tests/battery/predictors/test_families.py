"""Every compiled family answers as its estimator does, to the last bit."""

import numpy as np
import pytest
from sklearn.base import is_regressor
from sklearn.pipeline import make_pipeline

from assessments.battery.predictors import compiled
from assessments.battery.predictors._checking import one_thread
from tests.battery.predictors.fitted import (
    CLASSIFIERS,
    DENSE_ONLY,
    NAN_TAKERS,
    REGRESSORS,
    STEPS_ONLY,
    bound,
    fit,
    outcome,
    strange_rows,
    table,
    transformers,
)


def assert_same(model, codes) -> None:
    """The compiled form was made, answers real rows itself, and all rows as the estimator does, or both refuse."""
    model.compile()
    assert model.form.startswith("compiled"), model.form
    before = model.rows_asked_as_is
    model.predict(model.sample(100))
    assert model.rows_asked_as_is == before
    lots = [codes, codes[-60:], *(codes[at : at + size] for at, size in [(0, 1), (700, 1), (-1, 1), (9, 5), (400, 33)])]
    for lot in lots:
        for name in ["predict"] if is_regressor(model.estimator) else ["predict", "scores"]:
            ours = answer(lambda lot=lot, name=name: getattr(model, f"{name}_codes")(lot))
            theirs = answer(lambda lot=lot, name=name: uncompiled(model, name, lot))
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)


def uncompiled(model, name, codes):
    ours, model._predictor = model._predictor, None
    try:
        with one_thread(model.estimator):
            return getattr(model, name)(model.coder.decode(codes))
    finally:
        model._predictor = ours


def answer(ask):
    try:
        return ask()
    except ValueError as refused:
        return np.array(str(refused))


BEFORE = ["sparse", "dense", "ordinal", "rare", "missing"]
PAIRS = [
    (name, before)
    for name in CLASSIFIERS
    for before in BEFORE
    if not (before == "missing" and name not in NAN_TAKERS) and not (before == "sparse" and name in DENSE_ONLY)
]


def one_each(pairs):
    """Each of the first once, with one of the second in turn; the other pairs are long."""
    first = {}
    for number, name in enumerate(dict.fromkeys(name for name, _ in pairs)):
        own = [pair for pair in pairs if pair[0] == name]
        first[own[number % len(own)]] = True
    return [pair if pair in first else pytest.param(*pair, marks=pytest.mark.long) for pair in pairs]


@pytest.mark.parametrize(("name", "before"), one_each(PAIRS))
def test_a_classifier_behind_transformers(adult_csv, name, before):
    frame, target = table(adult_csv)
    given = frame.drop(columns=target)
    y = outcome(frame, target, 2, name == "xgboost")
    model = bound(fit(make_pipeline(transformers()[before], CLASSIFIERS[name]), given[:2000], y[:2000]), given)
    assert_same(model, strange_rows(model, given[1800:2100]))


@pytest.mark.parametrize(("name", "classes"), one_each([(name, k) for name in CLASSIFIERS for k in (3, 9)]))
def test_a_classifier_of_several_classes(german_csv, name, classes):
    frame, target = table(german_csv)
    given = frame.drop(columns=target)
    y = outcome(frame, target, classes, name == "xgboost")
    model = bound(fit(make_pipeline(transformers()["dense"], CLASSIFIERS[name]), given, y), given)
    assert_same(model, strange_rows(model, given[:200]))


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name not in STEPS_ONLY])
def test_a_bare_classifier_on_numbers(german_csv, name):
    frame, target = table(german_csv)
    numbers = frame.drop(columns=target).select_dtypes("number")
    if name not in NAN_TAKERS:
        numbers = numbers.fillna(0)
    y = outcome(frame, target, 2, name == "xgboost")
    for given in (numbers, numbers.to_numpy()):
        model = bound(fit(CLASSIFIERS[name], given, y), numbers)
        assert_same(model, strange_rows(model, numbers[:200]))


@pytest.mark.parametrize("name", ["histogram boosting", "xgboost", "lightgbm"])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_booster_with_categories_of_its_own(adult_csv, name, classes):
    frame, target = table(adult_csv)
    text = [column for column in frame if frame[column].dtype == object and column != target]
    given = frame.drop(columns=target).astype(dict.fromkeys(text, "category"))
    y = outcome(frame, target, classes, name == "xgboost")
    options = {"enable_categorical": True} if name == "xgboost" else {}
    booster = CLASSIFIERS[name].set_params(**options)
    model = bound(fit(booster, given[:2000], y[:2000]), frame.drop(columns=target))
    assert_same(model, strange_rows(model, frame.drop(columns=target)[1800:2100]))


REGRESSOR_PAIRS = [(name, before) for name in REGRESSORS for before in ("dense", "sparse")[: 2 - (name in DENSE_ONLY)]]


@pytest.mark.parametrize(("name", "before"), one_each(REGRESSOR_PAIRS))
def test_a_regressor(german_csv, name, before):
    frame, target = table(german_csv)
    given = frame.drop(columns=target)
    amount = given.select_dtypes("number").iloc[:, 1].astype(float)
    y = np.abs(amount + np.random.default_rng(0).normal(0, amount.std(), len(amount)))
    model = bound(fit(make_pipeline(transformers()[before], REGRESSORS[name]), given, y), given)
    assert_same(model, strange_rows(model, given[:200]))


def test_rows_that_the_model_refuses_are_left_to_it(german_csv):
    frame, target = table(german_csv)
    numbers = frame.drop(columns=target).select_dtypes("number").fillna(0)
    model = bound(fit(CLASSIFIERS["logistic"], numbers, frame[target]), numbers)
    model.compile()
    codes = model.coder.encode(numbers)
    codes[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict_codes(codes)
    codes[3, 1] = np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        model.predict_codes(codes)


def test_a_compiled_form_does_not_take_over_categories_from_its_trial(german_csv):
    frame, target = table(german_csv)
    given = frame.drop(columns=target)
    model = bound(fit(make_pipeline(transformers()["dense"], CLASSIFIERS["tree"]), given, frame[target]), given)
    before = {name: list(values) for name, values in model.coder.categories.items()}
    predictor = compiled(model)
    assert model.coder.categories == before
    assert predictor.seconds > 0
