"""Objects out of what was read and found allowed. The only place where the gate imports what a file names.

There is no second parser: the loader goes over the reader's values, children before parents, and makes each. Classes
are made by their own __new__ without arguments, never by __init__; calls are those of the allow-lists, after their
rules; everything else was refused before anything real was made.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assessments.battery.gate import checks, graph, policy, states, values
from assessments.battery.gate.nodes import ABSENT, Global, Made
from assessments.battery.gate.reader import Reading, read_file
from assessments.battery.gate.refusal import Reasons, Refused


class NotAllowed(Exception):
    """The gate does not allow the file; reasons say why."""

    def __init__(self, reasons: Reasons, imports: dict[str, str]) -> None:
        super().__init__(reasons.verdict())
        self.reasons = reasons
        self.imports = imports  # name -> verdict


def load(path: Path) -> Any:
    """The object in a joblib file that the gate allows.

    Raises NotAllowed; ImportError and AttributeError where an installed library lacks a name; and whatever a library
    raises about a state of another version.
    """
    reading = read_file(path)
    judgement = checks.judge(reading)
    if judgement.verdict != "allowed":
        raise NotAllowed(judgement.reasons, dict(judgement.verdicts))
    return build(reading)


def build(reading: Reading) -> Any:
    """The real object behind a reading that was judged to be allowed."""
    return _Builder().build(reading.root)


class _Builder:
    def __init__(self) -> None:
        self.real: dict[int, Any] = {}  # by the id of the inert value; the reading keeps those alive
        self.names: dict[str, Any] = {}

    def build(self, root: Any) -> Any:
        for thing in graph.postorder(root):
            self._finish(thing)
        return self._of(root)

    def _of(self, thing: Any) -> Any:
        """The real value of a part: made already, or one that may be filled in later."""
        if isinstance(thing, Global):
            return self._name(thing)
        if not graph.has_content(thing):
            return thing
        if id(thing) not in self.real:
            self.real[id(thing)] = self._shell(thing)
        return self.real[id(thing)]

    def _shell(self, thing: Any) -> Any:
        if isinstance(thing, list | dict | set):
            return type(thing)()
        kind: Any = self._name(thing.target)
        if not isinstance(kind, type):
            raise AttributeError(f"{thing.name} is no class in the installed version")
        if policy.policy().may(thing.name, "tuple"):
            return _new(kind, *(self._of(part) for part in thing.args))
        return _new(kind)

    def _name(self, name: Global) -> Any:
        if name.name not in policy.policy().entries:
            raise Refused("unknown_import", f"{name.name} is on no allow-list.")  # the checks said so before
        if name.name not in self.names:
            module = importlib.import_module(name.module)
            self.names[name.name] = getattr(module, name.attribute)
        return self.names[name.name]

    def _finish(self, thing: Any) -> None:
        if isinstance(thing, Made):
            self._finish_made(thing)
        elif isinstance(thing, tuple | frozenset):
            self.real[id(thing)] = type(thing)(self._of(part) for part in thing)
        elif isinstance(thing, np.ndarray):
            self.real[id(thing)] = self._objects(thing)
        elif isinstance(thing, list):
            self._of(thing).extend(self._of(part) for part in thing)
        elif isinstance(thing, set):
            self._of(thing).update(self._of(part) for part in thing)
        else:
            self._of(thing).update((self._of(key), self._of(value)) for key, value in thing.items())

    def _objects(self, array: Any) -> Any:
        filled = np.empty(array.size, dtype=object)
        for place, part in enumerate(array.flat):
            filled[place] = self._of(part)
        shaped = filled.reshape(array.shape)
        return np.asfortranarray(shaped) if array.flags.f_contiguous and not array.flags.c_contiguous else shaped

    def _finish_made(self, node: Made) -> None:
        plain = values.value_of(node)
        if plain is not ABSENT:
            self.real[id(node)] = self._plain(node, plain)
            return
        if node.how == "call":
            self.real[id(node)] = self._name(node.target)(*(self._of(part) for part in node.args))
        made = self._of(node)
        for how, *parts in node.items:
            _ITEM[how](made, *(self._of(part) for part in parts))
        if node.state is not ABSENT:
            _set_state(made, self._of(node.state))

    def _plain(self, node: Made, plain: Any) -> Any:
        if node.name == values.MASKED:
            content, mask, fill = plain
            content = self._objects(content) if content.dtype.hasobject else content
            return np.ma.MaskedArray(content, mask=mask, fill_value=self._of(fill))
        return self._objects(plain) if graph.is_object_array(plain) else plain


def _new(kind: Any, *arguments: Any) -> Any:
    return kind.__new__(kind, *arguments)


_ITEM: dict[str, Callable[..., Any]] = {
    "append": lambda made, value: made.append(value),
    "add": lambda made, value: made.add(value),
    "set": lambda made, key, value: made.__setitem__(key, value),
}


def _set_state(made: Any, state: Any) -> None:
    """As pickle does, with fewer jobs where the state asks for many."""
    if isinstance(state, dict):
        state = {key: states.calmer(key, value) for key, value in state.items()}
    setter = getattr(made, "__setstate__", None)
    if setter is not None:
        setter(state)
    else:
        made.__dict__.update(state)
