"""What it costs to ask a model over a pipe: single questions of 1 to 10,000 rows, and a whole run in two processes.

    python -m benchmarks.oracle [--rows 2000]

Both ways must find the same numbers. Prints one JSON line last.
"""

import argparse
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from assessments import planning
from assessments.battery.oracle import remote, serving
from assessments.sandbox import launch, oracle

ROWS = (1, 100, 1_000, 10_000)
TESTS = ("performance", "explainability.shap_importance", "robustness.hopskipjump")


def table(rows: int) -> pd.DataFrame:
    """Applicants: eight numbers, six columns of text, an outcome that rests on some of them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": rng.normal(size=rows) for i in range(8)})
    for i in range(6):
        frame[f"t{i}"] = pd.Series(rng.choice(["red", "green", "blue", "white"], rows), dtype=object)
    worth = frame["n0"] + 0.5 * frame["n1"] + (frame["t0"] == "red") + rng.normal(0, 0.5, rows)
    return frame.assign(y=np.where(worth > 0.3, "yes", "no"))


def trained(frame: pd.DataFrame) -> Any:
    text = make_column_selector(dtype_exclude="number")
    encode = make_column_transformer((OrdinalEncoder(), text), remainder="passthrough")
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=100, random_state=0))
    return model.fit(frame.drop(columns="y"), frame["y"])


def milliseconds(ask: Callable[[], object], times: int = 30) -> float:
    """The best of a few."""
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        ask()
        best = min(best, time.perf_counter() - begun)
    return round(1000 * best, 2)


def served(path: Path) -> Any:
    """The model behind two pipes, in a thread of this process."""
    questions, answers = os.pipe(), os.pipe()
    given = (path, "joblib", "waived", "", (questions[0], answers[1]))
    threading.Thread(target=serving.serve, args=given, daemon=True).start()
    return remote.connect(answers[0], questions[1])[0]


def calls(frame: pd.DataFrame, path: Path) -> dict[str, dict[str, float]]:
    here, there, found = joblib.load(path), served(path), {}
    for count in ROWS:
        ask_here, ask_there = (
            partial(each.predict_proba, frame.drop(columns="y").head(count)) for each in (here, there)
        )
        found[str(count)] = {"here_ms": milliseconds(ask_here), "asked_ms": milliseconds(ask_there)}
    return found


def run(folder: Path, trust: str) -> tuple[float, list[Any]]:
    """Seconds and measures of a run in sandboxes: the model in the battery's process, or asked in its own."""
    path, data = folder / "model.joblib", folder / "data.csv"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    plan = planning.build_plan(
        model={"path": path.name, "format": "joblib", "sha256": sha256, "trust": trust},
        data={"path": data.name, "format": "csv"},
        target="y",
        columns=[],
        seed=1,
        favourable="yes",
        tests=TESTS,
        plan_name="quick",
    )
    (folder / "plan.json").write_text(json.dumps(plan))
    work, theirs = folder / f"work-{trust}", folder / f"model-{trust}"
    work.mkdir()
    theirs.mkdir()
    lines: list[str] = []
    asked: dict[str, Any] = {
        "arguments": ["-m", "assessments.battery", str(folder / "plan.json"), str(work)],
        "write": work,
        "seconds": 900.0,
        "on_line": lines.append,
    }
    begun = time.perf_counter()
    if trust == "waived":
        served_model = oracle.Served(path, "joblib", sha256, theirs)
        oracle.run(model=served_model, read=[folder / "plan.json", data], **asked)
    else:
        launch.run(read=[folder / "plan.json", data, path], **asked)
    took = time.perf_counter() - begun
    events = [json.loads(line) for line in lines]
    return took, [event["outcome"]["measures"] for event in events if event["event"] == "result"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000)
    rows = parser.parse_args().rows
    frame = table(max(ROWS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        joblib.dump(trained(frame), folder / "model.joblib")
        frame.head(rows).to_csv(folder / "data.csv", index=False)
        found = {"calls": calls(frame, folder / "model.joblib")}
        together, apart = run(folder, "restricted"), run(folder, "waived")
    found |= {"run_s": round(together[0], 2), "run_asked_s": round(apart[0], 2), "tests": len(together[1])}
    print(json.dumps(found | {"same_numbers": bool(together[1]) and together[1] == apart[1]}))


if __name__ == "__main__":
    main()
