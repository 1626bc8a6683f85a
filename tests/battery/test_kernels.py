"""What was compiled beforehand is all that a run needs."""

import subprocess
import sys

import pytest

from assessments.battery import kernels

WORK = """
import sys, importlib, shutil, pathlib
import numpy as np
from assessments.battery import kernels
kernels.warm()
from tests.battery.applicants import applicants
from tests.battery.subjects import outcome_of, subject_of
from tests.battery.test_estimators import NAMES, forest, prepared_by, boosters
of_age = [(boosters()[name], ["age"]) for name in ("xgboost", "lightgbm")]
for model, names in [(prepared_by(forest()), NAMES), *of_age]:
    frame = applicants()
    y = (frame["repaid"] == "yes").astype(int)
    subject = subject_of(frame.assign(y=y), model.fit(frame[names], y), target="y")
    subject.model.compile()
    assert subject.model.form.startswith("compiled"), subject.model.form
    outcome_of("robustness.hopskipjump", subject, rows=10)
misses = {}
for name in kernels.MODULES:
    for loop in vars(importlib.import_module(f"assessments.battery.{name}")).values():
        if hasattr(loop, "stats"):
            misses.update({f"{name}.{loop.__name__}": str(key) for key in loop.stats.cache_misses})
print(misses)
sys.exit(bool(misses))
"""


def python(*arguments, **environment):
    clean = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run([sys.executable, "-W", "ignore", *arguments], env=clean, capture_output=True, text=True)


@pytest.mark.long
def test_a_run_finds_every_loop_compiled(tmp_path):
    kept = python("-m", "assessments.battery.kernels", str(tmp_path))
    assert kept.returncode == 0, kept.stderr
    ran = python("-c", WORK, NUMBA_CACHE_DIR=str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_loop_works_where_nothing_can_be_kept(monkeypatch):
    numba = pytest.importorskip("numba")
    declare = numba.njit

    def nowhere(*functions, **options):
        if functions:
            return declare(*functions, **options)

        def declared(function):
            if options.get("cache") and function.__module__ == __name__:
                raise RuntimeError("cannot cache function: no locator available")
            return declare(**options)(function)

        return declared

    monkeypatch.setattr(numba, "njit", nowhere)
    assert kernels.jit()(double)(21) == 42


def double(x):
    return 2 * x


def test_importing_the_battery_does_not_import_numba():
    code = "import sys, assessments.battery.subject, assessments.battery.run, assessments.battery.predictors\n"
    ran = python("-c", code + "sys.exit('numba' in sys.modules)")
    assert ran.returncode == 0
