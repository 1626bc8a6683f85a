"""Relations that the data suggests, for a person to confirm: nothing mined is used until somebody says that it is so.

What is looked for: one column computed from another (a table of values, a constant factor), sums and products, one
number never above another, and what a category implies for another column. A relation is suggested where at most
MOST_BROKEN of the rows break it and where it would not hold by chance: rows whose values are shuffled must break it
often.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.labels import as_text
from assessments.battery.relations.checking import Floats, Relation, tally
from assessments.battery.relations.language import FUNCTIONS, KEYWORDS, LONGEST, BadRelation, parse

MOST_BROKEN = 0.001
BY_CHANCE = 0.05  # shuffled rows that must break it
SAMPLE = 20_000
FEWEST_ROWS = 50
MOST_NUMBERS, MOST_CATEGORIES = 40, 40
MOST_KEYS = 60  # of a map
MOST_SUGGESTIONS = 30
KEYWORDS_AND_FUNCTIONS = KEYWORDS | FUNCTIONS
PROBES = 64  # rows on which sums are tried first


@dataclass(frozen=True)
class Suggestion:
    """text: the relation, of `columns`. broken of rows: how many break it. why: for the person who decides."""

    text: str
    rows: int
    broken: int
    why: str
    columns: list[str]

    def to_json(self) -> dict[str, Any]:
        """As the --profile door gives it."""
        return asdict(self)


def suggest(frame: pd.DataFrame, kinds: dict[str, str], *, seed: int = 0) -> list[Suggestion]:
    """At most MOST_SUGGESTIONS, the most telling kinds first. kinds: number or category, by column."""
    if len(frame) < FEWEST_ROWS:
        return []
    rng = np.random.default_rng(seed)
    sample = frame if len(frame) <= SAMPLE else frame.take(np.sort(rng.choice(len(frame), SAMPLE, replace=False)))
    numbers = _numbers(sample, kinds)
    codes = _categories(sample, kinds)
    found: list[Suggestion] = []
    for text, why in _candidates(sample, numbers, codes, kinds, rng):
        if len(found) == MOST_SUGGESTIONS:
            break
        try:
            relation = Relation(parse(text, kinds))
        except BadRelation:  # a name or a value that cannot be written
            continue
        counted = tally(relation, frame)
        if counted.share <= MOST_BROKEN and relation.text not in {each.text for each in found}:
            found.append(Suggestion(relation.text, counted.rows, counted.broken, why, list(relation.columns)))
    return found


def _candidates(
    sample: pd.DataFrame,
    numbers: dict[str, Floats],
    codes: dict[str, NDArray[np.int64]],
    kinds: dict[str, str],
    rng: np.random.Generator,
) -> Iterator[tuple[str, str]]:
    derived: set[str] = set()
    for name, text, why in _maps(sample, codes, kinds):
        derived.add(name)
        yield text, why
    for name, text, why in (*_factors(numbers), *_arithmetic(numbers, derived)):
        if name not in derived:
            derived.add(name)
            yield text, why
    yield from _orders({name: values for name, values in numbers.items() if name not in derived}, rng)
    yield from _implications(sample, {name: each for name, each in codes.items() if kinds[name] == "category"})


def _numbers(frame: pd.DataFrame, kinds: dict[str, str]) -> dict[str, Floats]:
    """Number columns that vary, the first MOST_NUMBERS."""
    found: dict[str, Floats] = {}
    for name in frame.columns:
        if kinds.get(name) == "number" and len(found) < MOST_NUMBERS:
            values = np.asarray(pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan))
            known = values[np.isfinite(values)]
            if len(known) >= FEWEST_ROWS and known.min() < known.max():
                found[str(name)] = values
    return found


def _categories(frame: pd.DataFrame, kinds: dict[str, str]) -> dict[str, NDArray[np.int64]]:
    """Columns of few values, categories or numbers, as positions (-1 where missing)."""
    found: dict[str, NDArray[np.int64]] = {}
    for name in frame.columns:
        if name in kinds and len(found) < MOST_CATEGORIES:
            at, values = pd.factorize(frame[name])
            if 2 <= len(values) <= MOST_KEYS:
                found[str(name)] = np.asarray(at, dtype=np.int64)
    return found


def _maps(
    sample: pd.DataFrame, codes: dict[str, NDArray[np.int64]], kinds: dict[str, str]
) -> Iterator[tuple[str, str, str]]:
    """b = map(a, {…}) where each value of a has one of b, b takes three values or more, and a repeats."""
    done: set[frozenset[str]] = set()
    pairs = sorted(permutations(codes, 2), key=lambda pair: kinds[pair[0]] != "category")
    for a, b in pairs:
        both = (codes[a] >= 0) & (codes[b] >= 0)
        distinct = np.unique(np.stack([codes[a][both], codes[b][both]]), axis=1)
        keys, values = len(np.unique(distinct[0])), len(np.unique(distinct[1]))
        determined = distinct.shape[1] == keys and values >= 3 and both.sum() >= 5 * keys
        if not determined or frozenset((a, b)) in done:
            continue
        done.add(frozenset((a, b)))
        first = {code: int(np.flatnonzero(codes[a] == code)[0]) for code in np.unique(distinct[0])}
        rows = sorted(first.values(), key=lambda row: as_text(sample[b].iloc[row]).rjust(40))
        table = ", ".join(f"{_value(sample[a].iloc[r], kinds[a])}: {_value(sample[b].iloc[r], kinds[b])}" for r in rows)
        text = f"{column(b)} = map({column(a)}, {{{table}}})"
        if len(text) <= LONGEST:
            pairwise = "one to one" if keys == values else f"{keys} values to {values}"
            yield b, text, f"Each {a} has one {b} ({pairwise})."


def _factors(numbers: dict[str, Floats]) -> Iterator[tuple[str, str, str]]:
    """b = a, and b = 12 * a."""
    for a, b in combinations(numbers, 2):
        usable = np.isfinite(numbers[a]) & np.isfinite(numbers[b]) & (numbers[a] != 0)
        if usable.sum() < FEWEST_ROWS:
            continue
        ratio = numbers[b][usable] / numbers[a][usable]
        factor = float(np.median(ratio))
        if factor == 0 or np.mean(np.isclose(ratio, factor, rtol=1e-9)) < 1 - MOST_BROKEN:
            continue
        if factor == 1:
            yield b, f"{column(b)} = {column(a)}", f"{a} and {b} are the same number."
        elif float(f"{factor:.6g}") == factor:
            yield b, f"{column(b)} = {factor:g} * {column(a)}", f"{b} is {factor:g} times {a}."


def _arithmetic(numbers: dict[str, Floats], without: set[str]) -> Iterator[tuple[str, str, str]]:
    """c = a + b, c = a + b + d, c = a * b; tried on a few rows first."""
    names = [name for name in numbers if name not in without][:25]
    if len(names) < 3:
        return
    table = np.stack([numbers[name] for name in names])
    complete = np.flatnonzero(np.isfinite(table).all(axis=0) & (np.count_nonzero(table, axis=0) >= 3))
    if len(complete) < FEWEST_ROWS // 2:
        return
    probes = table[:, complete[np.linspace(0, len(complete) - 1, min(PROBES, len(complete))).astype(int)]]
    ways: list[tuple[int, str, Callable[..., Any]]] = [(2, " + ", np.add), (2, " * ", np.multiply), (3, " + ", np.add)]
    for size, sign, joined in ways:
        for group in combinations(range(len(names)), size):
            made = joined.reduce(probes[list(group)])  # type: ignore[attr-defined]
            equal = np.isclose(probes, made, rtol=1e-9).mean(axis=1) >= 0.98
            for at in np.flatnonzero(equal):
                if at not in group:
                    text = sign.join(column(names[k]) for k in group)
                    what = "sum" if sign == " + " else "product"
                    yield names[at], f"{column(names[at])} = {text}", f"{names[at]} is their {what}."


def _orders(numbers: dict[str, Floats], rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """a <= b where rows never say otherwise and shuffled rows often do."""
    for a, b in permutations(numbers, 2):
        usable = np.isfinite(numbers[a]) & np.isfinite(numbers[b])
        left, right = numbers[a][usable], numbers[b][usable]
        if len(left) < FEWEST_ROWS or (left > right).mean() > MOST_BROKEN:
            continue
        by_chance = float((left > rng.permutation(right)).mean())
        if by_chance >= BY_CHANCE:
            why = f"{a} is never above {b}; by chance it would be in {100 * by_chance:.0f} % of rows."
            yield f"{column(a)} <= {column(b)}", why


def _implications(sample: pd.DataFrame, codes: dict[str, NDArray[np.int64]]) -> Iterator[tuple[str, str]]:
    """if a = 'x' then b = 'y', where b varies elsewhere; the rarest by chance first."""
    found = []
    for a, b in permutations(codes, 2):
        counts = np.zeros((codes[a].max() + 1, codes[b].max() + 1), dtype=np.int64)
        both = (codes[a] >= 0) & (codes[b] >= 0)
        np.add.at(counts, (codes[a][both], codes[b][both]), 1)
        rows, common = counts.sum(axis=1), counts.max(axis=1)
        share = counts.sum(axis=0) / max(counts.sum(), 1)
        for key in np.flatnonzero((rows >= FEWEST_ROWS) & (rows - common <= MOST_BROKEN * rows)):
            value = int(counts[key].argmax())
            if share[value] <= 1 - 2 * BY_CHANCE:
                found.append((float(share[value]), a, b, int(key), value))
    for chance, a, b, first, second in sorted(found):
        x = as_text(sample[a].iloc[int(np.flatnonzero(codes[a] == first)[0])])
        y = as_text(sample[b].iloc[int(np.flatnonzero(codes[b] == second)[0])])
        text = f"if {column(a)} = {quoted(x)} then {column(b)} = {quoted(y)}"
        yield text, f"Elsewhere {b} is {y} in {100 * chance:.0f} % of rows."


def column(name: str) -> str:
    """The column as the language writes it."""
    plain = name.isidentifier() and name.lower() not in KEYWORDS_AND_FUNCTIONS
    return name if plain else f"`{name}`"


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _value(value: Any, kind: str) -> str:
    return repr(float(value)).removesuffix(".0") if kind == "number" else quoted(as_text(value))
