"""Which questions are asked twice: a model that answers the same question in two ways cannot be measured.

The first two of each kind are asked again at once, and the larger of them again whenever as many have been asked as a
power of two: what changes with time, or with what else was asked, shows too, and costs next to nothing.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 2
# Threads that add in another order differ in the last digits; nothing else should.
CLOSE = {2: 1e-2, 4: 1e-5, 8: 1e-9}  # bytes of a number -> relative and absolute difference


@dataclass(frozen=True)
class Question:
    """header, body: as `rows.written` gives them; answer: what was said first."""

    header: dict[str, Any]
    body: bytes
    answer: NDArray[Any]


@dataclass
class Repeats:
    """Of one model."""

    _asked: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, Question] = field(default_factory=dict)

    def due(self, kind: str, question: Question) -> Question | None:
        """What to ask once more, now that `question` was answered; its answer must be the same."""
        number = self._asked[kind] = self._asked.get(kind, 0) + 1
        if number <= AT_ONCE:
            if kind not in self._kept or len(question.answer) > len(self._kept[kind].answer):
                self._kept[kind] = Question(question.header, question.body, question.answer.copy())
            return question
        return self._kept[kind] if number & (number - 1) == 0 else None


def same(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Whether two answers are one. Classes have to be equal, numbers but for rounding."""
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.dtype.kind != "f":
        return bool(np.array_equal(first, second))
    close = CLOSE[first.dtype.itemsize]
    return bool(np.allclose(first, second, rtol=close, atol=close))
