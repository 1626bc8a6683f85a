"""What the demo trains is what it says: pipelines over raw columns, fitted on one part, good on the other."""

import json
import subprocess
import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from assessments.sandbox.reading import scan_model
from modelrisk.demo import training
from modelrisk.demo.census import FAVOURABLE, TARGET, census

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    table = census(3_000, seed=1)
    table["fnlwgt"] = range(len(table))
    training.train(table, folder)
    return folder


def test_no_row_is_in_both_parts(folder):
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    assert (len(train), len(test)) == (2_100, 900)
    assert set(train.fnlwgt) & set(test.fnlwgt) == set()


@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting", "scorecard"])
def test_a_model_separates_rows_it_has_not_seen(folder, name):
    test = pd.read_csv(folder / "test.csv")
    model = joblib.load(folder / f"{name}.joblib")
    scores = model.predict_proba(test)[:, list(model.classes_).index(FAVOURABLE)]
    assert roc_auc_score(test[TARGET] == FAVOURABLE, scores) > 0.75
    assert "fnlwgt" not in model.feature_names_in_
    assert TARGET not in model.feature_names_in_


@pytest.mark.parametrize(
    ("name", "verdict"), [("random_forest", "allowed"), ("gradient_boosting", "allowed"), ("scorecard", "needs_waiver")]
)
def test_the_gate_holds_only_the_scorecard(folder, name, verdict):
    assert scan_model(folder / f"{name}.joblib", "joblib")["verdict"] == verdict


def test_training_says_what_it_did(folder):
    done = json.loads((folder / "training.json").read_text())
    assert (done["train_rows"], done["test_rows"]) == (2_100, 900)
    assert done["features"][0] == "age"


def refused(table: Path, folder: Path) -> str:
    command = [sys.executable, "-m", "modelrisk.demo.training", str(folder), str(table)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    return ended.stderr


def test_a_table_without_the_target_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("age,sex\n30,Male\n")
    assert refused(tmp_path / "other.csv", tmp_path) == (
        "other.csv has no column income; the demo expects the Adult census file with a header.\n"
    )


def test_a_table_with_other_labels_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("age,income\n30,high\n40,low\n")
    assert "income must hold >50K and <=50K; it holds high, low." in refused(tmp_path / "other.csv", tmp_path)


def test_the_dots_of_the_adult_test_file_are_no_labels(tmp_path):
    (tmp_path / "adult.test.csv").write_text("age,income\n30, >50K.\n40, <=50K.\n")
    assert list(training.read(tmp_path / "adult.test.csv").income) == [">50K", "<=50K"]
