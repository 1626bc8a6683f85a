"""The values that a file's root reaches, children before parents. Without recursion: depth is the file's to choose."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from assessments.battery.gate import values
from assessments.battery.gate.nodes import ABSENT, Made
from assessments.battery.gate.refusal import Refused


def is_object_array(thing: Any) -> bool:
    return isinstance(thing, np.ndarray) and thing.dtype.hasobject


def children(thing: Any) -> list[Any]:
    """What must be made before a value, or may be filled in after it."""
    if isinstance(thing, list | tuple | set | frozenset):
        return list(thing)
    if isinstance(thing, dict):
        return [*thing, *thing.values()]
    if is_object_array(thing):
        return list(thing.flat)
    if not isinstance(thing, Made):
        return []
    plain = values.value_of(thing)
    if plain is not ABSENT:
        return children(plain)
    parts = [*thing.args, *(part for item in thing.items for part in item[1:])]
    return parts if thing.state is ABSENT else [*parts, thing.state]


def can_wait(thing: Any) -> bool:
    """Whether it can exist before its content: what contains itself must pass through such a value."""
    return isinstance(thing, list | dict | set) or (isinstance(thing, Made) and thing.how == "new")


def has_content(thing: Any) -> bool:
    return isinstance(thing, list | tuple | set | frozenset | dict | Made) or is_object_array(thing)


def postorder(root: Any) -> Iterator[Any]:
    """Every value with content under the root, each once, after its children. Refuses a tuple that contains itself."""
    done: set[int] = set()
    begun: set[int] = set()
    stack: list[tuple[Any, list[Any]]] = []
    if has_content(root):
        begun.add(id(root))
        stack.append((root, children(root)))
    while stack:
        thing, waiting = stack[-1]
        if not waiting:
            stack.pop()
            done.add(id(thing))
            yield thing
            continue
        child = waiting.pop()
        if not has_content(child) or id(child) in done:
            continue
        if id(child) in begun:
            if not can_wait(child):
                raise Refused("corrupt_structure", "A tuple or an argument in it contains itself.")
            continue
        begun.add(id(child))
        stack.append((child, children(child)))
