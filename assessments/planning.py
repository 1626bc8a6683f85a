"""Plain values -> plan.json, for the web and the command line alike. No Django; nothing heavy is imported."""

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from assessments import catalogue
from assessments.battery.plan import SWAP_PRICE, BadPlan, Plan, PlannedTest
from assessments.battery.spec import FAMILIES, PLANS

CHOICES = {
    "role": ("feature", "target", "sensitive", "ignored"),
    "kind": ("number", "category", None),
    "mutable": ("free", "up", "down", "fixed"),
}
MODEL_FORMATS = ("joblib", "lightgbm", "onnx", "skops", "xgboost")
DATA_FORMATS = ("csv", "parquet")
LEGAL_TEST = "fairness.legal_contexts"
LARGEST_SEED = 2**63 - 1  # what every database keeps


class BadRequest(ValueError):
    """What was asked cannot be planned: message says what is wrong, hint what to do."""

    def __init__(self, message: str, hint: str = "", *, code: str = "bad_plan") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


def build_plan(
    *,
    model: Mapping[str, str],
    data: Mapping[str, str],
    target: str,
    columns: Iterable[Mapping[str, Any]],
    seed: int,
    favourable: str = "",
    task: str = "auto",
    reference: Mapping[str, str] | None = None,
    plan_name: str = "standard",
    tests: Iterable[str | Mapping[str, Any]] | None = None,
    labels: Mapping[str, str] | None = None,
    limits: Mapping[str, Any] | None = None,
    relations: Iterable[str] = (),
    legal_contexts: Iterable[str] = (),
) -> dict[str, Any]:
    """A valid plan document. Raises BadRequest.

    model, data, reference: {path, format, sha256}, path relative to the plan's folder; a model also trust.
    columns: {name, role, kind, mutable, min or minimum, max or maximum, integer, swap_price}. relations: between
    columns, as text. tests: ids, families (those of their tests that the plan runs) or {id, params}; None: all of
    the plan.
    legal_contexts: of the model, for the test that shows what the law of each asks.
    labels: a class of the model, as text -> the label of the data that it stands for. task: auto lets the model say.
    """
    if plan_name not in PLANS:
        raise BadRequest(f"There is no plan {plan_name!r}.", f"Choose one of {', '.join(PLANS)}.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise BadRequest(f"The seed {seed!r} is not a whole number from 0.", "Give for example 20261123.")
    if not target:
        raise BadRequest("No column is the target.", "Name the column to predict.", code="no_target")
    document: dict[str, Any] = {
        "schema": "modelrisk.plan/1",
        "model": _file(model, MODEL_FORMATS),
        "data": _file(data, DATA_FORMATS),
        "reference": _file(reference, DATA_FORMATS) if reference else None,
        "target": {"column": target, "favourable": favourable, "labels": dict(labels or {})},
        "task": task,
        "columns": planned_columns(columns, target),
        "relations": list(relations),
        "tests": planned_tests(tests, plan_name, legal_contexts),
        "plan_name": plan_name,
        "seed": seed,
        "limits": dict(limits or {}),
    }
    try:
        plan: dict[str, Any] = json.loads(json.dumps(Plan.from_json(document).to_json()))
    except BadPlan as error:
        raise BadRequest(str(error)) from error
    return plan


def planned_tests(
    tests: Iterable[str | Mapping[str, Any]] | None, plan_name: str, legal_contexts: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """[{id, params}] in the catalogue's order, each once. A family stands for its tests in this plan; a test named by
    its id is taken whatever the plan. legal_contexts: of the model, which the test of that name shows unless it is
    asked for others. Raises BadRequest."""
    known = catalogue.catalogue()
    of_plan = catalogue.tests_of(plan_name)
    asked: dict[str, dict[str, Any]] = {}
    for each in of_plan if tests is None else tests:
        name, params = (each, {}) if isinstance(each, str) else (each.get("id", ""), each.get("params") or {})
        ids = [test for test in of_plan if known[test]["family"] == name] if name in FAMILIES else [name]
        for test in ids:
            if test not in known:
                raise _unknown_test(test, known)
            if not isinstance(params, Mapping):
                raise BadRequest(f"{test}: the parameters must be an object.", 'For example {"rows": 100}.')
            asked.setdefault(test, {}).update(params)
    if not asked:
        raise BadRequest("No test was chosen.", f"Choose of {', '.join(known)}, or a family: {', '.join(FAMILIES)}.")
    if (apply := ",".join(legal_contexts)) and LEGAL_TEST in asked:
        asked[LEGAL_TEST].setdefault("contexts", apply)
    for test, params in asked.items():
        try:
            catalogue.declared(test).resolve(params, plan_name)
        except ValueError as error:
            raise BadRequest(str(error), "See the catalogue for the parameters and their limits.") from error
    return [asdict(PlannedTest(test, asked[test])) for test in known if test in asked]


def planned_columns(columns: Iterable[Mapping[str, Any]], target: str) -> list[dict[str, Any]]:
    """The columns as the plan has them; `target` has the role of the target, whatever it had. Raises BadRequest."""
    planned: list[dict[str, Any]] = []
    for column in columns:
        name = str(column["name"])
        role = column.get("role", "feature")
        if name == target:
            role = "target"
        elif role == "target":
            role = "feature"
        planned.append(
            {
                "name": name,
                "role": role,
                "kind": column.get("kind"),
                "mutable": column.get("mutable", "free"),
                "min": _bound(column, "min", "minimum"),
                "max": _bound(column, "max", "maximum"),
                "integer": column.get("integer"),
                "swap_price": _price(column),
            }
        )
        _check_column(planned[-1])
    names = [column["name"] for column in planned]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadRequest(f"Named twice: {', '.join(twice)}.", "Say what a column is once.")
    if names and target not in names:
        raise unknown_column(target, names, "target", code="no_target")
    return planned


def unknown_column(name: str, names: list[str], asked_as: str, *, code: str = "missing_column") -> BadRequest:
    return BadRequest(
        f"The data has no column {name!r} ({asked_as}).",
        f"{_nearest(name, names)}Its columns are {_listed(names)}.",
        code=code,
    )


def _file(file: Mapping[str, str], formats: tuple[str, ...]) -> dict[str, str]:
    if file.get("format") not in formats:
        raise BadRequest(f"{file.get('format')!r} is no format that is read here.", f"Give {' or '.join(formats)}.")
    optional = {part: file[part] for part in ("sha256", "trust") if part in file}
    return {"path": str(file["path"]), "format": file["format"], **optional}


def _bound(column: Mapping[str, Any], short: str, long: str) -> float | None:
    bound = column.get(short, column.get(long))
    if bound is None:
        return None
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
        raise BadRequest(f"Column {column['name']}: {bound!r} is no {long}.", "Give a number, or leave it out.")
    return float(bound)


def _price(column: Mapping[str, Any]) -> float:
    price = column.get("swap_price")
    if price is None:
        return SWAP_PRICE
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
        hint = "Give a number from 0; 1 is what moving a number over its whole range costs."
        raise BadRequest(f"Column {column['name']}: {price!r} is no price of a swap.", hint)
    return float(price)


def _check_column(column: dict[str, Any]) -> None:
    for key, allowed in CHOICES.items():
        if column[key] not in allowed:
            choices = ", ".join(str(choice) for choice in allowed if choice)
            raise BadRequest(f"Column {column['name']}: {column[key]!r} is no {key}.", f"Choose one of {choices}.")
    if column["min"] is not None and column["max"] is not None and column["min"] > column["max"]:
        raise BadRequest(f"Column {column['name']}: the minimum is above the maximum.", "Swap them.")


def _unknown_test(test: str, known: dict[str, Any]) -> BadRequest:
    return BadRequest(
        f"There is no test {test!r}.",
        f"{_nearest(test, [*known, *FAMILIES])}There are {', '.join(known)}, and the families {', '.join(FAMILIES)}.",
    )


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1)
    return f"Did you mean {found[0]}? " if found else ""


def _listed(names: list[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
