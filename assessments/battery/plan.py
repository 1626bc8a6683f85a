"""plan.json: what the battery is asked to do. Public wire format `modelrisk.plan/1`.

Every path is relative to the folder that holds the plan. Unknown keys are refused: a plan says what it means.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

SCHEMA = "modelrisk.plan/1"

Role = Literal["feature", "target", "sensitive", "ignored"]
Kind = Literal["number", "category"]
Mutable = Literal["free", "up", "down", "fixed"]
SWAP_PRICE = 0.1  # swapping a category is as dear as moving a number over a tenth of its range
Trust = Literal["restricted", "waived"]


class BadPlan(ValueError):
    """The plan cannot be carried out; the message says what is wrong with it."""


@dataclass(frozen=True)
class File:
    """A file of the run. format: joblib for a model; csv, parquet or joblib for data.

    trust, of a model: restricted, where only what the gate allows is loaded; waived, where an officer answers for it.
    """

    path: str
    format: str
    sha256: str = ""
    trust: Trust = "restricted"


@dataclass(frozen=True)
class Target:
    """The column to predict. Labels are compared by value: 1, 1.0 and "1" name the same class. For regression there
    are none: favourable and labels stay empty.

    labels maps a class of the model, as text, to the label of the data that it stands for; empty where they agree.
    """

    column: str
    favourable: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """What a column is for, and what a person could change about it. A sensitive column may feed the model too."""

    name: str
    role: Role = "feature"
    kind: Kind | None = None  # None: read from the data
    mutable: Mutable = "free"
    min: float | None = None
    max: float | None = None
    integer: bool | None = None  # None: read from the data
    swap_price: float = SWAP_PRICE  # of another category, where moving a number over its whole range costs 1


@dataclass(frozen=True)
class PlannedTest:
    """A test of the catalogue and the parameters that differ from its defaults."""

    id: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """seconds_per_test: a test over it ends as an error, never as a pass."""

    seconds_per_test: float = 900.0
    max_rows: int = 5_000_000
    max_columns: int = 5_000
    max_cells: int = 200_000_000


@dataclass(frozen=True)
class Plan:
    model: File
    data: File
    target: Target
    tests: tuple[PlannedTest, ...]
    seed: int
    reference: File | None = None  # the training data, where it is known
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    columns: tuple[Column, ...] = ()  # those not listed are features, read from the data
    relations: tuple[str, ...] = ()  # between columns, that every row keeps: see assessments.battery.relations
    plan_name: Literal["quick", "standard", "thorough"] = "standard"
    limits: Limits = field(default_factory=Limits)

    def to_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Plan":
        """Raises BadPlan where the document is not a plan."""
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise BadPlan(f"The plan must be an object whose schema is {SCHEMA!r}.")
        body = {key: value for key, value in document.items() if key != "schema"}
        try:
            body["model"] = _build(File, body["model"])
            body["data"] = _build(File, body["data"])
            body["reference"] = _build(File, body["reference"]) if body.get("reference") else None
            body["target"] = _build(Target, body["target"])
            body["tests"] = tuple(_build(PlannedTest, test) for test in body["tests"])
            body["columns"] = tuple(_build(Column, column) for column in body.get("columns", ()))
            body["relations"] = _texts(body.get("relations", ()), "relations")
            body["limits"] = _build(Limits, body.get("limits", {}))
            plan: Plan = _build(cls, body)
            if any(not 0 <= column.swap_price < float("inf") for column in plan.columns):
                raise BadPlan("The price of a swap must be a number from 0.")
            if plan.seed < 0 or plan.limits.seconds_per_test <= 0:
                raise BadPlan("The seed must not be negative, and a test needs some seconds.")
            return plan
        except (KeyError, TypeError) as error:
            raise BadPlan(f"The plan lacks a part, or one has the wrong form: {error}.") from error

    @classmethod
    def read(cls, path: Path) -> "Plan":
        try:
            return cls.from_json(json.loads(path.read_text()))
        except ValueError as error:
            raise error if isinstance(error, BadPlan) else BadPlan(f"{path.name} is not JSON: {error}.") from error


def _texts(values: Any, key: str) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise BadPlan(f"{key} must be a list of texts, not {values!r}.")
    return tuple(values)


def _build(kind: type, values: dict[str, Any]) -> Any:
    unknown = set(values) - {f.name for f in fields(kind)}
    if unknown:
        raise BadPlan(f"{kind.__name__} has no {', '.join(sorted(unknown))}.")
    built = kind(**values)
    for name, hint in get_type_hints(kind).items():
        allowed = [
            choice for part in (hint, *get_args(hint)) if get_origin(part) is Literal for choice in get_args(part)
        ]
        value = getattr(built, name)
        if allowed and value is not None and value not in allowed:
            raise BadPlan(f"{kind.__name__}: {name} must be one of {', '.join(allowed)}, not {value!r}.")
        if hint in (str, int, float) and not isinstance(value, (float, int) if hint is float else hint):
            raise BadPlan(f"{kind.__name__}: {name} must be a {hint.__name__}, not {value!r}.")
    return built
