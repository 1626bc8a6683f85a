"""What is explained of each kind of model, and that it is checked against the model's own answer."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from tests.battery.predictors.fitted import CLASSIFIERS, REGRESSORS, fit, outcome, table, transformers
from tests.battery.subjects import adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "explainability.shap_importance"
COLUMNS = ["age", "workclass", "education", "hours_per_week", "sex", "marital_status", "capital_gain"]
SPACES = {
    "logistic": "log odds", "forest": "probability", "xgboost": "log odds", "lightgbm": "log odds",
    "adaboost": "log odds", "linear svc": "decision value", "mlp": "probability",
}  # fmt: skip


def subject(path, name, classes=2):
    frame, target = table(path)
    y = outcome(frame, target, classes, name == "xgboost")
    model = fit(make_pipeline(transformers()["dense"], CLASSIFIERS[name]), frame[COLUMNS][:1000], y[:1000])
    rows = frame[COLUMNS][1000:1200].assign(y=y[1000:1200]).reset_index(drop=True)
    return subject_of(rows, model, favourable=str(y.iloc[0]))


@pytest.mark.parametrize("name", SPACES)
def test_the_unit_says_what_is_explained_and_it_is_the_model_s_own_answer(adult_csv, name):
    found = outcome_of(TEST, subject(adult_csv, name), rows=30, background=20)
    gap = measure_of(found, "shap_additivity_max_error")
    assert gap.unit == SPACES[name]
    assert gap.value < (1e-5 if name == "xgboost" else 1e-9)
    assert f"({SPACES[name]} of " in found.charts[0].data["unit"]


@pytest.mark.parametrize("name", ["logistic", "lightgbm"])
def test_of_several_labels_the_raw_score_is_explained(adult_csv, name):
    gap = measure_of(
        outcome_of(TEST, subject(adult_csv, name, classes=3), rows=20, background=10), "shap_additivity_max_error"
    )
    assert gap.unit == "raw score"
    assert gap.value < 1e-9


@pytest.mark.parametrize(("name", "space"), [("tree", "prediction"), ("poisson", "log prediction")])
def test_a_number_is_explained_as_it_is_added_up(german_csv, name, space):
    frame, target = table(german_csv)
    numbers = frame.drop(columns=target).select_dtypes("number").fillna(0)
    y = numbers.iloc[:, 1] + 1.0
    model = fit(REGRESSORS[name], numbers.iloc[:, 2:], y)
    found = outcome_of(TEST, subject_of(numbers.assign(y=y), model, favourable=""), rows=20, background=10)
    assert found.charts[0].data["unit"] == f"mean |SHAP| ({space} of y)"
    assert value_of(found, "shap_additivity_max_error") < 1e-9


def test_the_score_is_explained_on_request(adult_csv):
    adult = adult_subject(adult_csv)
    found = outcome_of(TEST, adult, space="score", rows=20, background=10)
    assert measure_of(found, "shap_additivity_max_error").unit == "probability"
    assert any("estimates from 2 walks" in note for note in found.notes)
    with pytest.raises(ValueError, match="space must be one of auto, score"):
        outcome_of(TEST, adult, space="odds")


def test_a_linear_model_s_importance_is_that_of_its_coefficients(adult_csv):
    """In log odds, by hand: coefficient times the distance to the background's mean, summed over one-hot columns."""
    adult = adult_subject(adult_csv, 300)
    everything = len(adult.frame)
    found = outcome_of(TEST, adult, rows=everything, background=1000)
    pipeline = adult.estimator
    names = pipeline[0].get_feature_names_out()
    for column in ("age", "sex"):
        own = [at for at, name in enumerate(names) if name.split("__")[1] in (column, "sex_Female", "sex_Male")]
        own = [at for at in own if names[at].split("__")[1].startswith(column)]
        made = pipeline[0].transform(adult.frame[adult.features])[:, own]
        rng = np.random.default_rng(7)
        rng.permutation(everything)
        background = adult.reference[adult.features].take(rng.permutation(len(adult.reference))[:1000])
        mean = pipeline[0].transform(background)[:, own].mean(axis=0)
        expected = np.abs((made - mean) @ pipeline[-1].coef_[0, own]).mean()
        assert value_of(found, "shap_importance", column=column) == pytest.approx(expected, rel=1e-9)
