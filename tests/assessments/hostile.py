"""Model files that do harm when they are loaded: real pickles, for the real sandbox."""

import pickle


class _Hostile:
    def __init__(self, code: str, estimator: bytes) -> None:
        self.code, self.estimator = code, estimator

    def __reduce__(self):
        return eval, (f"(exec({self.code!r}, {{}}), __import__('pickle').loads({self.estimator!r}))[1]",)


def hostile_model(code: str, joblib_file: bytes) -> bytes:
    """The model of `joblib_file`; `code` runs first when it is loaded."""
    import io

    import joblib

    return pickle.dumps(_Hostile(code, pickle.dumps(joblib.load(io.BytesIO(joblib_file)))))


def replacing(test: str, body: str) -> str:
    """Code that makes a test of the battery do `body` instead."""
    return f"""
import importlib, os, time, signal
importlib.import_module("assessments.battery.{test}")
from assessments.battery.spec import CATALOGUE
def run(*_):
    {body}
if {test!r} in CATALOGUE:
    object.__setattr__(CATALOGUE[{test!r}], "run", run)
"""
