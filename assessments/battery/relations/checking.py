"""Which rows keep a relation: the tree of the parser, evaluated over whole columns at once.

A condition has three values: kept, broken, unknown (a division by 0, the logarithm of a negative, a value that a map
lacks, a missing value). `and`, `or`, `not` and `if … then …` join them as Kleene has it, so that `if b > 0 then a / b
<= 5` is kept where b is 0. What stays unknown at the end counts as kept where a value of the row is missing, since
nobody can tell, and as broken otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.labels import as_text
from assessments.battery.relations.language import (
    Among,
    BadRelation,
    Call,
    Column,
    Compare,
    Constant,
    Logic,
    Map,
    Node,
    Parsed,
    Value,
    parse,
    shown,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_BROKEN = 0.01  # a relation that more of the real rows break is no rule of this data
CLOSE = 1e-9  # relative: numbers that only rounding sets apart are equal
BROKEN, UNKNOWN, KEPT = 0.0, 0.5, 1.0


class Table(Protocol):
    """Columns by name. numbers: floats, NaN where missing. texts: positions (-1 where missing) in a list of texts."""

    rows: int

    def numbers(self, name: str) -> Floats: ...

    def texts(self, name: str) -> tuple[NDArray[np.int64], list[str]]: ...


class FrameTable:
    """The columns of a DataFrame."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.rows = len(frame)

    def numbers(self, name: str) -> Floats:
        return np.asarray(pd.to_numeric(self.frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan))

    def texts(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        at, uniques = pd.factorize(self.frame[name], use_na_sentinel=True)
        return np.asarray(at, dtype=np.int64), [as_text(value) for value in uniques]


@dataclass(frozen=True)
class Text:
    """Rows of text as positions in names; -1 where there is none. Names may repeat (1 and 1.0)."""

    at: NDArray[np.int64]
    names: list[str]

    def equals(self, other: "Text") -> Floats:
        """(rows,) KEPT, BROKEN or UNKNOWN."""
        where = {name: position for position, name in enumerate(dict.fromkeys([*self.names, *other.names]))}
        left, right = (np.array([*(where[name] for name in side.names), -1])[side.at] for side in (self, other))
        return np.where((left < 0) | (right < 0), UNKNOWN, (left == right).astype(float))


@dataclass(frozen=True)
class Relation:
    """A relation that was parsed, ready to check."""

    parsed: Parsed

    @property
    def text(self) -> str:
        return self.parsed.text

    @property
    def columns(self) -> tuple[str, ...]:
        return self.parsed.columns

    def holds(self, frame: pd.DataFrame) -> Flags:
        """(rows,) which rows keep it."""
        return self.kept_in(FrameTable(frame))

    def kept_in(self, table: Table) -> Flags:
        evaluation = Evaluation(table)
        found = evaluation.condition(self.parsed.tree)
        return np.asarray((found == KEPT) | ((found == UNKNOWN) & evaluation.missing))


def relations_of(texts: Sequence[str], kinds: Mapping[str, str]) -> list[Relation]:
    """kinds: number or category, by column. Raises BadRelation. What is written twice counts once."""
    parsed = [parse(text, kinds) for text in texts]
    return [Relation(each) for each in {each.text: each for each in parsed}.values()]


@dataclass(frozen=True)
class Tally:
    """What a table says of a relation: rows that were judged, how many break it, the first of them."""

    text: str
    rows: int
    broken: int
    examples: list[int]

    @property
    def share(self) -> float:
        return self.broken / self.rows if self.rows else 0.0

    def said(self) -> str:
        share = f"{100 * self.share:.3g} % of {self.rows:,} rows"
        return f"{shown(self.text)} is broken by {share}" + (f", row {self.examples[0]} first" if self.broken else "")


def tally(relation: Relation, frame: pd.DataFrame) -> Tally:
    broken = np.flatnonzero(~relation.holds(frame))
    return Tally(relation.text, len(frame), len(broken), [int(row) for row in broken[:5]])


def refuse_wrong(relation: Relation, frame: pd.DataFrame) -> Tally:
    """The tally; raises BadRelation where too many real rows break the relation for it to be a rule."""
    found = tally(relation, frame)
    if found.share > MOST_BROKEN:
        raise BadRelation(
            f"{found.said()}: it is no rule of this data.",
            f"Correct the relation, add `within` a tolerance, or leave it out (at most {100 * MOST_BROKEN:g} % may "
            "break it).",
        )
    return found


class Evaluation:
    """One relation over one table. missing (rows,): a column that was looked at has no value there."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._missing: list[Flags] = []

    @property
    def missing(self) -> Flags:
        return np.asarray(np.logical_or.reduce([np.zeros(self.table.rows, dtype=bool), *self._missing]))

    def condition(self, node: Node) -> Floats:
        """(rows,) KEPT, BROKEN or UNKNOWN."""
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Among):
            return self._among(node)
        if not isinstance(node, Logic):
            raise TypeError(f"{type(node).__name__} is no condition")
        parts = [self.condition(part) for part in node.parts]
        if node.operator == "not":
            return 1 - parts[0]
        if node.operator == "then":
            return np.maximum(1 - parts[0], parts[1])
        joined = np.minimum if node.operator == "and" else np.maximum
        return np.asarray(joined.reduce(parts))

    def number(self, node: Node) -> Floats:
        """(rows,) NaN where it is missing or undefined."""
        if isinstance(node, Constant):
            return np.full(self.table.rows, float(node.value))
        if isinstance(node, Column):
            found = self.table.numbers(node.name)
            self._missing.append(np.isnan(found))
            return found
        if isinstance(node, Map):
            return self._looked_up(node)
        if not isinstance(node, Call):
            raise TypeError(f"{type(node).__name__} is no number")
        with np.errstate(all="ignore"):
            if node.function == "count":
                conditions = [self.condition(part) for part in node.arguments]
                unknown = np.any([each == UNKNOWN for each in conditions], axis=0)
                return np.where(unknown, np.nan, np.sum(conditions, axis=0))
            found = FUNCTIONS[node.function](*(self.number(part) for part in node.arguments))
        return np.where(np.isfinite(found), found, np.nan)

    def text(self, node: Node) -> Text:
        if isinstance(node, Constant):
            return Text(np.zeros(self.table.rows, dtype=np.int64), [str(node.value)])
        if isinstance(node, Column):
            at, names = self.table.texts(node.name)
            self._missing.append(at < 0)
            return Text(at, names)
        if not isinstance(node, Map):
            raise TypeError(f"{type(node).__name__} is no text")
        positions, results = self._map_positions(node)
        return Text(positions, [str(result) for result in results])

    def _compare(self, node: Compare) -> Floats:
        if node.left.type == "text":
            found = self.text(node.left).equals(self.text(node.right))
            return 1 - found if node.sign == "!=" else found
        left, right = self.number(node.left), self.number(node.right)
        size = np.maximum(np.abs(left), np.abs(right))
        slack = np.maximum(node.tolerance * size if node.relative else node.tolerance, CLOSE * size)
        with np.errstate(invalid="ignore"):
            kept = COMPARED[node.sign](left - right, slack)
        return np.where(np.isnan(left) | np.isnan(right), UNKNOWN, kept.astype(float))

    def _among(self, node: Among) -> Floats:
        if node.value.type == "text":
            found = self.text(node.value)
            allowed = np.array([*(name in node.options for name in found.names), False])[found.at]
            return np.where(found.at < 0, UNKNOWN, allowed.astype(float))
        value = self.number(node.value)
        close = [np.abs(value - float(option)) <= CLOSE * max(abs(float(option)), 1) for option in node.options]
        return np.where(np.isnan(value), UNKNOWN, np.any(close, axis=0).astype(float))

    def _looked_up(self, node: Map) -> Floats:
        positions, results = self._map_positions(node)
        table = np.array([*(float(result) for result in results), np.nan])
        return np.asarray(table[positions])

    def _map_positions(self, node: Map) -> tuple[NDArray[np.int64], list[Value]]:
        """(rows,) the pair of the table that each row is looked up in, -1 where it has none; the results."""
        keys = [key for key, _ in node.table]
        results = [result for _, result in node.table]
        if node.source.type == "text":
            found = self.text(node.source)
            where = {str(key): position for position, key in enumerate(keys)}
            return np.array([*(where.get(name, -1) for name in found.names), -1])[found.at], results
        value = self.number(node.source)
        order = np.argsort(np.array(keys, dtype=float))
        sorted_keys = np.array(keys, dtype=float)[order]
        near = np.clip(np.searchsorted(sorted_keys, value), 0, len(keys) - 1)
        exact = sorted_keys[near] == value
        return np.where(exact, order[near], -1), results


def _divided(a: Floats, b: Floats, otherwise: Floats) -> Floats:
    return np.where(b == 0, otherwise, a / np.where(b == 0, 1, b))


FUNCTIONS: dict[str, Callable[..., Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "mod": np.mod,
    "neg": np.negative,
    "log": np.log,
    "abs": np.abs,
    "round": np.rint,
    "min": lambda *values: np.minimum.reduce(values),
    "max": lambda *values: np.maximum.reduce(values),
    "sum": lambda *values: np.add.reduce(values),
    "divide": _divided,
}

COMPARED: dict[str, Callable[[Floats, Floats], Flags]] = {
    "=": lambda apart, slack: np.abs(apart) <= slack,
    "!=": lambda apart, slack: np.abs(apart) > slack,
    "<": lambda apart, slack: apart < -slack,
    "<=": lambda apart, slack: apart <= slack,
    ">": lambda apart, slack: apart > slack,
    ">=": lambda apart, slack: apart >= -slack,
}
