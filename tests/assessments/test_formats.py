"""A model in each format beside joblib, from the file to its numbers through the real sandbox."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from assessments import local_run, planning, policies
from assessments.sandbox import reading
from tests.battery.formats.made import outcome, people, with_categories

pytestmark = pytest.mark.processes


def as_xgboost(frame, y, folder):
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=4, enable_categorical=True).fit(with_categories(frame), y)
    model.save_model(folder / "model.ubj")
    return folder / "model.ubj", model.predict_proba(with_categories(frame))[:, 1]


def as_lightgbm(frame, y, folder):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(with_categories(frame), y)
    model.booster_.save_model(folder / "model.txt")
    return folder / "model.txt", model.predict_proba(with_categories(frame))[:, 1]


def as_onnx(frame, y, folder):
    from sklearn.linear_model import LogisticRegression

    from tests.battery.formats.test_onnx import exported, pipeline, write

    model = pipeline(LogisticRegression(), y)
    return write(exported(model), folder), model.predict_proba(frame)[:, 1]


def as_skops(frame, y, folder):
    import skops.io
    from sklearn.linear_model import LogisticRegression

    from tests.battery.formats.test_onnx import pipeline

    model = pipeline(LogisticRegression(), y)
    skops.io.dump(model, folder / "model.skops")
    return folder / "model.skops", model.predict_proba(frame)[:, 1]


FORMATS = {"skops": as_skops, "xgboost": as_xgboost, "lightgbm": as_lightgbm, "onnx": as_onnx}


@pytest.mark.parametrize("format", FORMATS)
def test_a_model_is_scanned_described_and_measured(tmp_path, format):
    frame = people()
    y = outcome(frame)
    path, scores = FORMATS[format](frame, y, tmp_path)
    data = tmp_path / "data.csv"
    frame.assign(left=np.where(y, "yes", "no")).to_csv(data, index=False)
    assert reading.scan_model(path, format)["verdict"] == "allowed"
    assert reading.inspect_model(path, format)["n_features"] == 3
    plan = planning.build_plan(
        model={"path": f"model/{path.name}", "format": format},
        data={"path": "data/data.csv", "format": "csv"},
        target="left",
        columns=[],
        seed=1,
        favourable="yes",
        labels={"0": "no", "1": "yes"},
        tests=["performance.discrimination", "performance.probability"],
    )
    found = local_run.assess(plan, {"model": path, "data": data}, policies.default_policy(), tell=lambda *_: None)
    values = {m["metric"]: m["value"] for entry in found["tests"] for m in entry["measures"] if not m["group"]}
    assert values["roc_auc"] == pytest.approx(roc_auc_score(y, scores), abs=1e-5)
    assert values["log_loss"] == pytest.approx(log_loss(y, pd.Series(scores)), abs=1e-5)
