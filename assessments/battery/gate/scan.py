"""The scan of a model file: what it would import and do, and whether it may. Public format modelrisk.scan/1."""

import hashlib
import json
from pathlib import Path
from typing import Any

from assessments.battery.gate import checks, policy
from assessments.battery.gate.reader import MOST_IMPORTS, Reading, read_file

SCHEMA = "modelrisk.scan/1"


def scan_model(path: Path, format: str = "joblib") -> dict[str, Any]:
    """The scan as JSON, without sha256 and size of the file, which the parent adds. Executes nothing of the file."""
    if format == "joblib":
        return scan_joblib(path)
    from assessments.battery import formats  # which judge by the same reasons, so that this comes late

    return formats.scan(path, format)


def scan_joblib(path: Path) -> dict[str, Any]:
    """The scan of a joblib file."""
    reading = read_file(path)
    return document(reading, checks.judge(reading))


def document(reading: Reading, judgement: checks.Judgement) -> dict[str, Any]:
    """A reading and its judgement as JSON."""
    imports = [
        {
            "name": name,
            "uses": sorted(reading.uses[name]),
            "verdict": judgement.verdicts[name],
            "note": judgement.notes.get(name, ""),
        }
        for name in sorted(reading.globals)[:MOST_IMPORTS]
    ]
    lists = policy.policy()
    return {
        "schema": SCHEMA,
        "format": "joblib",
        "container": reading.container,
        "verdict": judgement.verdict,
        "reasons": judgement.reasons.to_json(),
        "imports": imports,
        "imports_sha256": imports_digest(imports),
        "opcodes": reading.opcodes,
        "bytes": reading.bytes,
        "libraries": {name: ", ".join(sorted(each)) for name, each in sorted(judgement.libraries.items())},
        "allow_list": {"name": ", ".join(lists.names), "sha256": lists.sha256},
    }


def imports_digest(imports: list[dict[str, Any]]) -> str:
    """SHA-256 of what a file imports and how it uses it: what a waiver is bound to."""
    pairs = sorted([entry["name"], sorted(entry["uses"])] for entry in imports)
    return hashlib.sha256(json.dumps(pairs, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
