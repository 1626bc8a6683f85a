"""Every kind of classifier that people bring answers the same here as when asked directly."""

import warnings

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from assessments.battery.errors import LoadError
from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject
from tests.battery.applicants import applicants

NAMES = ["age", "income", "job", "sex"]
NUMBERS = ["age", "income"]


def prepared_by(last):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    first = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        (numbers, make_column_selector(dtype_include="number")),
    )
    return make_pipeline(first, last)


def forest():
    return RandomForestClassifier(10, random_state=0)


TEXT_MODELS = {
    "pipeline": lambda: prepared_by(LogisticRegression()),
    "forest": lambda: prepared_by(forest()),
    "search": lambda: GridSearchCV(prepared_by(LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2),
    "calibrated": lambda: CalibratedClassifierCV(prepared_by(LinearSVC()), cv=2),
    "voting": lambda: VotingClassifier([("a", prepared_by(forest())), ("b", prepared_by(SVC()))]),
    "soft voting": lambda: VotingClassifier([("a", prepared_by(forest()))], voting="soft"),
    "stacking": lambda: StackingClassifier([("a", prepared_by(forest()))], cv=2),
    "svc": lambda: prepared_by(SVC()),
    "linear svc": lambda: prepared_by(LinearSVC()),
    "ridge": lambda: prepared_by(RidgeClassifier()),
    "hard labels": lambda: prepared_by(OneVsOneClassifier(LinearSVC())),
}


def asked_directly(model, given, labels):
    """The model's own answers: positions in labels, and scores a label (None for hard labels)."""
    answers = np.array([labels.index(str(value)) for value in np.ravel(model.predict(given))])
    if hasattr(model, "predict_proba"):
        return answers, model.predict_proba(given)
    return answers, None


@pytest.mark.parametrize("dtype", ["object", "str"])
@pytest.mark.parametrize("target", ["repaid", "grade"])
@pytest.mark.parametrize("name", TEXT_MODELS)
def test_a_pipeline_on_text_columns_answers_as_asked_directly(name, target, dtype):
    frame = applicants()
    trained_on = frame[NAMES].astype({"job": dtype, "sex": dtype})
    model = TEXT_MODELS[name]().fit(trained_on, frame[target])
    subject = Subject(model, frame, Target(target))
    labels = sorted(set(frame[target]))
    answers, probabilities = asked_directly(model, trained_on, labels)
    assert subject.labels == labels
    assert subject.features == NAMES
    assert (subject.predicted == answers).all()
    assert (subject.predict(frame.head(7)) == answers[:7]).all()
    if probabilities is not None:
        assert np.array_equal(subject.scores, probabilities)
        assert subject.scores_are_probabilities


@pytest.mark.parametrize("target", ["repaid", "grade"])
@pytest.mark.parametrize("last", [SVC, LinearSVC, RidgeClassifier])
def test_decision_scores_keep_the_order_of_the_rows(last, target):
    frame = applicants()
    model = prepared_by(last()).fit(frame[NAMES], frame[target])
    subject = Subject(model, frame, Target(target))
    margins = model.decision_function(frame[NAMES])
    margins = np.column_stack([-margins, margins]) if margins.ndim == 1 else margins
    assert not subject.scores_are_probabilities
    for column in range(margins.shape[1]):
        assert (np.argsort(margins[:, column]) == np.argsort(subject.scores[:, column])).all()
    assert ((subject.scores > 0.5) == (margins > 0)).all()


def test_far_margins_make_no_ties():
    class Far(LogisticRegression):
        predict_proba = property()

        def decision_function(self, given):
            return np.linspace(-5000, 5000, len(given))

    frame = applicants(100)
    model = Far().fit(frame[["age"]], frame["repaid"])
    assert len(np.unique(Subject(model, frame, Target("repaid")).favourable_score)) == 100


def test_one_against_one_margins_are_no_scores():
    frame = applicants()
    model = prepared_by(SVC(decision_function_shape="ovo")).fit(frame[NAMES], frame["grade"])
    subject = Subject(model, frame, Target("grade"))
    assert subject.scores is None
    assert subject.favourable_score is None
    with pytest.raises(ValueError, match="hard labels only"):
        subject.predict_scores(frame)


def test_hard_labels_only_are_enough():
    frame = applicants().dropna()
    model = NearestCentroid().fit(frame[["age"]], frame["repaid"])
    model.__class__ = type("Hard", (NearestCentroid,), {"predict_proba": None, "decision_function": None})
    subject = Subject(model, frame.reset_index(drop=True), Target("repaid"))
    assert not subject.has_scores
    assert (subject.predicted == (model.predict(frame[["age"]]) == "yes")).all()


CATEGORIES = {"job": "category", "sex": "category"}


@pytest.mark.parametrize("target", ["repaid", "grade"])
def test_histogram_boosting_gets_its_categories_and_missing_values(target):
    frame = applicants()
    trained_on = frame[NAMES].astype(CATEGORIES)
    model = HistGradientBoostingClassifier(max_iter=10, categorical_features="from_dtype")
    model.fit(trained_on, frame[target])
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)  # categories appear in another order
    subject = Subject(model, shuffled, Target(target))
    assert np.array_equal(subject.scores, model.predict_proba(shuffled[NAMES].astype(CATEGORIES)))


@pytest.mark.parametrize("target", ["repaid", "grade"])
def test_xgboost_gets_its_categories_and_encoded_labels(target):
    frame = applicants()
    labels = LabelEncoder().fit(frame[target])
    trained_on = frame[NAMES].astype(CATEGORIES)
    model = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, tree_method="hist")
    model.fit(trained_on, labels.transform(frame[target]))
    few = frame[frame["job"] != "clerk"].head(100).reset_index(drop=True)  # codes must not shift
    subject = Subject(model, few, Target(target))
    assert np.array_equal(subject.scores, model.predict_proba(trained_on[frame["job"] != "clerk"].head(100)))
    assert subject.scores.dtype == np.float32
    assert any("sorted order" in note for note in subject.notes)


@pytest.mark.parametrize("target", ["repaid", "grade"])
def test_lightgbm_gets_its_categories(target):
    frame = applicants()
    trained_on = frame[NAMES].astype(CATEGORIES)
    model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, min_child_samples=5).fit(trained_on, frame[target])
    few = frame[frame["job"] != "clerk"].head(100).reset_index(drop=True)
    subject = Subject(model, few, Target(target))
    assert np.array_equal(subject.scores, model.predict_proba(trained_on[frame["job"] != "clerk"].head(100)))


def test_lightgbm_finds_category_columns_that_hold_numbers():
    frame = applicants()
    frame["branch code"] = np.arange(len(frame)) % 4
    names = [*NAMES, "branch code"]
    trained_on = frame[names].astype(CATEGORIES | {"branch code": "category"})
    strong = np.where(frame["branch code"] == 2, "yes", "no")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, min_child_samples=5).fit(trained_on, strong)
    subject = Subject(model, frame.assign(repaid=strong), Target("repaid"))
    assert np.array_equal(subject.scores, model.predict_proba(trained_on))


def boosters():
    return {
        "xgboost": xgboost.XGBClassifier(n_estimators=5),
        "lightgbm": lightgbm.LGBMClassifier(n_estimators=5, verbose=-1),
        "forest": forest(),
    }


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "forest"])
def test_a_model_trained_on_an_array_gets_the_features_in_order(name):
    frame = applicants()
    frame["member"] = np.arange(len(frame))
    given = frame[NUMBERS].fillna(0).to_numpy()
    model = boosters()[name].fit(given, (frame["repaid"] == "yes").to_numpy().astype(int))
    columns = tuple(Column(column, "ignored") for column in ("member", "job", "sex", "grade"))
    subject = Subject(model, frame.fillna({"income": 0}), Target("repaid", "yes"), columns)
    assert subject.features == NUMBERS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(subject.scores, model.predict_proba(given))
    assert "names no columns" in " ".join(subject.notes)


def test_a_sensitive_column_is_left_out_where_the_count_says_so():
    frame = applicants().drop(columns=["job", "grade"]).dropna()
    model = forest().fit(frame[["income"]].to_numpy(), frame["repaid"])
    columns = (Column("age", "sensitive"), Column("sex", "sensitive"))
    assert Subject(model, frame.reset_index(drop=True), Target("repaid"), columns).features == ["income"]


def test_a_model_that_takes_another_number_of_columns_is_refused():
    frame = applicants()
    model = forest().fit(np.random.default_rng(0).random((50, 9)), np.arange(50) % 2)
    with pytest.raises(LoadError, match="takes 9 columns in a fixed order, and the data has 5") as refused:
        Subject(model, frame, Target("repaid"))
    assert refused.value.code == "missing_column"


def test_a_named_column_that_the_data_lacks_is_refused():
    frame = applicants()
    model = prepared_by(forest()).fit(frame[NAMES], frame["repaid"])
    with pytest.raises(LoadError, match="The model needs 'job', 'sex'") as refused:
        Subject(model, frame.drop(columns=["job", "sex"]), Target("repaid"))
    assert refused.value.code == "missing_column"


def test_named_columns_are_given_whatever_their_role_and_order():
    frame = applicants()
    model = prepared_by(forest()).fit(frame[NAMES], frame["repaid"])
    moved = frame[["repaid", "sex", "job", "grade", "income", "age"]]
    subject = Subject(model, moved, Target("repaid"), (Column("sex", "sensitive"), Column("job", "ignored")))
    assert subject.features == NAMES
    assert np.array_equal(subject.scores, model.predict_proba(frame[NAMES]))


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [0.0, 1.0], [1, 2], [-1, 1]])
def test_labels_of_any_type_are_matched(labels):
    frame = applicants().dropna().reset_index(drop=True)
    frame["repaid"] = np.where(frame["repaid"] == "yes", labels[1], labels[0])
    model = forest().fit(frame[NUMBERS], frame["repaid"])
    subject = Subject(model, frame, Target("repaid", str(labels[1])))
    assert (subject.y_favourable == (frame["repaid"] == labels[1])).all()
    assert (subject.predicted == (model.predict(frame[NUMBERS]) == labels[1])).all()


def test_an_encoded_model_that_fits_backwards_is_refused():
    frame = applicants().dropna().reset_index(drop=True)
    model = forest().fit(frame[NUMBERS], (frame["repaid"] == "no").astype(int))
    with pytest.raises(LoadError, match="in reverse order") as refused:
        Subject(model, frame, Target("repaid", "yes"))
    assert refused.value.code == "label_mismatch"
    subject = Subject(model, frame, Target("repaid", "yes", {"0": "yes", "1": "no"}))
    assert (subject.predicted == (model.predict(frame[NUMBERS]) == 0)).all()
    assert np.array_equal(subject.scores, model.predict_proba(frame[NUMBERS])[:, ::-1])


def test_big_tables_are_answered_in_batches(monkeypatch):
    frame = applicants()
    model = prepared_by(forest()).fit(frame[NAMES], frame["grade"])
    whole = Subject(model, frame, Target("grade"))
    monkeypatch.setattr("assessments.battery.estimator.BATCH_ROWS", 37)
    parts = Subject(model, frame, Target("grade"))
    assert np.array_equal(whole.scores, parts.scores)
    assert np.array_equal(whole.predicted, parts.predicted)
    assert parts.predict(frame.head(0)).shape == (0,)
    assert parts.predict_scores(frame.head(0)).shape == (0, 3)


def test_a_model_that_cannot_take_the_rows_says_why():
    frame = applicants()  # income has missing values
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[NUMBERS].dropna(), frame.dropna()["repaid"])
    with pytest.raises(LoadError, match="cannot predict these rows: .*NaN") as refused:
        Subject(model, frame, Target("repaid"))
    assert refused.value.code == "crashed"


def test_scores_that_are_no_numbers_are_refused():
    class Broken(LogisticRegression):
        def predict_proba(self, given):
            return np.full((len(given), 2), np.nan)

    frame = applicants()
    model = Broken().fit(frame[["age"]], frame["repaid"])
    with pytest.raises(ValueError, match="not finite"):
        _ = Subject(model, frame, Target("repaid")).scores


def test_xgboost_without_its_categories_is_noted_and_answers_the_same_in_batches(monkeypatch):
    frame = applicants()
    trained_on = frame[NAMES].astype(CATEGORIES)
    model = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True)
    model.fit(trained_on, (frame["repaid"] == "yes").astype(int))
    monkeypatch.setattr(xgboost.Booster, "get_categories", property())  # as in files of older versions
    monkeypatch.setattr("assessments.battery.estimator.BATCH_ROWS", 2)
    subject = Subject(model, frame.head(60), Target("repaid", "yes"))
    assert np.array_equal(subject.scores, model.predict_proba(trained_on.head(60)))
    assert "does not hold the categories of 'job', 'sex'" in " ".join(subject.notes)


def test_a_new_category_reaches_boosters_as_missing():
    frame = applicants()
    trained_on = frame[NAMES].astype(CATEGORIES)
    encoded = (frame["repaid"] == "yes").astype(int)
    models = [
        xgboost.XGBClassifier(n_estimators=5, enable_categorical=True).fit(trained_on, encoded),
        lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(trained_on, encoded),
    ]
    seen = frame.copy()
    seen.loc[seen["job"] == "cook", "job"] = "pilot"
    unknown = trained_on.assign(job=trained_on["job"].mask(trained_on["job"] == "cook"))
    for model in models:
        assert np.array_equal(Subject(model, seen, Target("repaid", "yes")).scores, model.predict_proba(unknown))
    assert isinstance(unknown["job"].dtype, pd.CategoricalDtype)
