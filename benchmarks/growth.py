"""Time and memory of a run against rows, columns, attacked rows and the size of the model.

    python -m benchmarks.growth [--only rows,columns,attacked,model,together] [--tests robustness.hopskipjump,...]

Each line is one run of the battery in a process of its own, as a worker starts it but without the sandbox: made-up
people, a random forest behind scaling and one-hot coding, the tests below with the quick plan's budgets. Times are
processor seconds of that process; memory is the most that was resident at once. Beside the process as it is when all
libraries are loaded, what a run needs is the table, a few times over, and the model; questions to the model are asked
in lots of bounded size. What we claim: ten times the attacked rows take at most ten times as long, and the peak stays
within what `allowed` states.
"""

import argparse
import copy
import json
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.battery.usage import usage

ROOT = Path(__file__).parents[1]
TESTS = (
    "performance.discrimination",
    "fairness.group_metrics",
    "robustness.feasible_edits",
    "robustness.hopskipjump",
    "robustness.square",
    "robustness.noise",
)
ATTACKS = ("robustness.feasible_edits", "robustness.hopskipjump", "robustness.square")
TRAINED_ON = 3_000
MB = 1 << 20

# docs/limits.md states these; tests/battery/test_memory.py holds a run to them.
LIBRARIES_MB = 800  # all libraries loaded, and the lots in which questions are asked
PER_TABLE = 6.0  # times the table, 8 bytes a cell
PER_MODEL = 3.0  # times the file of the model


@dataclass(frozen=True)
class Case:
    rows: int = 10_000
    columns: int = 20
    attacked: int = 60
    model_mb: int = 0


SERIES = {
    "rows": [Case(rows=n) for n in (10_000, 100_000, 1_000_000)],
    "columns": [Case(columns=n) for n in (20, 100, 1_000)],
    "attacked": [Case(attacked=n) for n in (20, 200, 2_000)],
    "model": [Case(), Case(model_mb=500)],
    "together": [Case(rows=100_000, columns=1_000)],
}


def people(rows: int, columns: int, seed: int) -> pd.DataFrame:
    """Nine numbers in ten columns and one text of five values; a sensitive column; the outcome."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for at in range(columns):
        if at % 10 == 9:
            found[f"text {at}"] = np.array(["a", "b", "c", "d", "e"], dtype=object)[rng.integers(0, 5, rows)]
        else:
            found[f"number {at}"] = rng.normal(size=rows)
    lean = sum(found[f"number {at}"] for at in range(4)) + (found["text 9"] == "a") + rng.normal(0, 0.5, rows)
    found["sex"] = np.array(["Female", "Male"], dtype=object)[rng.integers(0, 2, rows)]
    found["y"] = np.where(lean > 0, "yes", "no").astype(object)
    return pd.DataFrame(found)


def forest(case: Case) -> Any:
    train = people(TRAINED_ON, case.columns, seed=1)
    given = train.drop(columns=["sex", "y"])
    text = [name for name in given if name.startswith("text")]
    numbers = [name for name in given if name.startswith("number")]
    coded = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), text))
    trees = RandomForestClassifier(40, min_samples_leaf=5, random_state=0, n_jobs=1)
    model = make_pipeline(coded, trees).fit(given, train["y"])
    if case.model_mb:
        grow(trees, case.model_mb * MB)
    return model


def grow(trees: RandomForestClassifier, size: int) -> None:
    """More of the same trees, each an object of its own, until they fill as many bytes."""
    own = list(trees.estimators_)
    each = np.mean([sum(array.nbytes for array in tree.tree_.__getstate__().values() if hasattr(array, "nbytes"))
                    for tree in own])  # fmt: skip
    trees.estimators_ = [copy.deepcopy(own[at % len(own)]) for at in range(int(size / each) + 1)]
    trees.n_estimators = len(trees.estimators_)


def prepare(folder: Path, case: Case, tests: tuple[str, ...]) -> Path:
    joblib.dump(forest(case), folder / "model.joblib")
    people(case.rows, case.columns, seed=2).to_parquet(folder / "data.parquet")
    plan = {
        "schema": "modelrisk.plan/1",
        "model": {"path": "model.joblib", "format": "joblib"},
        "data": {"path": "data.parquet", "format": "parquet"},
        "target": {"column": "y", "favourable": "yes"},
        "columns": [{"name": "sex", "role": "sensitive", "mutable": "fixed"}],
        "tests": [{"id": name, "params": {"rows": case.attacked} if name in ATTACKS else {}} for name in tests],
        "plan_name": "quick",
        "seed": 7,
        "limits": {"seconds_per_test": 3600.0},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder / "plan.json"


def run(case: Case, tests: tuple[str, ...]) -> dict[str, Any]:
    """Seconds, seconds of each test, and megabytes, of one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = prepare(folder, case, tests)
        with (folder / "events").open("wb") as events:
            used = usage(
                [sys.executable, "-m", "assessments.battery", plan, folder / "out"],
                cwd=ROOT,
                stdout=events,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        found = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
        results = {event["outcome"]["id"]: event["outcome"] for event in found if event["event"] == "result"}
        if used.status or any(result["status"] == "error" for result in results.values()):
            raise SystemExit(f"{case}: ended with {used.status}: {found[-1]} {results}")
        return {
            **vars(case),
            "model_file_mb": (folder / "model.joblib").stat().st_size / MB,
            "seconds": used.seconds,
            "peak_mb": used.peak_mb,
            "allowed_mb": allowed(case.rows, case.columns, (folder / "model.joblib").stat().st_size),
            "tests": {name: result["seconds"] for name, result in results.items()},
        }


def allowed(rows: int, columns: int, model_bytes: int) -> float:
    """The peak that a run may reach, in MB: what the documentation states."""
    return LIBRARIES_MB + PER_TABLE * 8 * rows * columns / MB + PER_MODEL * model_bytes / MB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SERIES))
    parser.add_argument("--tests", default=",".join(TESTS))
    asked = parser.parse_args()
    tests = tuple(asked.tests.split(","))
    known: dict[Case, dict[str, Any]] = {}
    print(f"{'':10}{'rows':>10}{'columns':>9}{'attacked':>10}{'model MB':>10}{'CPU s':>9}{'peak MB':>9}{'allowed':>9}")
    for series in asked.only.split(","):
        for case in SERIES[series]:
            known[case] = found = known.get(case) or run(replace(case), tests)
            print(
                f"{series:10}{case.rows:>10,}{case.columns:>9,}{case.attacked:>10,}{found['model_file_mb']:>10.1f}"
                f"{found['seconds']:>9.1f}{found['peak_mb']:>9.0f}{found['allowed_mb']:>9.0f}",
                flush=True,
            )
    runs = list(known.values())
    attacked = [known[case] for case in SERIES["attacked"] if case in known]
    ratio = None
    if len(attacked) > 1:  # how the attacks' own time grows, less what they take for 20 rows
        spent = [sum(found["tests"][name] for name in ATTACKS if name in found["tests"]) for found in attacked[1:]]
        ratio = round(spent[1] / spent[0] / 10, 3)
    within = all(found["peak_mb"] <= found["allowed_mb"] for found in runs)
    print(json.dumps({"benchmark": "growth", "ratio": ratio, "claim": "at most 1, and within the memory allowed",
                      "within": within, "runs": runs}))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
