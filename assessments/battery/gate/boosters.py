"""Boosters inside a pickle: their raw bytes go to native parsers, after the same checks as their own model files."""

from typing import Any

from assessments.battery.gate import values
from assessments.battery.gate.refusal import Refused

MOST_BYTES = 1 << 30
XGBOOST, LIGHTGBM = "xgboost.core:Booster", "lightgbm.basic:Booster"


def check_booster(name: str, state: Any) -> dict[str, str]:
    """Check the state of a booster; the library versions that it tells. Raises Refused."""
    if name == XGBOOST:
        return _xgboost(state)
    if name == LIGHTGBM:
        _lightgbm(state)
    return {}


def _need(fits: bool, message: str) -> None:
    if not fits:
        raise Refused("corrupt_structure", message)


def _xgboost(state: Any) -> dict[str, str]:
    from assessments.battery.formats import _ubjson, xgboost
    from assessments.battery.formats._scan import Findings

    _need(isinstance(state, dict) and "handle" in state, "An XGBoost booster in it has no content.")
    if state["handle"] is None:
        return {}
    content = values.value_of(state["handle"])
    _need(isinstance(content, bytearray) and len(content) <= MOST_BYTES, "An XGBoost booster in it has no content.")
    whole = _ubjson.decode(bytes(content))
    _need(isinstance(whole, dict) and set(whole) == {"Config", "Model"}, "An XGBoost booster in it is none.")
    _need(isinstance(whole["Model"], dict), "An XGBoost booster in it is none.")
    found = Findings()
    xgboost.check_model(whole["Model"], found)
    return found.libraries or {}


def _lightgbm(state: Any) -> None:
    from assessments.battery.formats import lightgbm
    from assessments.battery.formats._scan import Findings

    fits = isinstance(state, dict) and "handle" not in state and isinstance(state.get("_handle"), str)
    _need(fits, "A LightGBM booster in it has no content.")
    content = state["_handle"].encode("utf-8", "surrogatepass")
    _need(len(content) <= MOST_BYTES, "A LightGBM booster in it is too large.")
    lightgbm.check_text(content, Findings())
