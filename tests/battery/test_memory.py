"""What a run holds in memory at once is bounded, by what docs/limits.md says."""

import json
import re
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.battery.subjects import HardRule, subject_of
from tests.battery.usage import usage

ROOT = Path(__file__).parents[2]
STATED = re.compile(r"peak ≤ (\d+) MB \+ (\d+) × table \+ (\d+) × model file")
MB = 1 << 20
TESTS = {
    "performance.discrimination": {},
    "robustness.hopskipjump": {"rows": 30},
    "robustness.boundary": {"rows": 30, "iterations": 3},
    "robustness.noise": {"rows": 300},
}


def allowed(table_bytes: int, model_bytes: int) -> float:
    """MB, as the documentation states it."""
    (stated,) = STATED.findall((ROOT / "docs" / "limits.md").read_text(encoding="utf-8"))
    base, per_table, per_model = (int(number) for number in stated)
    return base + (per_table * table_bytes + per_model * model_bytes) / MB


def numbers(rows: int, columns: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    found = pd.DataFrame(rng.normal(size=(rows, columns)), columns=[f"x{at}" for at in range(columns)])
    return found.assign(y=np.where(found.x0 + found.x1 + rng.normal(size=rows) > 0, "yes", "no"))


def run(folder: Path, frame: pd.DataFrame) -> tuple[float, dict[str, str]]:
    """The peak of a run of the battery in MB, and what became of each test."""
    train = frame.head(1000)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(train.drop(columns="y"), train["y"])
    joblib.dump(model, folder / "model.joblib")
    frame.to_parquet(folder / "data.parquet")
    plan = {
        "schema": "modelrisk.plan/1",
        "model": {"path": "model.joblib", "format": "joblib"},
        "data": {"path": "data.parquet", "format": "parquet"},
        "target": {"column": "y", "favourable": "yes"},
        "tests": [{"id": name, "params": params} for name, params in TESTS.items()],
        "plan_name": "quick",
        "seed": 1,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    with (folder / "events").open("wb") as events:
        used = usage([sys.executable, "-m", "assessments.battery", folder / "plan.json", folder / "out"], ROOT, events)
    found = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    outcomes = [event["outcome"] for event in found if event["event"] == "result"]
    return used.peak_mb, {outcome["id"]: outcome["status"] for outcome in outcomes}


@pytest.mark.long
@pytest.mark.parametrize(("rows", "columns"), [(20_000, 1_000), (300_000, 20)])
def test_a_run_with_a_large_table_stays_within_what_is_stated(rows, columns, tmp_path):
    frame = numbers(rows, columns)
    peak, found = run(tmp_path, frame)
    assert found == dict.fromkeys(TESTS, "done")
    assert peak <= allowed(8 * rows * columns, (tmp_path / "model.joblib").stat().st_size)


def test_wide_rows_are_asked_about_in_smaller_lots(monkeypatch):
    monkeypatch.setattr("assessments.battery.estimator.BATCH_CELLS", 77)  # eleven columns
    lots: list[int] = []

    def decide(rows):
        lots.append(len(rows))
        return rows["x0"] > 0

    frame = numbers(100, 10).assign(y=lambda f: (f["x0"] > 0).astype(int))
    subject = subject_of(frame, HardRule(decide, list(frame.columns[:10])))
    lots.clear()
    assert np.array_equal(subject.predict(frame), frame["y"])
    assert (max(lots), sum(lots)) == (7, 100)
