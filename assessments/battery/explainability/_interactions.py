"""How much two columns do together beyond what each does alone, of a model that can only be asked."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.stats import Interval, log_jackknife

Floats = NDArray[np.float64]
Raw = Callable[[Codes], Floats]
NEGLIGIBLE = 1e-12  # of the variance of the answer: rounding, not an effect


@dataclass(frozen=True)
class Together:
    """Friedman's H of a pair, with its interval; size: the root mean square of what it measures, in the answer's unit.

    h: None where the pair does not move the answer.
    """

    h: float | None
    ci: Interval | None
    size: float


def asked(raw: Raw, rows: Codes, columns: list[int]) -> Floats:
    """(a, b): the answer to row b with row a's values in the columns; the mean over b is the partial dependence."""
    n = len(rows)
    given = np.tile(rows, (n, 1))
    given[:, columns] = np.repeat(rows[:, columns], n, axis=0)
    return np.asarray(raw(given), dtype=float).reshape(n, n)


def friedman(pair: Floats, one: Floats, other: Floats) -> Together:
    """H of Friedman and Popescu (2008) from the answers of `asked` to both columns, and to each of them.

    H² is the variance of the joint partial dependence less both single ones, as a share of the joint one's. Any noise
    adds to it, so a small sample says too much; the jackknife takes that out, and gives the interval. In simulations
    with 60 rows it held the true H 94 to 97 times of 100; with 40 rows only 92 times where tails are long.
    """
    beyond = pair - one - other
    size, whole = (float(np.var(part.mean(axis=1))) for part in (beyond, pair))
    nothing = NEGLIGIBLE * float(pair.var())
    if whole <= nothing:
        return Together(None, None, float(np.sqrt(size)))
    if size <= nothing:
        return Together(0.0, (0.0, 0.0), 0.0)
    tiny = np.finfo(float).tiny
    each = np.maximum(_without_each(beyond), tiny) / np.maximum(_without_each(pair), tiny)
    value, (low, high) = log_jackknife(size / whole, each)
    return Together(float(np.sqrt(value)), (float(np.sqrt(low)), float(np.sqrt(high))), float(np.sqrt(size)))


def _without_each(answers: Floats) -> Floats:
    """(n,) the variance of the partial dependence when each row in turn is neither asked for nor stood behind."""
    n = len(answers)
    dependence = (answers.sum(axis=1)[:, None] - answers) / (n - 1)  # [a, i]: at row a, without row i
    mine = np.diag(dependence)
    mean = (dependence.sum(axis=0) - mine) / (n - 1)
    away = (dependence - mean) ** 2
    return np.asarray((away.sum(axis=0) - np.diag(away)) / (n - 1))
