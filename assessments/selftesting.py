"""Does the battery find what it is there to find? Planted models, measured by it and judged by a policy. No Django.

A fault that is missed, or a clean model that is accused, means that no verdict of this battery can be trusted: the
result stands in every report. It holds for the code, the libraries and the policy that it was made with.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assessments import catalogue, judging
from assessments.battery.selftest.faults import CLEAN, FAULTS, detector
from assessments.results import canonical

SCHEMA = "modelrisk.battery_selftest/1"
BATTERY = Path(__file__).with_name("battery")
SECONDS = 1_800.0  # for the models of one seed
PASSED_ON = ("PATH", "LANG", "TMPDIR", "HOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "NUMBA_CACHE_DIR")
LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "shap", "fairlearn", "adversarial-robustness-toolbox", "numba")
ACCUSING = {"fail", "error"}

Result = dict[str, Any]


def run(seeds: int, policy: dict[str, Any], *, tell: Callable[[str], None] = lambda line: None) -> Result:
    """Measure and judge the planted models of seeds 0, 1, …; tell is given a line for each model."""
    faults = {name: {**declared, "found": 0, "of": 0, "missed": []} for name, declared in declared_faults().items()}
    clean: dict[str, Any] = {"accused": 0, "of": 0, "by": []}
    for seed in range(seeds):
        for planted in _measured(seed):
            name, entries = planted["planted"], planted["entries"]
            if name == CLEAN:
                accusations = _accusations(entries, faults, policy)
                clean["of"] += 1
                clean["accused"] += bool(accusations)
                clean["by"] += [f"seed {seed}: {each}" for each in accusations]
                tell(f"seed {seed}: clean {'ACCUSED by ' + ', '.join(accusations) if accusations else 'left alone'}")
            elif faults[name]["test"]:
                _count(faults[name], entries, seed, policy)
                tell(f"seed {seed}: {name} {'MISSED' if faults[name]['missed'][-1:] == [seed] else 'found'}")
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seeds": seeds,
        **made_with(policy),
        "faults": [{"name": name, **fault} for name, fault in faults.items()],
        "clean": clean,
        "passed": not clean["accused"] and all(fault["found"] == fault["of"] for fault in faults.values()),
    }


def declared_faults() -> dict[str, dict[str, Any]]:
    """Each fault with the test and metric that must speak up; test is "" where the catalogue has none for it."""
    known = set(catalogue.catalogue())
    found = {}
    for fault in FAULTS:
        test, metric = detector(fault, known) or ("", "")
        found[fault.name] = {"test": test, "metric": metric, "words": list(fault.words)}
    return found


def _measured(seed: int) -> list[dict[str, Any]]:
    ended = _battery(["-m", "assessments.battery.selftest", str(seed)])
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
        raise RuntimeError(f"The planted models of seed {seed} could not be measured: {last[0]}")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _battery(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """In a process of its own: what is heavy stays out of ours, and it gets no secret of ours."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, *arguments],
        capture_output=True, text=True, timeout=SECONDS, check=False, cwd=BATTERY.parent.parent, env=environment,
    )  # fmt: skip


def words_on(entries: list[dict[str, Any]], test: str, metric: str, policy: dict[str, Any]) -> list[str]:
    """The policy's words on a metric of a test."""
    criteria = [each for each in policy["criteria"] if (each["test"], each["metric"]) == (test, metric)]
    return [verdict["verdict"] for verdict in judging.judge(entries, {"criteria": criteria})]


def _count(fault: dict[str, Any], entries: list[dict[str, Any]], seed: int, policy: dict[str, Any]) -> None:
    found = bool(set(words_on(entries, fault["test"], fault["metric"], policy)) & set(fault["words"]))
    fault["of"] += 1
    fault["found"] += found
    if not found:
        fault["missed"].append(seed)


def _accusations(entries: list[dict[str, Any]], faults: dict[str, dict[str, Any]], policy: dict[str, Any]) -> list[str]:
    """The detectors that say of the clean model what they say of a fault. Not settled is no accusation."""
    found = []
    for name, fault in faults.items():
        accusing = (set(fault["words"]) | ACCUSING) - {"inconclusive"}
        if fault["test"] and set(words_on(entries, fault["test"], fault["metric"], policy)) & accusing:
            found.append(f"{name} ({fault['test']})")
    return found


def made_with(policy: dict[str, Any]) -> dict[str, Any]:
    """What a result holds for: the battery's code, the policy, Python and the libraries."""
    versions = {"python": sys.version.split()[0]}
    versions |= {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "battery_sha256": battery_sha256(),
        "policy_sha256": hashlib.sha256(canonical(policy["criteria"])).hexdigest(),
        "versions": versions,
    }


@functools.cache
def battery_sha256() -> str:
    """The digest of the battery's own files: the code that a run of this process is made with."""
    code = hashlib.sha256()
    for path in sorted(BATTERY.rglob("*.py")):
        code.update(f"{path.relative_to(BATTERY)}\n".encode() + path.read_bytes())
    return code.hexdigest()


def keep(result: Result, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as out:
        json.dump(result, out, indent=1)
    os.replace(fresh, path)


def kept(path: Path) -> Result | None:
    """The last result; None where there is none that can be read."""
    try:
        found = json.loads(path.read_text())
        return found if found["schema"] == SCHEMA else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def mark(path: Path, policy: dict[str, Any]) -> dict[str, Any]:
    """What the results of a run carry: how the self-test of exactly this battery ended, or that there was none."""
    found = kept(path)
    if found is None:
        return {"state": "none"}
    if any(found.get(part) != value for part, value in made_with(policy).items()):
        return {"state": "outdated", "date": found["date"]}
    tried = [fault for fault in found["faults"] if fault["of"]]
    return {
        "state": "passed" if found["passed"] else "failed",
        "date": found["date"],
        "seeds": found["seeds"],
        "planted": len(tried),
        "found": sum(fault["found"] == fault["of"] for fault in tried),
        "accused": found["clean"]["accused"],
        "missed": [fault["name"] for fault in tried if fault["found"] < fault["of"]],
        "not_covered": [fault["name"] for fault in found["faults"] if not fault["of"]],
    }


def sentence(mark: dict[str, Any] | None) -> str:
    """The mark for the reader; empty for results from before there was one."""
    if not mark:
        return ""
    if mark["state"] == "none":
        return "Battery self-test: not run on this installation."
    if mark["state"] == "outdated":
        return f"Battery self-test: last run {mark['date'][:10]}, with other code, libraries or limits than these."
    said = f"Battery self-test: {mark['found']} of {mark['planted']} planted faults found"
    said += f" over {mark['seeds']} seeds" if mark["seeds"] > 1 else ""
    said += f", clean models accused: {mark['accused']}" if mark["accused"] else ", no clean model accused"
    said += f" ({mark['date'][:10]})."
    if mark["missed"]:
        said += f" Missed: {', '.join(mark['missed'])}."
    return said
