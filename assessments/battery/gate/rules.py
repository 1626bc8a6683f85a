"""What the arguments and the state of a call must be, one rule a kind of call; allowlists/*.json names the rules.

A rule is given the node of the call. It raises Refused("corrupt_structure"), where parts do not fit, or NotAllowed,
where the call may be what someone wants and a security officer has to say so.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery.gate import structures, trees, values
from assessments.battery.gate.nodes import Global, Made
from assessments.battery.gate.parts import array_of, corrupt
from assessments.battery.gate.reader import check_keys

FACTORIES = {f"builtins:{name}" for name in ("int", "float", "list", "dict", "set", "str")} | {
    "collections:OrderedDict"
}
PARTIALS = {"sklearn.utils.validation:check_array"}
BIT_GENERATORS = {"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"}
BIT_GENERATOR = "numpy.random._pickle:__bit_generator_ctor"


class NotAllowed(Exception):
    """A call with other arguments than a saved model of its library has."""


def _need(fits: bool) -> None:
    if not fits:
        raise NotAllowed


def is_number(thing: Any) -> bool:
    return thing is None or isinstance(thing, int | float | complex | str | np.number | np.bool_)


def data(node: Made) -> None:
    values.value_of(node)


def numbers(node: Made) -> None:
    _need(node.states == 0 and not node.items and all(is_number(values.value_of(part)) for part in node.args))


def nothing(node: Made) -> None:
    _need(not node.args and node.states == 0 and all(item[0] == "set" for item in node.items))


def plain_members(node: Made) -> None:
    _need(node.states == 0 and not node.items and (not node.args or [type(part) for part in node.args] == [list]))
    if node.args:
        check_keys(node.args[0])


def factory(node: Made) -> None:
    _need(node.states == 0 and all(item[0] == "set" for item in node.items) and len(node.args) <= 1)
    _need(all(isinstance(part, Global) and part.name in FACTORIES for part in node.args))


# Random numbers: compiled code believes positions and lengths.


def bit_generator(node: Made) -> None:
    _need(len(node.args) == 1 and not node.items)
    kind = node.args[0]
    name = kind.attribute if isinstance(kind, Global) and kind.module.startswith("numpy.random.") else kind
    _need(isinstance(name, str) and name in BIT_GENERATORS)
    if node.states:
        _random_state(node.state, name)


def generator(node: Made) -> None:
    """RandomState and Generator, over a bit generator given as one or by name."""
    _need(1 <= len(node.args) <= 2 and not node.items)
    first, *more = node.args
    _need(all(isinstance(part, Global) and part.name == BIT_GENERATOR for part in more))
    made = isinstance(first, Made) and first.how == "call" and first.name == BIT_GENERATOR
    _need(made or (isinstance(first, str) and first in BIT_GENERATORS))
    if node.states:
        name = first if isinstance(first, str) else first.args[0] if first.args else None
        _random_state(node.state, name.attribute if isinstance(name, Global) else name)


def _random_state(state: Any, name: Any) -> None:
    if isinstance(state, tuple) and len(state) == 2:
        state, seeds = state
        if seeds is not None and not (isinstance(seeds, Made) and seeds.name.endswith(":__pyx_unpickle_SeedSequence")):
            raise corrupt("A random number generator in it has seeds that are none.")
    if not isinstance(state, dict) or state.get("bit_generator") != name or not isinstance(state.get("state"), dict):
        raise corrupt("A random number generator in it has no proper state.")
    inner = state["state"]
    lengths = {
        "MT19937": {"key": (624, "uint32")},
        "Philox": {"counter": (4, "uint64"), "key": (2, "uint64")},
        "SFC64": {"state": (4, "uint64")},
    }
    for key, (length, kind) in lengths.get(str(name), {}).items():
        found = array_of(inner.get(key))
        if found.shape != (length,) or found.dtype != kind:
            raise corrupt("A random number generator in it has no proper state.")
    if name == "MT19937" and not _within(inner.get("pos"), 624):
        raise corrupt("A random number generator in it stands outside its own state.")
    if name == "Philox" and (not _within(state.get("buffer_pos"), 4) or array_of(state.get("buffer")).shape != (4,)):
        raise corrupt("A random number generator in it stands outside its own state.")


def _within(value: Any, most: int) -> bool:
    value = values.value_of(value)
    return isinstance(value, int | np.integer) and 0 <= int(value) <= most


def seed_sequence(node: Made) -> None:
    _need(len(node.args) == 3 and isinstance(node.args[0], Global) and node.args[0].attribute == "SeedSequence")
    _need(isinstance(node.args[1], int) and node.args[2] is None and not node.items)
    if node.states == 0:
        return
    if not isinstance(node.state, tuple) or len(node.state) != 5:
        raise corrupt("The seeds of a random number generator in it are not understood.")
    pool, size = array_of(node.state[2]), node.state[3]
    if pool.dtype != np.uint32 or pool.shape != (size,) or not 4 <= pool.size <= 64:
        raise corrupt("The seeds of a random number generator in it are not understood.")


# scikit-learn


def loss(node: Made) -> None:
    """A compiled loss that Cython restores: its class, a checksum, no state."""
    _need(len(node.args) == 3 and isinstance(node.args[0], Global) and not node.items and node.states == 0)
    _need(node.args[0].module == "sklearn._loss._loss" and isinstance(node.args[1], int) and node.args[2] in ((), None))


def partial(node: Made) -> None:
    """functools.partial of a function that checks arrays, with plain settings: in histogram boosting of categories."""
    _need(len(node.args) == 1 and isinstance(node.args[0], Global) and node.args[0].name in PARTIALS and not node.items)
    state = node.state
    _need(node.states == 1 and isinstance(state, tuple) and len(state) == 4 and state[0] is node.args[0])
    _need(state[1] == () and isinstance(state[2], dict) and state[3] in (None, {}))
    for key, value in state[2].items():
        kinds = value if isinstance(value, list) else [value]
        typed = key == "dtype" and all(isinstance(each, Global) and each.module == "numpy" for each in kinds)
        _need(isinstance(key, str) and (typed or is_number(values.value_of(value))))


def distance(node: Made) -> None:
    _need(len(node.args) == 1 and isinstance(node.args[0], Global) and not node.items)
    _need(node.args[0].module == "sklearn.metrics._dist_metrics" and "PyFunc" not in node.args[0].attribute)
    structures.check_distance(node)


def space_tree(node: Made) -> None:
    _need(len(node.args) == 1 and isinstance(node.args[0], Global) and not node.items)
    _need(node.args[0].module in {"sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"})
    structures.check_space_tree(node)


def tree(node: Made) -> None:
    trees.check_tree(node)


# pandas


def index(node: Made) -> None:
    """An Index of plain values, as columns of a table are named by."""
    _need(len(node.args) == 2 and node.states == 0 and not node.items and isinstance(node.args[0], Global))
    kind, parts = node.args
    _need(kind.name in {"pandas:Index", "pandas:RangeIndex"} and isinstance(parts, dict))
    _need(set(parts) <= {"data", "name", "start", "stop", "step"})
    for key, part in parts.items():
        value = values.value_of(part)
        if key == "data":
            _need(isinstance(value, np.ndarray) and all(is_number(values.value_of(each)) for each in value.flat))
        else:
            _need(is_number(value))


def string_dtype(node: Made) -> None:
    _need(node.states == 0 and not node.items and all(is_number(part) for part in node.args))


RULES: dict[str, Callable[[Made], None]] = {
    rule.__name__: rule
    for rule in (bit_generator, data, distance, factory, generator, index, loss, nothing, numbers, partial)
    + (plain_members, seed_sequence, space_tree, string_dtype, tree)
}


def check_call(node: Made, rule: str) -> None:
    """Raises NotAllowed or Refused."""
    _need(not node.kwargs)
    RULES[rule](node)


def check_tuple(node: Made, count: int) -> None:
    """A named tuple with its number of arguments and nothing else."""
    _need(len(node.args) == count and not node.kwargs and node.states == 0 and not node.items)
