"""results.json: what one assessment found, as one document. Public wire format `modelrisk.results/1`. No Django.

Times aside ("seconds"), the same inputs and seed give the same bytes, whoever ran it: worker, API or command line.
"""

import hashlib
import json
from typing import Any

from assessments import judging

SCHEMA = "modelrisk.results/1"


def assemble(
    started: dict[str, Any],
    entries: list[dict[str, Any]],
    verdicts: list[dict[str, Any]],
    plan: dict[str, Any],
    *,
    policy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The document. started: the event of that name; entries: the outcomes, in any order; plan: as the battery got it.

    Digests, target, seed and policy come from the plan and from us, never from the process that ran the model.
    """
    order = {test["id"]: position for position, test in enumerate(plan["tests"])}
    reference = plan.get("reference")
    return {
        "schema": SCHEMA,
        "subject": {
            **started.get("subject", {}),
            "model_sha256": plan["model"]["sha256"],
            "data_sha256": plan["data"]["sha256"],
            "reference_sha256": reference["sha256"] if reference else None,
            "target": plan["target"]["column"],
            "favourable": plan["target"]["favourable"],
            "seed": plan["seed"],
            "plan_name": plan["plan_name"],
        },
        "seed": plan["seed"],
        "plan": {"name": plan["plan_name"], "tests": plan["tests"], "columns": plan["columns"]},
        "policy": {key: policy[key] for key in ("name", "version", "sha256")} if policy else None,
        "environment": started.get("environment", {}),
        "tests": sorted(entries, key=lambda entry: (order.get(entry["id"], len(order)), entry["id"])),
        "verdicts": verdicts,
        **optional("comparisons", judging.comparisons(entries)),
    }


def entry(declared: dict[str, Any], outcome: dict[str, Any]) -> dict[str, Any]:
    """One of "tests". declared: the catalogue's entry, which titles, units and directions are taken from."""
    metrics = {metric["id"]: metric for metric in declared["metrics"]}
    measures = [
        {
            "metric": measure["metric"],
            "value": measure["value"],
            "ci": measure.get("ci"),
            "n": measure["n"],
            "group": measure["group"],
            "unit": metrics[measure["metric"]]["unit"],
            "better": metrics[measure["metric"]]["better"],
            "small": measure.get("small", False),
            **optional("p_value", measure.get("p_value")),
        }
        for measure in outcome.get("measures", [])
    ]
    charts = [
        {key: chart[key] for key in ("id", "title", "caption", "alt", "data")} for chart in outcome.get("charts", [])
    ]
    return {
        "id": declared["id"],
        "family": declared["family"],
        "title": declared["title"],
        "status": outcome["status"],
        "reason": outcome.get("reason", ""),
        "hint": outcome.get("hint", ""),
        "seconds": outcome.get("seconds", 0),
        "queries": outcome.get("queries", 0),
        "params": outcome.get("params", {}),
        "measures": measures,
        "charts": charts,
        "tables": outcome.get("tables", []),
        "notes": outcome.get("notes", []),
        **optional("comparisons", outcome.get("comparisons") or None),
    }


def optional(key: str, value: Any) -> dict[str, Any]:
    """A part that is there only where it has a value: documents from before it was known keep their digest."""
    return {} if value is None else {key: value}


def canonical(value: Any) -> bytes:
    """One spelling of a JSON value, to take a digest of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest(results: dict[str, Any]) -> str:
    """SHA-256 of the document without its times: of its tests, and the day of the battery's self-test."""
    environment = dict(results["environment"])
    if "battery_selftest" in environment:
        kept = environment["battery_selftest"]
        environment["battery_selftest"] = {key: value for key, value in kept.items() if key != "date"}
    tests = [{key: value for key, value in entry.items() if key != "seconds"} for entry in results["tests"]]
    return hashlib.sha256(canonical({**results, "environment": environment, "tests": tests})).hexdigest()
