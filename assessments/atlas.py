"""MITRE ATLAS names of the ids that the gate gives with its reasons, and the version of ATLAS they are from."""

import json
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("battery") / "gate" / "reasons.json"


@cache
def _known() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(SOURCE.read_text())
    return known


def version() -> str:
    """For example 5.6.0."""
    return str(_known()["atlas_version"])


def name_of(atlas_id: str) -> str:
    """AML.T0076 -> Corrupt AI Model; empty for an id that this version does not name."""
    return str(_known()["atlas_names"].get(atlas_id, ""))
