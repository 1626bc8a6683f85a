"""What each test of the battery costs, for the estimate that is shown before a run.

    python -m benchmarks.costs --data ADULT.csv [--write] [--only TEST …]

Each test of the quick and the standard plan is run on two sizes of the data with a logistic regression, in CPU seconds,
and the rows that it asked the model about are counted. What grows with the rows is told from what does not by the two
sizes; what the model itself needs is taken off by its own speed, and put back later for the model at hand.
--write puts the result into assessments/costs.json. A test over LIMIT seconds counts as that.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assessments.battery import run as running
from assessments.battery import spec
from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject
from assessments.battery.tables import read_frame
from assessments.battery.timing import OutOfTime, time_limit
from assessments.costing import FILE

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult.csv"
SIZES = (2_000, 8_000)
LIMIT = 90.0  # seconds by the clock
PLANS = ("quick", "standard")


def subject_with(path: Path, rows: int) -> Subject:
    frame = read_frame(path, "csv")[0]
    features = [name for name in frame if name != "income"]
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_include=object)),
    )
    train, other = frame[-6000:].reset_index(drop=True), frame[:rows].reset_index(drop=True)
    model = make_pipeline(encode, LogisticRegression(max_iter=300)).fit(train[features], train["income"])
    sensitive = [Column(name, "sensitive", mutable="fixed") for name in ("age", "race", "sex")]
    subject = Subject(model, other, Target("income", ">50K"), tuple(sensitive), reference=train)
    subject.model.compile()
    return subject


def cost_of(test: spec.BatteryTest, subject: Subject, plan: str) -> dict[str, float]:
    if running.unmet(test.needs, subject):
        return {"seconds": 0.0, "queries": 0}
    subject.count_afresh()
    begun = time.process_time()
    try:
        with time_limit(LIMIT):
            test.run(subject, test.resolve({}, plan), running.generator(0, test.id), lambda done, of: None)
    except OutOfTime:
        return {"seconds": LIMIT, "queries": subject.queries}
    except spec.NotApplicable:
        return {"seconds": 0.0, "queries": 0}
    return {"seconds": time.process_time() - begun, "queries": subject.queries}


def per_query(subject: Subject) -> float:
    """Seconds of the model for one row in a big batch."""
    codes = subject.coder.encode(subject.frame[subject.features])
    begun = time.process_time()
    for _ in range(5):
        subject.predict_codes(codes)
    return (time.process_time() - begun) / (5 * len(codes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", nargs="*")
    asked = parser.parse_args()
    subjects = [subject_with(asked.data, rows) for rows in SIZES]
    speed = per_query(subjects[1])
    found: dict[str, Any] = json.loads(FILE.read_text()) if asked.only and FILE.exists() else {}
    for test in spec.discover().values():
        if asked.only and test.id not in asked.only:
            continue
        costs = {}
        for plan in (each for each in PLANS if each in test.plans):
            small, large = (cost_of(test, subject, plan) for subject in subjects)
            costs[plan] = _fitted(small, large, speed)
            sys.stdout.write(f"{test.id} {plan} {small} {large}\n")
            sys.stdout.flush()
        if costs:
            found[test.id] = costs
    total = {plan: round(sum(cost[plan]["seconds"] for cost in found.values() if plan in cost), 1) for plan in PLANS}
    print(json.dumps({"benchmark": "costs", "tests": len(found), "seconds_without_rows": total}))
    if asked.write:
        FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def _fitted(small: dict[str, float], large: dict[str, float], speed: float) -> dict[str, float]:
    """seconds without the model at no rows, and for 1,000 rows; questions likewise.

    The first run of a test compiles its kernels: where the smaller data took longer, that is what it was.
    """
    small = {**small, "seconds": min(small["seconds"], large["seconds"])}
    own = [max(cost["seconds"] - cost["queries"] * speed, 0.0) for cost in (small, large)]
    thousands = [rows / 1_000 for rows in SIZES]
    slope = max((own[1] - own[0]) / (thousands[1] - thousands[0]), 0.0)
    asked = max((large["queries"] - small["queries"]) / (thousands[1] - thousands[0]), 0.0)
    return {
        "seconds": round(max(own[0] - slope * thousands[0], 0.01), 3),
        "seconds_per_1000_rows": round(slope, 4),
        "questions": round(max(small["queries"] - asked * thousands[0], 0)),
        "questions_per_1000_rows": round(asked),
    }


if __name__ == "__main__":
    main()
