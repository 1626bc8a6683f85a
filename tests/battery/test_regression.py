"""A model that predicts a number is a subject like any other."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from assessments.battery import spec
from assessments.battery.errors import LoadError
from assessments.battery.inspect import inspect_model
from assessments.battery.plan import Column, Target
from assessments.battery.run import unmet
from assessments.battery.subject import Subject
from tests.battery.subjects import outcome_of, value_of

FAMILIES = {
    "ridge": Ridge(),
    "linear svr": LinearSVR(random_state=0, max_iter=10_000),
    "svr": SVR(C=100),
    "tree": DecisionTreeRegressor(max_depth=5, random_state=0),
    "forest": RandomForestRegressor(10, random_state=0),
    "extra trees": ExtraTreesRegressor(10, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=10, random_state=0),
    "hist boosting": HistGradientBoostingRegressor(max_iter=10, random_state=0),
    "adaboost": AdaBoostRegressor(n_estimators=5, random_state=0),
    "mlp": MLPRegressor(hidden_layer_sizes=(8,), max_iter=2000, solver="lbfgs", random_state=0),
    "neighbours": KNeighborsRegressor(),
    "stacking": StackingRegressor([("tree", DecisionTreeRegressor(max_depth=2)), ("line", Ridge())], cv=2),
    "log target": TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    "search": GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
}


def houses(rows: int = 400, seed: int = 3) -> pd.DataFrame:
    """Prices from area and rooms, by quarter; whole rooms, one text column."""
    rng = np.random.default_rng(seed)
    area, rooms = rng.uniform(30, 200, rows), rng.integers(1, 8, rows)
    quarter = rng.choice(["east", "north", "west"], rows)
    price = 20 * area + 150 * rooms + 500 * (quarter == "west") + rng.normal(0, 200, rows) + 1000
    return pd.DataFrame({"area": area, "rooms": rooms, "quarter": quarter, "price": price})


def in_pipeline(model):
    """The model behind an encoder of the text column and a scaler."""
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["quarter"]),
                                     remainder="passthrough")  # fmt: skip
    return make_pipeline(encode, StandardScaler(), model)


def house_subject(model=None, rows: int = 400, **options) -> Subject:
    train, other = houses(seed=4), houses(rows)
    fitted = in_pipeline(model if model is not None else Ridge()).fit(train.drop(columns="price"), train["price"])
    return Subject(fitted, other, Target("price"), reference=train, **options)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_recognised_and_asked_as_it_answers_itself(family):
    subject = house_subject(FAMILIES[family])
    assert (subject.task, subject.labels, subject.favourable, subject.has_scores) == ("regression", [], "", False)
    assert np.array_equal(subject.predicted, subject.estimator.predict(subject.frame[subject.features]))
    assert np.array_equal(subject.y, subject.frame["price"])


def test_boosters_that_predict_numbers_are_regressors():
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    frame = houses().drop(columns="quarter")
    for model in (lightgbm.LGBMRegressor(n_estimators=5, verbose=-1), xgboost.XGBRegressor(n_estimators=5)):
        subject = Subject(model.fit(frame[["area", "rooms"]], frame["price"]), frame, Target("price"))
        assert (subject.task, subject.predicted.dtype) == ("regression", float)


def test_rows_without_a_number_to_predict_are_left_out():
    frame = houses()
    frame.loc[:9, "price"] = [np.nan, np.inf] * 5
    model = in_pipeline(Ridge()).fit(houses().drop(columns="price"), houses()["price"])
    subject = Subject(model, frame, Target("price"))
    assert (len(subject.y), subject.notes[0]) == (390, "10 rows without a value in 'price' were left out.")


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda frame: frame.assign(price="dear"), "label_mismatch", "'dear'"),
        (lambda frame: frame.assign(price=7.0), "one_class", "'7'"),
        (lambda frame: frame.assign(price=frame["price"].mask(frame.index > 10)), "too_few_rows", "11 rows"),
    ],
)
def test_a_target_that_is_no_amount_is_refused(change, code, said):
    model = in_pipeline(Ridge()).fit(houses().drop(columns="price"), houses()["price"])
    with pytest.raises(LoadError) as told:
        Subject(model, change(houses()), Target("price"))
    assert told.value.code == code
    assert said in told.value.message


def test_the_plan_and_the_model_must_agree_on_the_task():
    frame = houses().drop(columns="quarter").assign(dear=lambda f: f["price"] > 4000)
    tree = DecisionTreeClassifier(max_depth=2).fit(frame[["area", "rooms"]], frame["dear"])
    with pytest.raises(LoadError, match="the plan says regression, and the model, .* is a classifier".capitalize()):
        Subject(tree, frame, Target("dear"), task="regression")
    with pytest.raises(LoadError, match="is a regressor"):
        house_subject(task="binary")


def test_two_outputs_and_answers_that_are_no_numbers_are_refused():
    frame = houses().drop(columns="quarter")
    two = LinearRegression().fit(frame[["area", "rooms"]], frame[["price", "area"]])
    with pytest.raises(LoadError, match="not one a row"):
        Subject(two, frame, Target("price"))
    endless = LinearRegression().fit(frame[["area", "rooms"]], frame["price"])
    endless.intercept_ = np.inf
    with pytest.raises(LoadError, match="not finite"):
        Subject(endless, frame, Target("price"))


def test_an_unfitted_regressor_is_refused_when_it_is_looked_at(tmp_path):
    import joblib

    joblib.dump(make_pipeline(StandardScaler(), Ridge()), tmp_path / "model.joblib")
    with pytest.raises(LoadError, match="not fitted"):
        inspect_model(tmp_path / "model.joblib")
    joblib.dump(house_subject().estimator, tmp_path / "model.joblib")
    seen = inspect_model(tmp_path / "model.joblib")
    assert (seen["task"], seen["classes"], seen["features"]) == ("regression", [], ["area", "rooms", "quarter"])


def test_a_number_that_an_object_of_unknown_kind_predicts_is_taken_where_the_plan_says_so():
    class Formula:
        def predict(self, frame):
            return 20 * frame["area"].to_numpy()

    frame = houses()
    with pytest.raises(LoadError, match="classes_"):
        Subject(Formula(), frame, Target("price"))
    columns = [Column(name, "ignored") for name in ("rooms", "quarter")]
    subject = Subject(Formula(), frame, Target("price"), tuple(columns), task="regression")
    assert np.array_equal(subject.predicted, 20 * frame["area"])


def test_tests_for_classifiers_say_that_they_do_not_apply():
    subject = house_subject()
    reasons = {test.id: unmet(test.needs, subject) for test in spec.discover().values()}
    assert reasons["performance.discrimination"] == "The test is for classifiers; this model predicts a number."
    assert reasons["performance.regression_metrics"] == reasons["explainability.shap_importance"] == ""


def test_codes_give_the_same_numbers_as_rows():
    subject = house_subject(RandomForestRegressor(5, random_state=0))
    codes = subject.coder.encode(subject.frame[subject.features])
    assert np.array_equal(subject.predict_codes(codes), subject.predicted)


def test_importance_is_that_of_a_linear_formula_in_the_units_of_the_target():
    subject = house_subject(rows=200)
    outcome = outcome_of("explainability.shap_importance", subject, rows=200, background=400, questions=1_000_000)
    slope = np.diff(subject.predict(subject.frame.head(2).assign(rooms=3, quarter="east", area=[50.0, 51.0])))[0]
    centred = subject.frame["area"] - subject.reference["area"].mean()
    assert value_of(outcome, "shap_importance", column="area") == pytest.approx(slope * centred.abs().mean(), rel=1e-6)
    assert value_of(outcome, "shap_additivity_max_error") < 1e-9
    assert "prediction of price" in outcome.charts[0].caption
