"""Changed rows with what follows from the change recomputed, and which of them keep every relation.

`x = …` with a column alone on one side derives it: education_num follows education. `x <= …` and `x >= …` with a
column alone on the left pull it to its bound where the change pushed it over. Whatever still breaks a relation that
the row kept before is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Coder
from assessments.battery.labels import as_text
from assessments.battery.relations.checking import Evaluation, Flags, Floats, Relation, Text
from assessments.battery.relations.language import Call, Column, Compare, Logic, Map, Node


@dataclass(frozen=True)
class Rule:
    """What a relation does to one column. sign: =, <= or >=."""

    relation: Relation
    column: str
    sign: str
    other: Node


def rule_of(relation: Relation) -> Rule | None:
    """The column that a relation derives or bounds; None where it only judges."""
    tree = relation.parsed.tree
    if not isinstance(tree, Compare) or tree.sign not in ("=", "<=", ">="):
        return None
    turned = {"=": "=", "<=": ">=", ">=": "<="}
    sides = [(tree.left, tree.sign, tree.right), (tree.right, turned[tree.sign], tree.left)]
    for one, sign, other in sides if tree.sign == "=" else sides[:1]:
        if isinstance(one, Column) and one.name not in mentioned(other) and mentioned(other):
            return Rule(relation, one.name, sign, other)
    return None


def mentioned(node: Node) -> set[str]:
    """The columns of a part of a relation."""
    if isinstance(node, Column):
        return {node.name}
    children: tuple[Node, ...] = ()
    if isinstance(node, Call):
        children = node.arguments
    elif isinstance(node, Map):
        children = (node.source,)
    elif isinstance(node, Compare):
        children = (node.left, node.right)
    elif isinstance(node, Logic):
        children = node.parts
    return set().union(*(mentioned(child) for child in children)) if children else set()


def _without_circles(rules: list[Rule]) -> list[Rule]:
    """The rules but those that derive a column again, or from what it derives: these relations only judge."""
    parents: dict[str, set[str]] = {}
    kept = []
    for rule in rules:
        if rule.sign == "=":
            sources = mentioned(rule.other)
            above = set(sources)
            while more := set().union(*(parents.get(name, set()) for name in above)) - above:
                above |= more
            if rule.column in above or rule.column in parents:
                continue
            parents[rule.column] = sources
        kept.append(rule)
    return kept


class CodedTable:
    """Rows as codes of the model's columns; columns that the model is not given come from the rows' own table."""

    def __init__(self, coder: Coder, codes: Floats, others: Mapping[str, tuple[NDArray[np.int64], list[str]] | Floats],
                 of: NDArray[np.intp], texts: dict[str, list[str]]) -> None:  # fmt: skip
        self.coder, self.codes, self.others, self.of = coder, codes, others, of
        self.rows = len(codes)
        self._texts = texts

    def numbers(self, name: str) -> Floats:
        if name in self.coder.names:
            return self.codes[:, self.coder.position(name)]
        return np.asarray(self.others[name])[self.of]

    def texts(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        if name not in self.coder.names:
            at, names = self.others[name]
            return np.asarray(at)[self.of], list(names)
        values = self.codes[:, self.coder.position(name)]
        missing = np.isnan(values)
        if name in self.coder.categories:
            known = self.coder.categories[name]
            if len(self._texts.get(name, ())) != len(known):
                self._texts[name] = [as_text(value) for value in known]
            return np.where(missing, -1, values).astype(np.int64), self._texts[name]
        distinct, at = np.unique(values[~missing], return_inverse=True)
        found = np.full(len(values), -1)
        found[~missing] = at
        return found, [as_text(value) for value in distinct]


class Fixer:
    """Relations over n rows: `repair(points, of)` for rows made from them."""

    def __init__(self, relations: Sequence[Relation], coder: Coder, own: Floats, others: Mapping[str, object],
                 integer: Mapping[str, bool]) -> None:  # fmt: skip
        """own (n, d): the rows as codes. others: columns the model is not given, for the same rows, as numbers or
        as (positions, texts). integer: columns of whole numbers."""
        self.relations, self.coder, self.own = list(relations), coder, own
        self.others, self.integer = dict(others), integer
        self._texts: dict[str, list[str]] = {}
        self.rules = _without_circles([rule for rule in map(rule_of, relations) if rule and rule.column in coder.names])

    @cached_property
    def kept_before(self) -> list[Flags]:
        """For each relation the rows (n,) that kept it as they were; the others are not held to it."""
        every = np.arange(len(self.own))
        return [relation.kept_in(self._table(self.own, every)) for relation in self.relations]

    @property
    def derived(self) -> list[str]:
        """Columns that follow from others, whatever an attack does to them."""
        return [rule.column for rule in self.rules if rule.sign == "="]

    def repair(self, points: Floats, of: NDArray[np.intp]) -> tuple[Floats, Flags]:
        """(m, d) the points with followers set, and (m,) which keep every relation that their row kept."""
        points = points.copy()
        for _ in range(2 if len(self.rules) > 1 else 1):  # one that follows may have followers
            for rule in self.rules:
                self._follow(rule, points, of)
        good = np.ones(len(points), dtype=bool)
        for relation, before in zip(self.relations, self.kept_before, strict=True):
            good &= relation.kept_in(self._table(points, of)) | ~before[of]
        return points, good

    def _follow(self, rule: Rule, points: Floats, of: NDArray[np.intp]) -> None:
        before = self.kept_before[self.relations.index(rule.relation)]
        wrong = np.flatnonzero(~rule.relation.kept_in(self._table(points, of)) & before[of])
        if not len(wrong):
            return
        at = self.coder.position(rule.column)
        evaluation = Evaluation(self._table(points[wrong], of[wrong]))
        if rule.other.type == "text":
            wanted = self._codes_of(rule.column, evaluation.text(rule.other))
        else:
            wanted = evaluation.number(rule.other)
            if self.integer.get(rule.column):
                wanted = {"<=": np.floor, ">=": np.ceil}.get(rule.sign, np.rint)(wanted)
        points[wrong, at] = np.where(np.isnan(wanted), points[wrong, at], wanted)

    def _codes_of(self, column: str, text: Text) -> Floats:
        """The codes of texts in a column of categories; NaN where it has no such category."""
        if column not in self.coder.categories:
            return np.full(len(text.at), np.nan)
        known: dict[str, int] = {}
        for position, value in enumerate(self.coder.categories[column]):
            known.setdefault(as_text(value), position)
        table = np.array([*(known.get(name, np.nan) for name in text.names), np.nan], dtype=float)
        return np.asarray(table[text.at])

    def _table(self, codes: Floats, of: NDArray[np.intp]) -> CodedTable:
        return CodedTable(self.coder, codes, self.others, of, self._texts)  # type: ignore[arg-type]
