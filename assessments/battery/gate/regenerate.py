"""The allow-lists, made anew from the installed libraries: python -m assessments.battery.gate.regenerate.

    --check   exit code 1 where a list is not what the installed libraries give; says which names appeared and vanished
    --diff    the same, and exit code 0
    --write   write the lists; a person reads the diff before it is committed

Run it when a library is upgraded. What it takes is decided here: the public estimators, the helper classes that fitted
estimators hold (HELPERS), the calls with a rule (rules.py) and the functions that a setting may name (METRICS). Every
new name is a decision: can it run code, read files or crash when it is made, given a state, fitted or asked?
"""

import argparse
import importlib
import importlib.metadata
import inspect
import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from assessments.battery.gate.policy import FOLDER, SCHEMA, entries

# Modules whose classes fitted scikit-learn estimators hold; only the classes defined there are taken.
HELPERS = (
    "sklearn._loss.link",
    "sklearn._loss.loss",
    "sklearn.calibration",
    "sklearn.cluster._birch",
    "sklearn.cluster._bisect_k_means",
    "sklearn.ensemble._hist_gradient_boosting.binning",
    "sklearn.ensemble._hist_gradient_boosting.predictor",
    "sklearn.gaussian_process._gpc",
    "sklearn.gaussian_process.kernels",
    "sklearn.linear_model._glm.glm",
    "sklearn.metrics._scorer",
    "sklearn.model_selection._split",
    "sklearn.multiclass",
    "sklearn.neural_network._stochastic_optimizers",
    "sklearn.utils._bunch",
    "sklearn.utils._metadata_requests",
)
ALSO = (
    "sklearn.compose._column_transformer:make_column_selector",
    "sklearn.impute._iterative:IterativeImputer",
    "sklearn.model_selection._search_successive_halving:HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving:HalvingRandomSearchCV",
)
HELD = (
    "sklearn.cluster._kmeans:_kmeans_single_elkan",
    "sklearn.cluster._kmeans:_kmeans_single_lloyd",
    "sklearn.utils.validation:check_array",
)
# Functions of arrays beside the ufuncs, for FunctionTransformer and pooling.
REDUCTIONS = ("amax", "amin", "max", "mean", "median", "min", "nan_to_num", "nanmean", "nanmedian", "std", "sum", "var")
# Classes and functions that are on no list, and why.
LEFT_OUT = {
    "sklearn.calibration:CalibrationDisplay": "a drawing",
    "sklearn.metrics._dist_metrics:PyFuncDistance": "calls any function",
    "sklearn.metrics._dist_metrics:PyFuncDistance32": "calls any function",
    "sklearn.metrics._dist_metrics:PyFuncDistance64": "calls any function",
    "sklearn.linear_model._glm.glm:_GeneralizedLinearRegressor": "abstract",
    "sklearn.model_selection._split:_CVIterableWrapper": "holds any iterable",
    "sklearn.utils._metadata_requests:MetadataRouter": "only while fitting",
    "sklearn.utils._metadata_requests:MethodMapping": "only while fitting",
    "sklearn.utils._metadata_requests:RequestMethod": "a descriptor that makes methods",
    "sklearn.utils._metadata_requests:_MetadataRequester": "a base class",
}
# Compiled losses: made by their class with plain numbers.
LOSSES = ("sklearn._loss._loss", "sklearn.linear_model._sgd_fast")
RESTORED_LOSS = "sklearn._loss._loss:__pyx_unpickle_CyHalfMultinomialLoss"
# Functions of arrays that a scorer or a selector may name.
METRICS = (
    "sklearn.feature_selection._mutual_info",
    "sklearn.feature_selection._univariate_selection",
    "sklearn.metrics._classification",
    "sklearn.metrics._ranking",
    "sklearn.metrics._regression",
    "sklearn.metrics.cluster._supervised",
    "sklearn.metrics.pairwise",
)
DISTANCES = "sklearn.metrics._dist_metrics"
SCALARS = (
    *("bool", "bool_", "bytes_", "complex64", "complex128", "datetime64", "float16", "float32", "float64", "int8"),
    *("int16", "int32", "int64", "intp", "longdouble", "object_", "str_", "timedelta64", "uint8", "uint16"),
    *("uint32", "uint64"),
    # Kinds of types, as column selectors name them.
    *("character", "complexfloating", "floating", "generic", "inexact", "integer", "number", "signedinteger"),
    "unsignedinteger",
)
PYTHON_CALLS = {
    "_codecs:encode": "data",
    "builtins:bytearray": "data",
    "builtins:complex": "numbers",
    "builtins:frozenset": "plain_members",
    "builtins:set": "plain_members",
    "builtins:slice": "numbers",
    "collections:OrderedDict": "nothing",
    "collections:defaultdict": "factory",
    "functools:partial": "partial",
}
PYTHON_REFERENCES = (
    "bool",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "set",
    "str",
    "tuple",
)


def document(library: str, package: str, series: str, version: str, **parts: Any) -> dict[str, Any]:
    """One allow-list file. parts: classes, calls, functions, references, tuples."""
    by_module = {part: _by_module(parts.get(part, ())) for part in ("classes", "functions", "references")}
    flat = {part: dict(sorted(parts.get(part, {}).items())) for part in ("tuples", "calls")}
    head = {"schema": SCHEMA, "library": library, "package": package, "series": series, "generated_from": version}
    return head | {
        "classes": by_module["classes"],
        "tuples": flat["tuples"],
        "calls": flat["calls"],
        "functions": by_module["functions"],
        "references": by_module["references"],
    }


def _by_module(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        module, _, attribute = name.partition(":")
        found[module].append(attribute)
    return dict(found)


def name_of(thing: Any) -> str:
    return f"{thing.__module__}:{thing.__qualname__}"


def _defined(module: str, kind: Callable[[Any], bool]) -> list[str]:
    """The names that a module defines itself, of one kind."""
    members = inspect.getmembers(importlib.import_module(module), kind)
    return [f"{module}:{name}" for name, found in members if getattr(found, "__module__", "") == module]


def _series(package: str, parts: int) -> tuple[str, str]:
    version = importlib.metadata.version(package)
    return ".".join(version.split(".")[:parts]), version


def python() -> dict[str, Any]:
    references = [f"builtins:{name}" for name in PYTHON_REFERENCES]
    return document("python", "", "", "", calls=PYTHON_CALLS, references=references)


def numpy() -> dict[str, Any]:
    import numpy as np

    from assessments.battery.gate import values

    ufuncs = [name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)]
    names = [*SCALARS, "ndarray", "matrix", "memmap"]
    generators = ("_mt19937:MT19937", "_pcg64:PCG64", "_pcg64:PCG64DXSM", "_philox:Philox", "_sfc64:SFC64")
    calls = dict.fromkeys((name for name in values.DATA if name.startswith("numpy")), "data") | {
        "numpy.random._pickle:__bit_generator_ctor": "bit_generator",
        "numpy.random._pickle:__generator_ctor": "generator",
        "numpy.random._pickle:__randomstate_ctor": "generator",
        "numpy.random.bit_generator:__pyx_unpickle_SeedSequence": "seed_sequence",
    }
    references = [f"numpy:{name}" for name in names] + [f"numpy.random.{name}" for name in generators]
    references += ["numpy.ma:MaskedArray", "numpy.ma.core:MaskedArray", "numpy.random.bit_generator:SeedSequence"]
    functions = [f"numpy:{name}" for name in (*ufuncs, *REDUCTIONS)]
    parts: dict[str, Any] = {"calls": calls, "functions": functions, "references": references}
    return document("numpy", "numpy", *_series("numpy", 1), **parts)


def scipy() -> dict[str, Any]:
    import numpy as np
    import scipy.special

    ufuncs = [
        f"{module}:{name}"
        for module in ("scipy.special._ufuncs", "scipy.special._special_ufuncs")
        for name in dir(importlib.import_module(module))
        if isinstance(getattr(importlib.import_module(module), name), np.ufunc) and hasattr(scipy.special, name)
    ]
    sparse = [f"scipy.sparse._{kind}:{kind}_{form}" for kind in ("coo", "csc", "csr") for form in ("array", "matrix")]
    classes = [*sparse, "scipy.interpolate._bsplines:BSpline"]
    references = ["scipy._lib.array_api_compat.numpy._aliases:asarray"]
    parts: dict[str, Any] = {"classes": classes, "functions": ufuncs, "references": references}
    return document("scipy", "scipy", *_series("scipy", 2), **parts)


def pandas() -> dict[str, Any]:
    calls = {"pandas.core.indexes.base:_new_Index": "index", "pandas:StringDtype": "string_dtype"}
    references = ["pandas:Index", "pandas:RangeIndex"]
    return document("pandas", "pandas", *_series("pandas", 1), calls=calls, references=references)


def scikit_learn() -> dict[str, Any]:
    from sklearn.utils import all_estimators

    classes = [*ALSO, *(name_of(kind) for _, kind in all_estimators())]
    for module in HELPERS:
        classes += _defined(module, inspect.isclass)
    functions = [name for module in METRICS for name in _defined(module, inspect.isfunction)]
    functions = [name for name in functions if not name.partition(":")[2].startswith("_")]
    losses = {name: "numbers" for module in LOSSES for name in _defined(module, inspect.isclass)}
    distances = sorted(set(_defined(DISTANCES, inspect.isclass)) - set(LEFT_OUT))
    trees = {f"sklearn.neighbors._{kind}:newObj": "space_tree" for kind in ("ball_tree", "kd_tree")}
    calls = (
        losses | trees | {f"{DISTANCES}:newObj": "distance", RESTORED_LOSS: "loss", "sklearn.tree._tree:Tree": "tree"}
    )
    spaces = [
        f"sklearn.neighbors._{kind}_tree:{name}Tree{bits}"
        for kind, name in (("ball", "Ball"), ("kd", "KD"))
        for bits in ("", "32", "64")
    ]
    kinds = sorted(set(classes) - set(LEFT_OUT))
    tuples = {"sklearn.impute._iterative:_ImputerTriplet": 3}
    parts: dict[str, Any] = {
        "classes": kinds,
        "tuples": tuples,
        "calls": calls,
        "references": [*functions, *distances, *spaces, *HELD],
    }
    return document("scikit-learn", "sklearn", *_series("scikit-learn", 2), **parts)


def imbalanced_learn() -> dict[str, Any]:
    from imblearn.utils.testing import all_estimators

    classes = [name_of(kind) for _, kind in all_estimators()] + ["imblearn.pipeline:Pipeline"]
    return document("imbalanced-learn", "imblearn", *_series("imbalanced-learn", 2), classes=classes)


def xgboost() -> dict[str, Any]:
    names = ["XGBClassifier", "XGBModel", "XGBRanker", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"]
    classes = [f"xgboost.sklearn:{name}" for name in names] + ["xgboost.core:Booster"]
    return document("xgboost", "xgboost", *_series("xgboost-cpu", 1), classes=classes)


def lightgbm() -> dict[str, Any]:
    names = ["LGBMClassifier", "LGBMModel", "LGBMRanker", "LGBMRegressor"]
    classes = [f"lightgbm.sklearn:{name}" for name in names] + ["lightgbm.basic:Booster"]
    # The wrapper of older files holds its own subclasses of scikit-learn's.
    return document("lightgbm", "lightgbm", *_series("lightgbm", 1), classes=classes)


def joblib() -> dict[str, Any]:
    classes = ["joblib.numpy_pickle:NumpyArrayWrapper"]
    return document("joblib", "joblib", *_series("joblib", 1), classes=classes)


LISTS = (python, numpy, scipy, pandas, scikit_learn, imbalanced_learn, xgboost, lightgbm, joblib)


def generated() -> dict[str, dict[str, Any]]:
    """File name -> what the installed libraries give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = [make() for make in LISTS]
    return {"-".join(filter(None, (each["library"], each["series"]))) + ".json": each for each in made}


def missing(found: dict[str, dict[str, Any]]) -> list[str]:
    """Names on a list that the installed libraries do not have."""
    gone = []
    for each in found.values():
        for name, *_ in entries(each):
            module, _, attribute = name.partition(":")
            if module.startswith("numpy.core."):
                continue  # what numpy 1 wrote; made here without an import
            try:
                getattr(importlib.import_module(module), attribute)
            except (ImportError, AttributeError):
                gone.append(name)
    return gone


def text_of(each: dict[str, Any]) -> str:
    return json.dumps(each, indent=1, ensure_ascii=False) + "\n"


def changes(found: dict[str, dict[str, Any]]) -> list[str]:
    """What differs between the lists on disk and `found`, for a person to review; empty where nothing does."""
    said = []
    here = {path.name for path in FOLDER.glob("*.json")}
    said += [f"{name}: no longer made; remove it" for name in sorted(here - set(found))]
    for name, each in found.items():
        path = FOLDER / name
        before = json.loads(path.read_text()) if path.exists() else document("", "", "", "")
        old, new = set(entries(before)), set(entries(each))
        said += [
            f"{name}: appeared: {entry[0]} ({entry[1]} {entry[2]})".replace(" )", ")") for entry in sorted(new - old)
        ]
        said += [
            f"{name}: vanished: {entry[0]} ({entry[1]} {entry[2]})".replace(" )", ")") for entry in sorted(old - new)
        ]
        if not path.exists():
            said.append(f"{name}: a new list")
        elif old == new and before | {"generated_from": ""} != each | {"generated_from": ""}:
            said.append(f"{name}: the same names, but not as this writes them")
    return said


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m assessments.battery.gate.regenerate", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--check", action="store_true", help="exit code 1 where a list is out of date")
    choice.add_argument("--diff", action="store_true", help="say what would change")
    choice.add_argument("--write", action="store_true", help="write the lists")
    asked = parser.parse_args(arguments)
    found = generated()
    if gone := missing(found):
        sys.stdout.write("".join(f"named here, but not installed: {name}\n" for name in gone))
        return 1
    said = changes(found)
    sys.stdout.write("".join(f"{line}\n" for line in said))
    if asked.write:
        FOLDER.mkdir(exist_ok=True)
        for path in FOLDER.glob("*.json"):
            if path.name not in found:
                path.unlink()
        for name, each in found.items():
            (FOLDER / name).write_text(text_of(each))
    return 1 if asked.check and said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
