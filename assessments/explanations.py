"""What the policy says of the explanations themselves, for the charts that show them. Pure: no Django, no numpy."""

from collections.abc import Iterable, Mapping
from typing import Any

TRIALS = "explainability.explanation_quality"
ADDS_UP = "shap_additivity_max_error"


def mark(verdicts: Iterable[Mapping[str, Any]], entry: Mapping[str, Any]) -> str:
    """What to say on the charts of a test; empty where they show no explanation, or nothing speaks against it.

    verdicts: all of the assessment, each with test, metric, title and verdict. entry: the test's, of the catalogue.
    """
    if not entry.get("explains"):
        return ""
    failed = dict.fromkeys(
        verdict["title"]
        for verdict in verdicts
        if verdict["verdict"] == "fail" and (verdict["test"] == TRIALS or verdict["metric"] == ADDS_UP)
    )
    return f"This explanation failed its own test: {'; '.join(failed)}." if failed else ""
