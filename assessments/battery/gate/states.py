"""What the state of an estimator may say: settings that read files, call something or start a storm are refused.

A state goes around __init__ and its checks. The values are inert here; what a library would call is known by the name
of the setting. Each check raises Refused("unsafe_state"), telling the setting.
"""

import re
from typing import Any

from assessments.battery.gate import policy, values
from assessments.battery.gate.nodes import ABSENT, Global, Made
from assessments.battery.gate.refusal import Refused

# What instances are asked: an attribute of such a name would stand before the method of the class.
METHODS = frozenset(
    [
        "apply",
        "decision_function",
        "decision_path",
        "densify",
        "fit",
        "fit_predict",
        "fit_resample",
        "fit_transform",
        "get_booster",
        "get_feature_names_out",
        "get_metadata_routing",
        "get_n_splits",
        "get_params",
        "get_xgb_params",
        "inverse_transform",
        "kneighbors",
        "partial_fit",
        "predict",
        "predict_log_proba",
        "predict_proba",
        "sample_y",
        "score",
        "score_samples",
        "set_output",
        "set_params",
        "split",
        "staged_predict",
        "staged_predict_proba",
        "transform",
    ]
)
# Settings that a library calls where they can be called, and what they may name.
UFUNCS, METRICS = "ufunc", "metric"
CALLED = {
    "func": UFUNCS,
    "inverse_func": UFUNCS,
    "score_func": METRICS,
    "_score_func": METRICS,
    "metric": METRICS,
    "effective_metric_": METRICS,
    "kernel": METRICS,
    "pooling_func": UFUNCS,
}
# Functions that fitted estimators hold without anyone choosing them.
HELD = {
    "_asarray": {"scipy._lib.array_api_compat.numpy._aliases:asarray"},
    "_kmeans_single": {f"sklearn.cluster._kmeans:_kmeans_single_{name}" for name in ("elkan", "lloyd")},
}
# Their attributes are called like methods that they do not have.
RECORDS = {"sklearn.utils._metadata_requests", "sklearn.cluster._bisect_k_means", "sklearn.utils._bunch"}
TYPED = frozenset({"dtype", "dtype_include", "dtype_exclude", "_dtype", "param_dtype"})
TYPES = frozenset({"numpy", "builtins"})
VECTORIZERS = frozenset(f"sklearn.feature_extraction.text:{name}Vectorizer" for name in ("Count", "Tfidf", "Hashing"))
# Settings that name a file, a folder or a machine.
FILES = frozenset(
    [
        "config",
        "config_file",
        "convert_model",
        "data",
        "data_filename",
        "forcedbins_filename",
        "forcedsplits_filename",
        "input_model",
        "machine_list_filename",
        "machines",
        "model_file",
        "model_input",
        "model_output",
        "output_model",
        "output_result",
        "path",
        "save_binary",
        "snapshot_freq",
        "valid",
        "xgb_model",
    ]
)
NESTED = ("kwargs", "_other_params", "params", "_params", "best_params_", "metric_params")
ALSO_DATA = frozenset({"data", "path", "params", "config"})  # harmless names outside of the boosting libraries
PRE_DISPATCH = re.compile(r"all|n_jobs|[0-9]{1,3}( ?\* ?n_jobs)?|n_jobs ?\* ?[0-9]{1,3}")
# Settings that start threads or processes; the loader lowers them.
JOBS = frozenset({"n_jobs", "nthread", "nthreads", "num_thread", "num_threads", "n_threads", "thread_count"})
THREADS = "_n_threads"  # of a fitted KMeans: a number that OpenMP is given as it is, and may end the process over
MOST_JOBS = 4


def _refuse(name: str, setting: str, why: str) -> Refused:
    return Refused("unsafe_state", f"{name.replace(':', '.')} has {setting}, which {why}.")


def check_state(node: Made) -> None:
    """The state of an object whose class is on an allow-list. Raises Refused."""
    name, state = node.name, node.state
    if state is ABSENT:
        return
    if not isinstance(state, dict):
        raise _refuse(name, "a state of an unusual form", "could set anything")
    for key, value in state.items():
        if not isinstance(key, str) or key.startswith("__") or (key in METHODS and name.split(":")[0] not in RECORDS):
            raise _refuse(name, f"an attribute called {str(key)[:60]!r}", "would stand before a method of its class")
        if isinstance(value, Global):
            _check_name(name, key, value)
    _check_settings(name, state)


def _check_name(name: str, key: str, value: Global) -> None:
    """A name as a setting: a type, or a function that this setting may call. Names on no list are judged elsewhere."""
    if value.name not in policy.policy().entries:
        return
    if (key in TYPED and value.module in TYPES) or value.name in HELD.get(key, ()):
        return
    if key in CALLED:
        known = _is_ufunc(value) if CALLED[key] is UFUNCS else _is_metric(value)
        if known:
            return
    raise _refuse(name, f"{key} = {value.name.replace(':', '.')}", "it would call or follow")


def _is_ufunc(value: Global) -> bool:
    return policy.policy().entries[value.name].rule == "ufunc"


def _is_metric(value: Global) -> bool:
    parts = value.module.split(".")
    return parts[:2] in (["sklearn", "metrics"], ["sklearn", "feature_selection"]) and value.attribute[0].islower()


def _check_settings(name: str, state: dict[str, Any]) -> None:
    if state.get("memory") is not None:
        raise _refuse(name, "memory set", "keeps and unpickles files in a folder")
    if name in VECTORIZERS and state.get("input", "content") != "content":
        raise _refuse(name, f"input = {state['input']!r}", "opens the files that the data name")
    dispatch = values.value_of(state.get("pre_dispatch"))
    if isinstance(dispatch, str) and not PRE_DISPATCH.fullmatch(dispatch):
        raise _refuse(name, "pre_dispatch set", "is evaluated as an expression")
    for key, value in state.items():
        if "callback" in key and values.value_of(value) not in (None, False) and not _is_empty(value):
            raise _refuse(name, f"{key} set", "is called while it is fitted")
    boosting = name.split(".")[0] in {"xgboost", "lightgbm"}
    for place in (state, *(state[key] for key in NESTED if isinstance(state.get(key), dict))):
        for key in place:
            if key in FILES and (boosting or key not in ALSO_DATA) and not _is_empty(place[key]):
                raise _refuse(name, f"{key} set", "names a file or a machine")


def _is_empty(value: Any) -> bool:
    value = values.value_of(value)
    return value is None or (isinstance(value, str | list | tuple | dict | set) and not value)


def calmer(key: Any, value: Any) -> Any:
    """The value of a setting with no more jobs than MOST_JOBS."""
    if key == THREADS and isinstance(value, int) and not 1 <= value <= MOST_JOBS:
        return MOST_JOBS
    if key in JOBS and isinstance(value, int) and not isinstance(value, bool) and (value > MOST_JOBS or value < -1):
        return MOST_JOBS if value > 0 else -1
    return value
