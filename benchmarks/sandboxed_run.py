"""A whole run of the battery on the demo's synthetic census: inside the sandbox against the same command outside.

    python -m benchmarks.sandboxed_run [--repeats 5] [--plan standard] [--rows 12000]

The same arguments, the same environment and a fresh Python for both, in turns; and a third time forked, as a worker
does it. All three must find the same. What we claim: inside takes at most 10 % longer than outside.
"""

import argparse
import compileall
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from assessments import planning
from assessments.battery.profile import profile_dataset
from assessments.sandbox import launch
from modelrisk.demo import census, training
from registry import columns

CLAIM = 1.10
SECONDS = 3600.0


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def prepare(folder: Path, rows: int, plan_name: str) -> Path:
    """The plan's path; beside it the model and its data."""
    table = census.census(rows)
    table.to_csv(folder / "census.csv", index=False)
    training.train(training.read(folder / "census.csv"), folder)
    model, data = folder / "gradient_boosting.joblib", folder / "test.csv"
    roles = columns.guess(profile_dataset(data, "csv"), target="income")
    plan: dict[str, Any] = planning.build_plan(
        model={"path": model.name, "format": "joblib", "sha256": sha256(model)},
        data={"path": data.name, "format": "csv", "sha256": sha256(data)},
        target="income",
        favourable=">50K",
        task="auto",
        columns=roles,
        plan_name=plan_name,
        tests=planning.planned_tests(None, plan_name),
        seed=7,
    )
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder / "plan.json"


def outside(plan: Path, work: Path) -> tuple[float, list[str]]:
    root = str(launch.ROOT)
    environment = {**launch.environment(work, 1), "PYTHONPATH": root}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-s", "-B", "-m", "assessments.battery", str(plan), str(work)],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return time.perf_counter() - began, done.stdout.splitlines()


def inside(plan: Path, work: Path, *, fork: bool = False) -> tuple[float, list[str]]:
    lines: list[str] = []
    began = time.perf_counter()
    ended = launch.run(
        ["-m", "assessments.battery", str(plan), str(work)],
        read=[plan.parent],
        write=work,
        seconds=SECONDS,
        threads=1,
        on_line=lines.append,
        fork=fork,
    )
    assert ended.code == 0, ended
    return time.perf_counter() - began, lines


def findings(lines: list[str]) -> list[dict[str, Any]]:
    """What was found, without the times."""
    found = [json.loads(line) for line in lines]
    results = [event for event in found if event["event"] == "result"]
    for event in results:
        event["outcome"].pop("seconds")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--plan", default="standard", choices=["quick", "standard", "thorough"])
    parser.add_argument("--rows", type=int, default=12_000)
    asked = parser.parse_args()
    compileall.compile_dir(launch.ROOT / "assessments", quiet=1)  # as an installation does
    kinds = {"outside": outside, "inside": inside, "forked": lambda plan, work: inside(plan, work, fork=True)}
    times: dict[str, list[float]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory() as top:
        inputs = Path(top, "in")
        inputs.mkdir()
        plan = prepare(inputs, asked.rows, asked.plan)
        tests = len(json.loads(plan.read_text())["tests"])
        first = None
        for turn in range(asked.repeats + 1):  # the first warms up, and starts the forkserver
            names = list(kinds)
            for name in names[turn % 3 :] + names[: turn % 3]:  # nobody is always the first
                run = kinds[name]
                work = Path(top, f"{name}-{turn}")
                work.mkdir()
                launch.furnish(work)
                seconds, lines = run(plan, work)
                found = findings(lines)
                first = first or found
                assert len(found) == tests, f"{name} did not end"
                assert found == first, f"{name} finds something else"
                if turn:
                    times[name].append(seconds)
                    print(f"{name:8} {seconds:7.2f} s")
    median = {name: statistics.median(found) for name, found in times.items()}
    # Of pairs that ran one after the other: the machine may have become busier in between.
    ratio = statistics.median(b / a for a, b in zip(times["outside"], times["inside"], strict=True))
    print(f"{tests} tests, plan {asked.plan}: inside/outside {ratio:.3f}, claimed: at most {CLAIM}")
    answer = {
        "benchmark": "sandboxed_run",
        "tests": tests,
        **{f"{name}_seconds": round(value, 2) for name, value in median.items()},
        "ratio": round(ratio, 3),
        "claim": CLAIM,
        "holds": ratio <= CLAIM,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
