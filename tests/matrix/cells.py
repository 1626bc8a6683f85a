"""Every robustness test on every family: done, or not applicable for a reason. Anything else is a fault of ours."""

import contextlib
import functools
import io
import math
import multiprocessing
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from assessments.battery import run, spec
from assessments.battery.events import Emitter
from assessments.battery.plan import File, Limits, Plan, PlannedTest, Target
from assessments.battery.subject import Subject
from tests.matrix.families import CLASSIFIERS, FORMS, REGRESSORS, TASKS, subject_of

SECONDS = 600.0  # far from what any of these takes: the clock must not decide what the page says
SMALL: dict[str, dict[str, Any]] = {
    "bad_inputs": {"rows": 2, "columns": 4, "jump_rows": 20},
    "boundary": {"rows": 10, "iterations": 4},
    "carlini_l2": {"rows": 10, "iterations": 6, "searches": 2},
    "carlini_linf": {"rows": 10, "iterations": 4},
    "certificate": {"rows": 10, "nodes": 200, "iterations": 3, "evaluations": 10},
    "data_errors": {"rows": 40},
    "decision_tree": {"rows": 10},
    "deepfool": {"rows": 10, "iterations": 10},
    "elastic_net": {"rows": 10, "iterations": 8, "searches": 2},
    "extraction": {"rows": 60, "largest": 60},
    "fast_gradient": {"rows": 10},
    "feasible_edits": {"rows": 15, "donors": 4, "noise_draws": 2, "resamples": 100},
    "hidden_trigger": {"rows": 60, "values": 5},
    "hopskipjump": {"rows": 12, "iterations": 3, "evaluations": 10, "noise_draws": 2, "resamples": 100},
    "low_profool": {"rows": 10, "iterations": 10},
    "missing_values": {"rows": 60, "repeats": 1},
    "newton_fool": {"rows": 10, "iterations": 10},
    "noise": {"rows": 60, "repeats": 1},
    "poisoning": {"rows": 60, "train_rows": 150, "repeats": 1, "resamples": 100},
    "projected_gradient": {"rows": 10, "iterations": 5},
    "saliency_map": {"rows": 10},
    "sign_opt": {"rows": 10, "iterations": 1, "queries": 120, "trials": 3},
    "square": {"rows": 10, "iterations": 5},
    "worst_case": {"rows": 10},
    "zoo": {"rows": 10, "iterations": 8, "searches": 2},
}


class Place(NamedTuple):
    task: str
    family: str
    form: str


class Cell(NamedTuple):
    """status: done, not_applicable or error."""

    status: str
    reason: str = ""


CLASS_NAMES = {type(make()).__name__ for make in (*CLASSIFIERS.values(), *REGRESSORS.values())}
Matrix = dict[tuple[Place, str], Cell]


def names() -> list[str]:
    """The robustness tests of the catalogue, without their family."""
    return [test.id.split(".")[1] for test in spec.discover().values() if test.family == "robustness"]


def places() -> list[Place]:
    return [Place(task, family, form) for task in TASKS for family in CLASSIFIERS for form in FORMS]


def cells_at(place: Place, tests: list[str] | None = None) -> Matrix:
    """Every test, as the battery runs it, on the model of one place."""
    subject = subject_of(*place)
    subject.model.compile()
    return {(place, name): cell_of(subject, name) for name in tests or names()}


def cell_of(subject: Subject, name: str) -> Cell:
    log = io.StringIO()
    with contextlib.redirect_stderr(log):
        entry = entry_of(subject, name)
    if entry["status"] == "done" and (wrong := "; ".join(faults(spec.discover()[entry["id"]], entry))):
        return Cell("error", wrong)
    if entry["status"] == "error":
        return Cell("error", entry["reason"] + "\n" + log.getvalue())
    return Cell(entry["status"], general(entry["reason"]))


def general(reason: str) -> str:
    """The reason without the name of the class, which is that of the column, and without what a library said."""
    reason = re.sub(r" \([A-Z][A-Za-z]+: .*?\)", "", reason)
    reason = re.sub(r"; this (model|one) is of the class \w+", "", reason)
    for name in sorted(CLASS_NAMES, key=len, reverse=True):
        reason = reason.replace(name, "this kind of model")
    return reason


def entry_of(subject: Subject, name: str) -> dict[str, Any]:
    """The entry of results.json of one test with a small budget."""
    test = spec.discover()[f"robustness.{name}"]
    given = {param.id: SECONDS for param in test.params if param.id == "seconds"}
    params = test.resolve(given | SMALL.get(name, {}), "quick")
    file = File("none", "joblib")
    planned = PlannedTest(test.id)
    limits = Limits(seconds_per_test=2 * SECONDS)
    plan = Plan(file, file, Target(subject.target), (planned,), 5, plan_name="quick", limits=limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in the battery's own process
        return run.run_test(planned, test, params, subject, plan, Emitter(io.StringIO()))


def faults(test: spec.BatteryTest, entry: dict[str, Any]) -> Iterator[str]:
    """What a finished test may not report: nothing, undeclared metrics, numbers that are none."""
    declared = {metric.id for metric in test.metrics}
    if not entry["measures"]:
        yield "no measure at all"
    for measure in entry["measures"]:
        value, ci = measure["value"], measure["ci"]
        if measure["metric"] not in declared:
            yield f"{measure['metric']} is not declared"
        if value is not None and not math.isfinite(value):
            yield f"{measure['metric']} is {value}"
        if ci and value is not None and not ci[0] <= value <= ci[1]:
            yield f"{measure['metric']} is {value}, outside of its interval {ci}"


def whole(workers: int, tests: list[str]) -> Iterator[Matrix]:
    """The matrix, place by place."""
    run_all = functools.partial(cells_at, tests=tests)
    if workers <= 1:
        yield from map(run_all, places())
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(run_all, places())
