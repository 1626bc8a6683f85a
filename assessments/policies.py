"""The policy that measures are judged by: thresholds as data, each with its basis and source. No Django."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from assessments.results import canonical

FILE = Path(__file__).with_name("policies.json")


def default_policy() -> dict[str, Any]:
    """The house policy: {name, version, notes, sha256, criteria: [...]}; a new object each time."""
    policy: dict[str, Any] = json.loads(_sealed())
    return policy


@functools.cache
def _sealed() -> str:
    policy = json.loads(FILE.read_text())
    return json.dumps({**policy, "sha256": sha256(policy)})


def sha256(policy: dict[str, Any]) -> str:
    """The digest of a policy over everything but the digest itself."""
    return hashlib.sha256(canonical({key: value for key, value in policy.items() if key != "sha256"})).hexdigest()
