"""Run a plan: for each test, time it, isolate its crash, say what happened."""

import hashlib
import importlib
import importlib.metadata
import platform
import random
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assessments.battery.errors import LoadError, short
from assessments.battery.events import Emitter, result_entry
from assessments.battery.plan import BadPlan, Plan, PlannedTest
from assessments.battery.spec import CATALOGUE, FAMILIES, BatteryTest, Needs, NotApplicable, Outcome
from assessments.battery.timing import OutOfTime, time_limit

if TYPE_CHECKING:
    import numpy as np

    from assessments.battery.subject import Subject

TEST_ID = re.compile(r"([a-z_]+)\.([a-z][a-z0-9_]*)")
LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "joblib", "adversarial-robustness-toolbox", "shap")
BOOSTERS = ("xgboost", "lightgbm", "catboost")
LOADING_SECONDS = 60.0  # reading gets at least this long: libraries alone take seconds on a busy machine
MODEL_LOST = 3  # the exit code where the process of the model is gone: the rest needs a new one
ASK_OFTEN = ("robustness", "explainability", "privacy")  # families that ask enough for a compiled form to pay


def run_plan(path: Path, emitter: Emitter, descriptors: tuple[int, int] | None = None) -> int:
    """Run the plan in the file; 0 when all its tests were tried, 2 when nothing could be run.

    descriptors: of the process that holds the model, in oracle mode; 3 when it was lost before all tests were tried.
    """
    try:
        plan = _read(path)
        tests = planned_tests(plan)
        with time_limit(seconds := max(plan.limits.seconds_per_test, LOADING_SECONDS)):
            subject = _load(plan, path.parent, descriptors)
            if any(planned.id.split(".")[0] in ASK_OFTEN for planned, _, _ in tests):
                subject.model.compile()
    except LoadError as error:
        emitter.failed(error.code, error.message, error.hint)
        return 2
    except OutOfTime:
        emitter.failed(
            "out_of_time",
            f"Reading the model and its answers on all rows took more than {seconds:g} s.",
            "Give fewer rows, or a longer limit.",
        )
        return 2
    except MemoryError:
        emitter.failed("out_of_memory", "Model and data need more memory than a run may use.", "Give fewer rows.")
        return 2
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        emitter.failed("crashed", f"The run ended before the first test: {short(error)}", "See the log of the run.")
        return 2
    emitter.started(subject_facts(plan, subject), environment())
    for planned, test, params in tests:
        emitter.result(run_test(planned, test, params, subject, plan, emitter))
        if subject.lost:
            return MODEL_LOST
    emitter.finished()
    return 0


def _read(path: Path) -> Plan:
    try:
        return Plan.read(path)
    except BadPlan as error:
        raise LoadError("bad_plan", str(error), "See the description of plan.json.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError("bad_plan", f"The plan {path.name} cannot be read: {short(error)}", "") from error


def _load(plan: Plan, folder: Path, descriptors: tuple[int, int] | None) -> "Subject":
    from assessments.battery.loading import load_subject

    return load_subject(plan, folder, descriptors)


def planned_tests(plan: Plan) -> list[tuple[PlannedTest, BatteryTest | Exception, dict[str, Any]]]:
    """Each test with its entry, or why it cannot be imported, and all its parameters. Imports only what is planned.

    Raises LoadError bad_plan for an unknown test or parameter, or a test planned twice.
    """
    found: list[tuple[PlannedTest, BatteryTest | Exception, dict[str, Any]]] = []
    if not plan.tests:
        raise LoadError("bad_plan", "The plan names no test.", "Name at least one; the catalogue lists them.")
    ids = [str(planned.id) for planned in plan.tests]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise LoadError("bad_plan", f"The plan names {', '.join(twice)} twice.", "Name each test once.")
    for planned in plan.tests:
        test = _find(str(planned.id))
        params = dict(planned.params)
        if isinstance(test, BatteryTest):
            try:
                params = test.resolve(planned.params, plan.plan_name)
            except ValueError as error:
                raise LoadError("bad_plan", str(error), "See the catalogue for what each test takes.") from error
        found.append((planned, test, params))
    return found


def _find(test_id: str) -> BatteryTest | Exception:
    named = TEST_ID.fullmatch(test_id)
    module = f"assessments.battery.{test_id}"
    if named is None or named[1] not in FAMILIES:
        raise _unknown(test_id)
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module:
            raise _unknown(test_id) from error
        return error
    except Exception as error:
        traceback.print_exc()
        return error
    if test_id not in CATALOGUE:
        raise _unknown(test_id)
    return CATALOGUE[test_id]


def _unknown(test_id: str) -> LoadError:
    return LoadError("bad_plan", f"There is no test {test_id!r}.", "The catalogue (--catalogue) lists the tests.")


def run_test(
    planned: PlannedTest,
    test: BatteryTest | Exception,
    params: dict[str, Any],
    subject: "Subject",
    plan: Plan,
    emitter: Emitter,
) -> dict[str, Any]:
    """The entry of one test, whatever happens in it."""
    if isinstance(test, Exception):
        return _unavailable(planned.id, params, test)
    if reason := unmet(test.needs, subject):
        return result_entry(test, status="not_applicable", params=params, seconds=0, queries=0, reason=reason)
    subject.count_afresh()
    begun = time.perf_counter()
    status, reason, hint, outcome = _tried(test, params, subject, plan, emitter)
    if (gone := subject.lost) and status != "error":  # a test may go on without answers; what it found then is void
        status, reason, hint, outcome = "error", gone.message, gone.hint, None
    return result_entry(
        test,
        status=status,
        params=params,
        seconds=time.perf_counter() - begun,
        queries=subject.queries,
        outcome=outcome,
        reason=reason,
        hint=hint,
    )


def _tried(
    test: BatteryTest, params: dict[str, Any], subject: "Subject", plan: Plan, emitter: Emitter
) -> tuple[str, str, str, Outcome | None]:
    """Status, reason, hint and outcome."""
    seconds = plan.limits.seconds_per_test
    try:
        with time_limit(seconds):
            outcome = test.run(subject, params, generator(plan.seed, test.id), percent_steps(emitter, test.id))
        if not isinstance(outcome, Outcome):
            raise TypeError(f"the test gave a {type(outcome).__name__}, not an Outcome")
        return "done", "", "", outcome
    except NotApplicable as error:
        return "not_applicable", str(error), "", None
    except LoadError as error:
        return "error", error.message, error.hint, None
    except OutOfTime:
        return "error", f"Out of time: more than {seconds:g} s.", "Use the quick plan, or a smaller budget.", None
    except MemoryError:
        return "error", "Out of memory.", "Use fewer rows or a smaller budget for this test.", None
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return "error", f"Crashed: {short(error)}", "See the log of the run for the details.", None


def _unavailable(test_id: str, params: dict[str, Any], error: Exception) -> dict[str, Any]:
    family = test_id.split(".")[0]
    test = BatteryTest(test_id, family, test_id, "", Needs(), (), (), (), (), lambda: Outcome([]))
    reason = f"The test cannot be loaded here: {short(error)}"
    hint = "Ask the administrator to install what is missing."
    return result_entry(test, status="error", params=params, seconds=0, queries=0, reason=reason, hint=hint)


def unmet(needs: Needs, subject: "Subject") -> str:
    """What the test needs and the subject lacks, as a sentence; empty where nothing."""
    if subject.task not in needs.tasks:
        if subject.task == "regression":
            return "The test is for classifiers; this model predicts a number."
        if needs.tasks == ("regression",):
            return "The test is for regression models; this one tells classes apart."
        return f"The test is for {' and '.join(needs.tasks)} models; this one is {subject.task}."
    if needs.scores and not subject.has_scores:
        return "The model gives hard labels only, no scores (predict_proba or decision_function)."
    if needs.sensitive and not subject.sensitive:
        return "No column of the data is marked as sensitive."
    return ""


def generator(seed: int, test_id: str) -> "np.random.Generator":
    """The random numbers of one test: from the plan's seed and its id, so that order does not matter.

    The global generators of numpy and Python are set from them too, for libraries that draw from those.
    """
    import numpy as np

    rng = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(test_id.encode()).digest()[:8])])
    state = int(rng.integers(2**32))
    np.random.seed(state)
    random.seed(state)
    return rng


def percent_steps(emitter: Emitter, test_id: str) -> Callable[[int, int], None]:
    """A progress function that speaks once a percent."""
    last = -1

    def progress(done: int, of: int) -> None:
        nonlocal last
        percent = 100 * int(done) // max(int(of), 1)
        if percent > last:
            last = percent
            emitter.progress(test_id, int(done), int(of))

    return progress


def subject_facts(plan: Plan, subject: "Subject") -> dict[str, Any]:
    """What the report says of model and data, with the digests that were checked."""
    return {
        **subject.facts(),
        "model_sha256": plan.model.sha256,
        "data_sha256": plan.data.sha256,
        "reference_sha256": plan.reference.sha256 if plan.reference else "",
        "seed": plan.seed,
        "plan_name": plan.plan_name,
    }


def environment() -> dict[str, str]:
    """What the run runs with: the same on every run on one machine."""
    found = {"python": platform.python_version(), "platform": platform.platform(), "machine": platform.machine()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    for name in BOOSTERS:
        if name in sys.modules:
            found[name] = str(getattr(sys.modules[name], "__version__", "unknown"))
    return found
