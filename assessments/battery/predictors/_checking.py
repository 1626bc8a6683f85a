"""A compiled form proves itself against the estimator before it may answer: to the last bit, on rows of many kinds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.predictors._unsupported import AskTheEstimator, Unsupported

ROWS = 500
PROBES = 64  # questions about single columns, at most
UNSEEN = "\x00 never seen"


def trial_rows(coder: Any, known: Codes, refuses: NDArray[np.bool_], rng: np.random.Generator) -> Codes:
    """1,500 rows: real ones, ones whose columns were shuffled, ones with values far out, in between, missing and never
    seen. Registers a category that is new for every column: give a copy of the coder.
    """
    real = (
        known[rng.permutation(len(known))[:ROWS]] if len(known) >= ROWS else known[rng.integers(len(known), size=ROWS)]
    )
    mixed = np.column_stack([rng.permuted(column) for column in real.T])
    numbers = np.array([name not in coder.categories for name in coder.names])
    odd = np.column_stack([rng.permuted(column) for column in real.T])
    between = odd + rng.normal(size=odd.shape) * np.nan_to_num(np.nanstd(np.where(numbers, odd, 0.0), axis=0))
    far = between * rng.choice([-1e6, -3.0, 0.0, 1e-30, 1e9], size=odd.shape)
    odd = np.where(numbers & (rng.random(odd.shape) < 0.5), between, odd)
    odd = np.where(numbers & (rng.random(odd.shape) < 0.1), far, odd)
    for at, name in enumerate(coder.names):
        if name in coder.categories and not coder.is_flag(name):
            code = coder.register(name, _like(coder.categories[name]))
            odd[rng.random(len(odd)) < 0.05, at] = code
        if not refuses[at]:
            odd[rng.random(len(odd)) < 0.1, at] = np.nan
    return np.concatenate([real, mixed, odd])


def _like(values: list[Any]) -> Any:
    """A value of the column's type that it does not have."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return max(numbers) + 1 if numbers and len(numbers) == len(values) else UNSEEN


def refusals(ask: Callable[[Codes], Any], coder: Any, known: Codes) -> NDArray[np.bool_]:
    """(columns,) whether the estimator takes no missing value in a column."""
    base, k = known[:1], len(coder.names)
    refuses = np.zeros(k, dtype=bool)
    left = PROBES

    def probe(columns: NDArray[np.intp]) -> None:
        nonlocal left
        rows = np.repeat(base, len(columns), axis=0)
        rows[np.arange(len(columns)), columns] = np.nan
        left -= 1
        try:
            ask(rows)
        except Exception:
            if len(columns) == 1 or left <= 0:
                refuses[columns] = True
                return
            half = len(columns) // 2
            probe(columns[:half])
            probe(columns[half:])

    already = np.isnan(known).any(axis=0)  # rows that it has answered hold one
    if (~already).any():
        probe(np.flatnonzero(~already))
    return refuses


def check(name: str, ours: Callable[[Codes], Any], theirs: Callable[[Codes], Any], rows: Codes) -> None:
    """Raise Unsupported where the two differ in one bit, in the whole or in small lots."""
    whole = slice(0, len(rows))
    starts = np.linspace(0, len(rows) - 17, 8).astype(int)
    lots = [slice(start, start + size) for start, size in zip(starts, (1, 1, 1, 2, 3, 7, 8, 16), strict=True)]
    for lot in (whole, *lots):
        try:
            expected = np.asarray(theirs(rows[lot]))
        except Exception:
            expected = None
        try:
            found = np.asarray(ours(rows[lot]))
        except AskTheEstimator:
            continue
        if expected is None:
            raise Unsupported(f"its {name} answers rows that the model refuses")
        if found.dtype != expected.dtype or found.shape != expected.shape:
            raise Unsupported(f"its {name} is {found.dtype} {found.shape}, not {expected.dtype} {expected.shape}")
        if not np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"):
            differ = (found != expected).reshape(len(found), -1).any(axis=1).sum()
            raise Unsupported(f"its {name} differs from the model's on {differ:,} of {len(found):,} trial rows")


@contextmanager
def one_thread(estimator: Any) -> Iterator[None]:
    """Forests add up in the order in which their threads end: asked by one, the order is fixed."""
    changed = []
    for part in _parts(estimator):
        if isinstance(getattr(part, "n_jobs", None), int) and part.n_jobs not in (1, None):
            changed.append((part, part.n_jobs))
            part.n_jobs = 1
    try:
        yield
    finally:
        for part, jobs in changed:
            part.n_jobs = jobs


def _parts(estimator: Any) -> Iterator[Any]:
    yield estimator
    for _, step in getattr(estimator, "steps", None) or []:
        yield step
    if hasattr(estimator, "best_estimator_"):
        yield from _parts(estimator.best_estimator_)
