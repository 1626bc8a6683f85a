"""Whether a changed row could exist: what was changed that nobody could change, and what became impossible.

An attack that returns such a row has found nothing: the share of legal rows is reported beside the share that flips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.plan import Column
from assessments.battery.subject import Subject

Flags = NDArray[np.bool_]

FIXED = "fixed_changed"  # a column that nobody can change was changed
DIRECTION = "direction"  # a column that may only rise fell, or the other way round; a category has no up or down
BOUNDS = "bounds"  # beyond the column's smallest or largest value
INTEGER = "integer"  # a fraction where there are whole numbers only
UNKNOWN_CATEGORY = "unknown_category"  # a value that no row of the data has
MISSING = "missing_changed"  # a missing value was filled, or a value went missing
RELATION = "relation"  # a relation between columns that held before holds no more
KINDS = (FIXED, DIRECTION, BOUNDS, INTEGER, UNKNOWN_CATEGORY, MISSING, RELATION)


class Relation(Protocol):
    """What a relation between columns offers here; see assessments.battery.relations."""

    @property
    def text(self) -> str: ...

    def holds(self, frame: pd.DataFrame) -> Flags: ...


@dataclass(frozen=True)
class Violations:
    """kinds: for each of KINDS, the rows (m,) that break it. broken: for each relation's text, its rows (m,)."""

    kinds: dict[str, Flags]
    broken: dict[str, Flags]

    @property
    def legal(self) -> Flags:
        """(m,) rows that could exist."""
        return np.asarray(~np.logical_or.reduce(list(self.kinds.values())))

    def shares(self) -> dict[str, float]:
        """The share of rows that break each kind; 0 where there is no row."""
        return {kind: float(rows.mean()) if len(rows) else 0.0 for kind, rows in self.kinds.items()}


def violations(
    before: pd.DataFrame,
    after: pd.DataFrame,
    columns: Mapping[str, Column],
    relations: Sequence[Relation] = (),
    *,
    categories: Mapping[str, Any] | None = None,
) -> Violations:
    """What the rows `after` break, each made from the row at the same place of `before`.

    Only what was changed is judged: a row whose own value lies outside the bounds may keep it, or move towards them,
    and a relation counts where the row before kept it. categories: the values that each category column may take;
    without it those of `before`.
    """
    kinds = {kind: np.zeros(len(before), dtype=bool) for kind in KINDS}
    for name in after.columns:
        if name in columns and name in before:
            known = categories.get(name) if categories else None
            for kind, rows in _of_column(before[name], after[name], columns[name], known).items():
                kinds[kind] |= rows
    broken = {}
    for relation in relations:
        broken[relation.text] = np.asarray(relation.holds(before) & ~relation.holds(after))
        kinds[RELATION] |= broken[relation.text]
    return Violations(kinds, broken)


def known_categories(subject: Subject) -> dict[str, pd.Index]:
    """The values of each category column that the data or the training data holds."""
    found = {}
    for name in subject.features:
        if subject.columns[name].kind == "category":
            values = [subject.frame[name]]
            if subject.reference is not None and name in subject.reference:
                values.append(subject.reference[name])
            found[name] = pd.Index(pd.concat(values, ignore_index=True).dropna().unique())
    return found


def _of_column(before: pd.Series, after: pd.Series, column: Column, known: Any) -> dict[str, Flags]:
    was_missing, is_missing = before.isna().to_numpy(), after.isna().to_numpy()
    either = was_missing | is_missing
    if column.kind == "number":
        own, now = (_numbers(values) for values in (before, after))
        changed = ~either & (own != now)
        found = _of_numbers(own, now, changed, column)
    else:
        same = before.to_numpy(dtype=object) == after.to_numpy(dtype=object)
        changed = ~either & ~np.asarray(same, dtype=bool)
        allowed = before.dropna().unique() if known is None else known
        unknown = changed & ~after.isin(allowed).to_numpy()
        found = {UNKNOWN_CATEGORY: unknown, DIRECTION: changed & (column.mutable in ("up", "down"))}
    appeared = was_missing != is_missing
    return {
        **found,
        MISSING: appeared,
        FIXED: (changed | appeared) if column.mutable == "fixed" else np.zeros(len(before), dtype=bool),
    }


def _of_numbers(own: NDArray[Any], now: NDArray[Any], changed: Flags, column: Column) -> dict[str, Flags]:
    least = own if column.min is None else np.minimum(own, column.min)
    most = own if column.max is None else np.maximum(own, column.max)
    with np.errstate(invalid="ignore"):
        below = (now < least) if column.min is not None else np.zeros(len(own), dtype=bool)
        above = (now > most) if column.max is not None else np.zeros(len(own), dtype=bool)
        wrong_way = np.zeros(len(own), dtype=bool)
        if column.mutable == "up":
            wrong_way = now < own
        if column.mutable == "down":
            wrong_way = now > own
        fraction = now != np.round(now) if column.integer else np.zeros(len(own), dtype=bool)
    return {
        DIRECTION: changed & wrong_way,
        BOUNDS: changed & (below | above | ~np.isfinite(now)),
        INTEGER: changed & fraction,
    }


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    """As floats; what is no number is NaN, which is outside any bounds."""
    return np.asarray(pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan))
