"""The battery's catalogue as data, so that web workers import no ART, SHAP or scikit-learn.

catalogue.json is written by `manage.py battery_catalogue`; a test compares it with what the battery itself says.
"""

import functools
import json
from pathlib import Path
from typing import Any

from assessments.battery.spec import FAMILIES, PLANS, BatteryTest, Metric, Needs, Outcome, Param

FILE = Path(__file__).with_name("catalogue.json")


@functools.cache
def _read() -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in in_order(json.loads(FILE.read_text()))}


def catalogue() -> dict[str, dict[str, Any]]:
    """Each test's entry by its id, in the order of the battery. The entries are everybody's: read them only."""
    return dict(_read())


def in_order(entries: Any) -> list[dict[str, Any]]:
    """Entries by family and id. The battery prints them as a list, or as an object by id."""
    found = list(entries.values()) if isinstance(entries, dict) else list(entries)
    return sorted(found, key=lambda entry: (FAMILIES.index(entry["family"]), entry["id"]))


def tests_of(plan_name: str) -> list[str]:
    """The tests of a plan, in the catalogue's order. Costly tests are in fewer plans than cheap ones."""
    if plan_name not in PLANS:
        raise ValueError(f"There is no plan {plan_name!r}; there are {', '.join(PLANS)}.")
    return [test for test, entry in catalogue().items() if plan_name in entry["plans"]]


@functools.cache
def declared(test_id: str) -> BatteryTest:
    """The test as it was declared, without the function that runs it. Raises KeyError for an unknown one."""
    entry = catalogue()[test_id]
    return BatteryTest(
        **{
            **entry,
            "needs": Needs(**{**entry["needs"], "tasks": tuple(entry["needs"]["tasks"])}),
            "params": tuple(Param(**param) for param in entry["params"]),
            "metrics": tuple(Metric(**metric) for metric in entry["metrics"]),
            "controls": tuple(entry["controls"]),
            "charts": tuple(entry["charts"]),
            "plans": tuple(entry["plans"]),
        },
        run=_not_here,
    )


def _not_here(*_: Any, **__: Any) -> Outcome:
    raise RuntimeError("A test runs in the battery's own process only.")
