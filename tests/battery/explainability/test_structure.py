"""Values read from inside a model: against the definition for every family, and against the shap library."""

import warnings
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from assessments.battery.explainability._structure import Inside, shares
from tests.battery.predictors.fitted import (
    CLASSIFIERS,
    DENSE_ONLY,
    NAN_TAKERS,
    REGRESSORS,
    bound,
    fit,
    outcome,
    table,
    transformers,
)

COLUMNS = ["age", "workclass", "education", "hours_per_week", "sex"]
READ = [name for name in CLASSIFIERS if name not in ("mlp", "tanh mlp", "svc", "linear kernel", "neighbours", "bayes")]
READ_NUMBERS = [name for name in REGRESSORS if name not in ("mlp", "svr")]
SHORT = ["logistic", "forest", "adaboost", "gradient boosting", "xgboost"]
SINGLE = ("xgboost",)  # it adds up in float32: the definition, asked of its sums, has that rounding
PAIRS = [
    (name, before)
    for name in READ
    for before in ("sparse", "dense", "ordinal", "rare", "missing")
    if not (before == "missing" and name not in NAN_TAKERS) and not (before == "sparse" and name in DENSE_ONLY)
]


def mostly_long(pairs, short):
    """One pair each for the families in `short`; the others are long."""
    chosen = {name: [pair for pair in pairs if pair[0] == name] for name in short}
    kept = [own[number % len(own)] for number, own in enumerate(chosen.values())]
    return [pair if pair in kept else pytest.param(*pair, marks=pytest.mark.long) for pair in pairs]


def definition(raw, explained, background):
    """Shapley's formula over all sets of columns of the coded rows."""
    n, d = explained.shape
    sets = [frozenset(chosen) for size in range(d + 1) for chosen in combinations(range(d), size)]
    worth = {}
    for chosen in sets:
        rows = np.repeat(background[None], n, axis=0)
        for column in chosen:
            rows[:, :, column] = explained[:, None, column]
        worth[chosen] = np.asarray(raw(rows.reshape(-1, d)), dtype=float).reshape(n, -1).mean(1)
    values = np.zeros((n, d))
    for chosen in sets:
        for column in set(range(d)) - chosen:
            weight = factorial(len(chosen)) * factorial(d - len(chosen) - 1) / factorial(d)
            values[:, column] += weight * (worth[chosen | {column}] - worth[chosen])
    return values


def read_of(model, favourable=1):
    model.compile()
    found = Inside.of(model.predictor, len(model.features), favourable)
    assert found is not None
    return found


def assert_by_definition(model, codes, name, favourable=1):
    inside = read_of(model, favourable)
    explained, background = codes[:3], codes[3:75]  # more than one word of background rows
    expected = definition(inside.raw, explained, background)
    size = max(1.0, np.abs(expected).max())
    assert np.abs(expected).max() > 1e-3
    assert np.abs(inside.values(explained, background) - expected).max() / size < (1e-6 if name in SINGLE else 1e-12)


@pytest.mark.parametrize(("name", "before"), mostly_long(PAIRS, SHORT))
def test_a_classifier_behind_transformers_has_the_values_of_the_definition(adult_csv, name, before):
    frame, target = table(adult_csv)
    given, y = frame[COLUMNS], outcome(frame, target, 2, name == "xgboost")
    model = bound(fit(make_pipeline(transformers()[before], CLASSIFIERS[name]), given[:2000], y[:2000]), given)
    assert_by_definition(model, model.coder.encode(given[2000:2075]), name)


LABELS = [(name, favourable) for name in READ for favourable in (0, 1, 2)]


@pytest.mark.parametrize(("name", "favourable"), mostly_long(LABELS, ["logistic", "forest", "lightgbm"]))
def test_of_several_labels_the_favourable_one_is_explained(german_csv, name, favourable):
    frame, target = table(german_csv)
    given, y = frame.drop(columns=target).iloc[:, :5], outcome(frame, target, 3, name == "xgboost")
    model = bound(fit(make_pipeline(transformers()["dense"], CLASSIFIERS[name]), given, y), given)
    assert_by_definition(model, model.coder.encode(given[:75]), name, favourable)


@pytest.mark.parametrize("name", ["histogram boosting", "xgboost", "lightgbm"])
def test_a_booster_with_categories_and_holes_of_its_own(adult_csv, name):
    frame, target = table(adult_csv)
    y = outcome(frame, target, 2, name == "xgboost")
    text = [column for column in COLUMNS if frame[column].dtype == object]
    options = {"enable_categorical": True} if name == "xgboost" else {}
    booster = clone(CLASSIFIERS[name]).set_params(**options)
    model = bound(fit(booster, frame[COLUMNS][:2000].astype(dict.fromkeys(text, "category")), y[:2000]), frame[COLUMNS])
    codes = model.coder.encode(frame[COLUMNS][2000:2075])
    assert np.isnan(codes).any()
    assert_by_definition(model, codes, name)


@pytest.mark.parametrize(
    "name", [n if n in ("ridge", "poisson", "tree") else pytest.param(n, marks=pytest.mark.long) for n in READ_NUMBERS]
)
def test_a_regressor_has_the_values_of_the_definition(german_csv, name):
    frame, target = table(german_csv)
    given = frame.drop(columns=target).iloc[:, :5]
    y = np.abs(frame["credit_amount"] if "credit_amount" in frame else frame.select_dtypes("number").iloc[:, 1])
    model = bound(fit(make_pipeline(transformers()["dense"], REGRESSORS[name]), given, 10 * y / y.mean()), given)
    assert_by_definition(model, model.coder.encode(given[:75]), name, None)


def test_the_first_label_has_the_second_one_s_values_reversed(adult_csv):
    frame, target = table(adult_csv)
    for name in ("histogram boosting", "logistic", "forest", "adaboost"):
        pipeline = make_pipeline(transformers()["dense"], CLASSIFIERS[name])
        model = bound(fit(pipeline, frame[COLUMNS][:1000], frame[target][:1000]), frame[COLUMNS])
        codes = model.coder.encode(frame[COLUMNS][:40])
        second, first = (read_of(model, at).values(codes[:5], codes[5:]) for at in (1, 0))
        assert first == pytest.approx(-second, abs=1e-12)


@pytest.mark.parametrize("name", ["forest", "gradient boosting", "lightgbm", "xgboost"])
def test_trees_on_plain_numbers_have_the_values_of_the_shap_library(name):
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.integers(0, 40, (400, 6)).astype(float), columns=list("abcdef"))
    y = ((X["a"] + X["b"] > 40) ^ (X["c"] > 25)).astype(int)
    model = bound(fit(CLASSIFIERS[name], X, y), X)
    codes = model.coder.encode(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        explainer = shap.TreeExplainer(model.estimator, X[:50], feature_perturbation="interventional")
        theirs = explainer.shap_values(X[50:70], check_additivity=False)
        exact = shap.explainers.Exact(read_of(model).raw, shap.maskers.Independent(X[:50].to_numpy(), max_samples=50))
        exact = exact(X[50:53].to_numpy()).values
    theirs = theirs[..., 1] if theirs.ndim == 3 else theirs
    ours = read_of(model).values(codes[50:70], codes[:50])
    assert ours == pytest.approx(theirs, abs=1e-5)  # TreeExplainer adds up in float32
    assert ours[:3] == pytest.approx(exact, abs=1e-6 if name in SINGLE else 1e-9)


def test_linear_models_have_the_values_of_the_shap_library():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(300, 5)), columns=list("abcde"))
    model = bound(fit(CLASSIFIERS["logistic"], X, (X["a"] - X["b"] > 0).astype(int)), X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        theirs = shap.LinearExplainer(model.estimator, X[:50]).shap_values(X[50:70])
    codes = model.coder.encode(X)
    assert read_of(model).values(codes[50:70], codes[:50]) == pytest.approx(theirs, abs=1e-9)


def test_columns_that_were_left_out_before_the_model_get_nothing(german_csv):
    frame, target = table(german_csv)
    numbers = frame.drop(columns=target).select_dtypes("number").fillna(0)
    chosen = make_pipeline(StandardScaler(), SelectKBest(k=2), CLASSIFIERS["forest"])
    model = bound(fit(chosen, numbers, frame[target]), numbers)
    inside, codes = read_of(model), model.coder.encode(numbers)
    values = inside.values(codes[:3], codes[3:40])
    kept = model.estimator[1].get_support()
    assert (values[:, ~kept] == 0).all()
    assert (values[:, kept] != 0).any()
    assert values.sum(1) + inside.raw(codes[3:40]).mean() == pytest.approx(inside.raw(codes[:3]), abs=1e-12)


@pytest.mark.parametrize("mixing", [PCA(2), PolynomialFeatures(2)])
def test_steps_that_mix_columns_leave_nothing_to_read(german_csv, mixing):
    frame, target = table(german_csv)
    numbers = frame.drop(columns=target).select_dtypes("number").fillna(0)
    model = bound(fit(make_pipeline(mixing, CLASSIFIERS["forest"]), numbers, frame[target]), numbers)
    model.compile()
    assert model.predictor is not None
    assert Inside.of(model.predictor, len(numbers.columns), 1) is None


def test_a_tree_that_asks_for_a_hundred_columns():
    """More players than bits in a word, and more than factorials of floats can hold."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(1500, 200)), columns=[f"c{k}" for k in range(200)])
    y = (X.iloc[:, ::2].sum(axis=1) + rng.normal(size=1500) > 0).astype(int)
    model = bound(fit(CLASSIFIERS["forest"], X, y), X)
    inside, codes = read_of(model), model.coder.encode(X)
    values = inside.values(codes[:5], codes[5:80])
    assert (np.abs(values).max(0) > 0).sum() > 100
    assert values.sum(1) + inside.raw(codes[5:80]).mean() == pytest.approx(inside.raw(codes[:5]), abs=1e-12)


@pytest.mark.parametrize("name", ["forest", "histogram boosting"])
def test_many_background_rows_give_the_mean_of_what_few_give(name):
    """They are carried 64 at a time: a run over several lots must be what the lots are one by one."""
    rng = np.random.default_rng(6)
    X = pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd"))
    model = bound(fit(CLASSIFIERS[name], X, ((X["a"] > 0) ^ (X["b"] > 0)).astype(int)), X)
    inside, codes = read_of(model), model.coder.encode(X)
    whole, among = inside.values(codes[:5], codes[5:305]), [0, 1, 2, 3]
    parts = [inside.values(codes[:5], codes[start : start + 20]) for start in range(5, 305, 20)]
    assert whole == pytest.approx(np.mean(parts, axis=0), abs=1e-12)
    pairs = [inside.interactions(codes[:5], codes[start : start + 20], among) for start in range(5, 305, 20)]
    assert inside.interactions(codes[:5], codes[5:305], among) == pytest.approx(np.mean(pairs, axis=0), abs=1e-12)


def test_the_shares_are_those_of_factorials():
    found = shares(12)
    for p in range(12):
        for q in range(12):
            assert found[p, q] == pytest.approx(factorial(p) * factorial(q) / factorial(p + q + 1), rel=1e-12)
