"""Arrays, numbers and states out of inert nodes, or Refused("corrupt_structure") where they are none."""

from typing import Any

import numpy as np

from assessments.battery.gate import values
from assessments.battery.gate.nodes import Made
from assessments.battery.gate.refusal import Refused

Array = np.ndarray[Any, Any]


def corrupt(message: str) -> Refused:
    return Refused("corrupt_structure", message)


def need(fits: Any, message: str) -> None:
    if not fits:
        raise corrupt(message)


def array_of(node: Any) -> Array:
    """The array behind a node. Raises Refused where there is none."""
    found = values.value_of(node)
    need(isinstance(found, np.ndarray), "Something in it should be an array and is none.")
    array: Array = found
    return array


def number_of(node: Any) -> int:
    """The whole number behind a node. Raises Refused where there is none."""
    found = values.value_of(node)
    if isinstance(found, np.ndarray) and found.ndim == 0:
        found = found[()]
    need(isinstance(found, int | np.integer), "Something in it should be a whole number and is none.")
    return int(found)


def state_of(node: Any) -> dict[str, Any]:
    """The state of an object, empty where it has none."""
    return node.state if isinstance(node, Made) and isinstance(node.state, dict) else {}
