"""What a column may be said to be: checks, changes, what carries over to the next version. Writes nothing."""

import math
from typing import Any

from registry.columns import guess_favourable, is_amount
from registry.models import Column, DatasetVersion
from registry.refusals import BadInput

EDITABLE = ["role", "kind", "mutable", "minimum", "maximum", "integer", "swap_price"]
CHOICES = {"role": Column.Role, "kind": Column.Kind, "mutable": Column.Mutable}


def rows_for(version: DatasetVersion, settled: list[dict], profile: dict) -> list[Column]:
    """Unsaved rows, in the order of the file."""
    profiles = {column["name"]: column for column in profile["columns"]}
    told = ("dtype", "missing", "distinct", "min", "max", "mean", "std", "top")
    return [
        Column(
            dataset_version=version,
            position=position,
            name=column["name"],
            profile={key: profiles[column["name"]].get(key) for key in told},
            **{field: column[field] for field in EDITABLE},
        )
        for position, column in enumerate(settled)
    ]


def check_target(profile: dict, target: str | None, favourable: str | None) -> None:
    """The target that the uploader names must be there, with the favourable label among its values."""
    profiles = {column["name"]: column for column in profile["columns"]}
    if target and target not in profiles:
        raise BadInput(
            f"The data has no column {target!r}.",
            hint=f"Its columns are {_listed(profiles)}.",
            code="no_target",
            field="target",
        )
    if target and favourable:
        _check_favourable(favourable, profiles[target], target)


def carried_over(guessed: list[dict], previous: DatasetVersion | None, *, keep_target: bool) -> list[dict]:
    """What was said of a column in the version before holds on, as long as the column is of the same kind."""
    if previous is None:
        return guessed
    before = {column.name: column for column in previous.columns.all()}
    new_target = next((c["name"] for c in guessed if c["role"] == Column.Role.TARGET), None)
    old_target = previous.target
    if keep_target and old_target is not None and any(c["name"] == old_target.name for c in guessed):
        new_target = old_target.name
    settled = []
    for column in guessed:
        old = before.get(column["name"])
        same = old is not None and old.kind == column["kind"]
        kept = {field: getattr(old, field) for field in EDITABLE} if same else {}
        merged = {**column, **kept}
        if merged["name"] == new_target:
            merged["role"] = Column.Role.TARGET
        elif merged["role"] == Column.Role.TARGET:
            merged["role"] = Column.Role.FEATURE
        settled.append(merged)
    return settled


def settled_favourable(settled: list[dict], profile: dict, given: str | None, previous: DatasetVersion | None) -> str:
    """The favourable label: as given, as before, by its name, or the last of the sorted labels; "" for amounts."""
    target = next((c["name"] for c in settled if c["role"] == Column.Role.TARGET), None)
    if target is None:
        return given or ""
    read = _profile_of(profile, target)
    if is_amount(read) and not given:
        return ""
    labels = [text for text, _count in read.get("top") or []]
    wanted = given or (previous.favourable if previous else "")
    if found := next((label for label in labels if wanted and same_value(label, wanted)), None):
        return found
    if given:
        return given
    return guess_favourable(profile, target) or max(labels, key=_label_order, default="")


def apply(version: DatasetVersion, rows: list[Column], edits: list[dict], favourable: str) -> dict[str, Any]:
    """Change the rows in memory; returns what changed, field by field: {columns: {name: {field: [before, after]}}}."""
    by_name = {row.name: row for row in rows}
    changed: dict[str, dict[str, list]] = {}
    for edit in edits:
        row = by_name.get(edit.get("name", ""))
        if row is None:
            raise BadInput(f"The data has no column {edit.get('name')!r}.", field="columns", code="missing_column")
        unknown = set(edit) - {"name", *EDITABLE}
        if unknown:
            raise BadInput(f"A column has no {_listed(sorted(unknown))}.", field="columns")
        for field in EDITABLE:
            if field in edit and edit[field] != getattr(row, field):
                changed.setdefault(row.name, {})[field] = [getattr(row, field), edit[field]]
                setattr(row, field, edit[field])
    for row in rows:
        _check(row)
    target = _only_target(rows)
    if favourable or target.kind == Column.Kind.CATEGORY:  # numbers may be amounts, which have none
        _check_favourable(favourable, target.profile, target.name)
    detail: dict[str, Any] = {"columns": changed}
    if favourable != version.favourable:
        detail["favourable"] = [version.favourable, favourable]
        version.favourable = favourable
    return detail


def same_value(one: str, other: str) -> bool:
    """Labels name the same class by value: "1" and "1.0" are one."""
    if one == other:
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def _check(row: Column) -> None:
    for field, choices in CHOICES.items():
        if getattr(row, field) not in choices.values:
            said = getattr(row, field)
            raise _bad(row, f"{said!r} is not a {field}", f"Choose one of {_listed(choices.values)}.")
    for field in ("minimum", "maximum"):
        bound = getattr(row, field)
        if bound is not None and (
            isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound)
        ):
            raise _bad(row, f"the {field} {bound!r} is not a number", "Give a number or leave it empty.")
    price = row.swap_price
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
        hint = "Give a number from 0; 1 is what moving a number over its whole range costs."
        raise _bad(row, f"the price {price!r} of a swap is not a number from 0", hint)
    if row.minimum is not None and row.maximum is not None and row.minimum > row.maximum:
        raise _bad(row, f"the minimum {row.minimum:g} is above the maximum {row.maximum:g}", "Swap them.")
    if row.kind == Column.Kind.NUMBER:
        _check_holds_numbers(row)
        return
    if row.minimum is not None or row.maximum is not None or row.integer:
        raise _bad(row, "a category has no minimum, maximum or whole numbers", "Clear them, or make it a number.")
    if row.mutable in {Column.Mutable.UP, Column.Mutable.DOWN}:
        raise _bad(row, "a category cannot increase or decrease", "Choose immutable or free, or make it a number.")


def _check_holds_numbers(row: Column) -> None:
    for text, _count in row.profile.get("top") or []:
        try:
            float(text)
        except ValueError:
            raise _bad(row, f"it holds {text!r}, which is not a number", "Leave it a category.") from None


def _only_target(rows: list[Column]) -> Column:
    targets = [row for row in rows if row.role == Column.Role.TARGET]
    if not targets:
        raise BadInput(
            "No column is the target.", hint="Mark the column to predict.", code="no_target", field="columns"
        )
    if len(targets) > 1:
        names = _listed([row.name for row in targets])
        raise BadInput(f"{names} are all marked as target.", hint="Exactly one column is.", field="columns")
    return targets[0]


def _check_favourable(favourable: str, profile: dict, target: str) -> None:
    labels = [text for text, _count in profile.get("top") or []]
    if not favourable:
        raise BadInput(
            f"Say which value of {target} is the favourable one.", hint=f"It has {_listed(labels)}.", field="favourable"
        )
    complete = len(labels) >= (profile.get("distinct") or 0)
    if complete and not any(same_value(favourable, label) for label in labels):
        raise BadInput(
            f"{favourable!r} is not a value of {target}.",
            hint=f"It has {_listed(labels)}.",
            code="label_mismatch",
            field="favourable",
        )


def _bad(row: Column, what: str, hint: str) -> BadInput:
    return BadInput(f"Column {row.name}: {what}.", hint=hint, code="bad_column", field="columns")


def _profile_of(profile: dict, name: str) -> dict:
    return next(column for column in profile["columns"] if column["name"] == name)


def _label_order(label: str) -> tuple:
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)


def _listed(names: Any, most: int = 12) -> str:
    names = [str(name) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
