"""Inert values: what the reader makes where a pickle would import a name or make an object.

Numbers, text, bytes, tuples, lists, dicts, sets and plain arrays are what they are. The rest is one of these nodes;
they compare and hash by identity, so that nothing of the file is asked anything.
"""

from dataclasses import dataclass, field
from typing import Any


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


@dataclass(eq=False, slots=True)
class Global:
    """A name that the file imports. Names are module:qualified.name; one node a name in a file."""

    name: str

    @property
    def module(self) -> str:
        return self.name.partition(":")[0]

    @property
    def attribute(self) -> str:
        return self.name.partition(":")[2]


@dataclass(eq=False, slots=True)
class Made:
    """An object that the file makes: how is "new" (class.__new__ without __init__) or "call"."""

    how: str
    target: Any  # Global, or a node that is the result of something
    args: tuple[Any, ...] = ()
    kwargs: dict[Any, Any] = field(default_factory=dict)
    state: Any = ABSENT
    states: int = 0
    items: list[tuple[Any, ...]] = field(default_factory=list)  # ("append", value), ("set", key, value), ("add", value)
    value: Any = ABSENT  # what values.py made of it

    @property
    def name(self) -> str:
        """The name of what it was made by; "" where that is not a name."""
        return self.target.name if isinstance(self.target, Global) else ""
