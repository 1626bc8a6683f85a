"""The battery's process: plan in, events out, whatever model and tests do."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from assessments.battery import loading, pickles
from assessments.battery import run as runner
from assessments.battery.events import Emitter
from assessments.battery.plan import Column, File, Limits, Plan, PlannedTest, Target
from assessments.battery.spec import FAMILIES, BatteryTest, Measure, Needs, NotApplicable, Outcome
from assessments.battery.subject import Subject
from tests.battery import strange_models
from tests.battery.applicants import applicants

ROOT = Path(__file__).resolve().parents[2]
PERFORMANCE = ("performance.discrimination", "performance.threshold_metrics", "performance.probability")


def _planned(test):
    return PlannedTest(test, {} if test == "performance.probability" else {"resamples": 60})


def write_plan(folder, estimator, tests=PERFORMANCE, frame=None, **changes) -> Path:
    frame = applicants(200) if frame is None else frame
    joblib.dump(estimator, folder / "model.joblib")
    frame.to_csv(folder / "data.csv", index=False)
    asked = {
        "model": File("model.joblib", "joblib"),
        "data": File("data.csv", "csv"),
        "target": Target("repaid", "yes"),
        "tests": tuple(_planned(test) if isinstance(test, str) else test for test in tests),
        "seed": 11,
        "columns": (Column("sex", "sensitive"),),
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(Plan(**(asked | changes)).to_json()))
    return path


def logistic():
    frame = applicants(200)
    return LogisticRegression().fit(frame[["age"]], frame["repaid"])


def battery(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "assessments.battery", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


LOAD_ANYTHING = """
import sys
from assessments.battery import __main__ as door, loading, pickles
loading.load_allowed = lambda path: pickles.unpickle(path, "not_a_model", "")
with door.claim_stdout() as answers:
    door.main(sys.argv[1:], answers)
"""


@pytest.fixture
def load_anything(monkeypatch):
    """Models of these tests, in the battery's own process: an allowed one may misbehave as badly."""
    monkeypatch.setattr(loading, "load_allowed", lambda path: pickles.unpickle(path, "not_a_model", ""))


def events(plan: Path, code=0) -> list[dict]:
    ended = battery(plan, plan.parent / "out")
    assert ended.returncode == code, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def events_here(plan: Path, code=0) -> list[dict]:
    """The same in this process, which is quicker."""
    stream = io.StringIO()
    assert runner.run_plan(plan, Emitter(stream)) == code
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def results(said: list[dict]) -> dict[str, dict]:
    return {event["test"]: event["outcome"] for event in said if event["event"] == "result"}


def without_seconds(said: list[dict]) -> list[dict]:
    for entry in results(said).values():
        assert entry.pop("seconds") >= 0
    return said


def test_a_plan_is_answered_from_start_to_finish(tmp_path):
    said = events(write_plan(tmp_path, logistic()))
    kinds = [event["event"] for event in said if event["event"] != "progress"]
    assert kinds == ["started", "result", "result", "result", "finished"]
    assert list(results(said)) == list(PERFORMANCE)
    assert {entry["status"] for entry in results(said).values()} == {"done"}
    started = said[0]
    assert started["subject"]["class"] == "LogisticRegression"
    assert started["subject"]["features"] == ["age"]
    assert started["subject"]["favourable"] == "yes"
    assert started["subject"]["sensitive"]["sex"][0]["name"] == "Female"
    assert started["environment"]["numpy"] == np.__version__


def test_two_runs_say_the_same_but_for_seconds(tmp_path):
    plan = write_plan(tmp_path, logistic())
    assert without_seconds(events(plan)) == without_seconds(events(plan))


def test_a_test_says_the_same_alone_and_in_another_order(tmp_path):
    whole = results(without_seconds(events_here(write_plan(tmp_path, logistic()))))
    other = results(without_seconds(events_here(write_plan(tmp_path, logistic(), PERFORMANCE[::-1]))))
    alone = results(without_seconds(events_here(write_plan(tmp_path, logistic(), PERFORMANCE[1:2]))))
    assert other == whole
    assert alone[PERFORMANCE[1]] == whole[PERFORMANCE[1]]


def test_another_seed_moves_the_intervals_only(tmp_path):
    first = results(events_here(write_plan(tmp_path, logistic())))[PERFORMANCE[0]]["measures"]
    second = results(events_here(write_plan(tmp_path, logistic(), seed=12)))[PERFORMANCE[0]]["measures"]
    assert [measure["value"] for measure in first] == [measure["value"] for measure in second]
    assert [measure["ci"] for measure in first] != [measure["ci"] for measure in second]


def test_a_model_that_prints_cannot_forge_events(tmp_path):
    plan = write_plan(tmp_path, strange_models.Talker())
    command = [sys.executable, "-c", LOAD_ANYTHING, plan, tmp_path / "out"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    said = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [event["event"] for event in said].count("finished") == 1
    assert said[-1] == {"event": "finished"}
    assert ended.stderr.count(strange_models.Talker.FORGED) >= 4
    statuses = {name: entry["status"] for name, entry in results(said).items()}
    assert statuses == dict(zip(PERFORMANCE, ["not_applicable", "done", "not_applicable"], strict=True))
    assert "hard labels only" in results(said)[PERFORMANCE[0]]["reason"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("Moody", "RuntimeError: not in the mood"),
        ("Quitter", "SystemExit: 0"),
        ("Sleeper", "Out of time: more than 1 s"),
    ],
)
def test_a_model_that_fails_in_one_test_leaves_the_others(tmp_path, load_anything, model, reason):
    tests = (PERFORMANCE[0], "performance.threshold_metrics")
    plan = write_plan(tmp_path, getattr(strange_models, model)(), tests, limits=Limits(seconds_per_test=1))
    said = events_here(plan)
    broken = results(said)[PERFORMANCE[0]]
    assert broken["status"] == "error"
    assert reason in broken["reason"]
    assert broken["hint"]
    assert broken["measures"] == []
    assert said[-1] == {"event": "finished"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": Target("credit")}, "no_target"),
        ({"tests": (PlannedTest("performance.absent"),)}, "bad_plan"),
        ({"tests": (PlannedTest("os.path"),)}, "bad_plan"),
        ({"tests": ()}, "bad_plan"),
        ({"tests": (PlannedTest(7),)}, "bad_plan"),
        ({"seed": -1}, "bad_plan"),
        ({"seed": "one"}, "bad_plan"),
        ({"columns": (Column("sex", "Sensitive"),)}, "bad_plan"),
        ({"columns": (Column("sex", kind="text"),)}, "bad_plan"),
        ({"limits": Limits(seconds_per_test=0)}, "bad_plan"),
        ({"tests": (PlannedTest(PERFORMANCE[0], {"resamples": 1}),)}, "bad_plan"),
        ({"tests": (PlannedTest(PERFORMANCE[0], {"wrong": 1}),)}, "bad_plan"),
        ({"tests": (PlannedTest(PERFORMANCE[0]), PlannedTest(PERFORMANCE[0]))}, "bad_plan"),
        ({"model": File("absent.joblib", "joblib")}, "bad_plan"),
        ({"model": File("model.joblib", "joblib", "0" * 64)}, "bad_plan"),
        ({"model": File("data.csv", "joblib")}, "not_a_model"),
        ({"data": File("model.joblib", "csv")}, "unreadable_data"),
        ({"limits": Limits(max_rows=100)}, "too_many_rows"),
        ({"task": "multiclass"}, "bad_plan"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_cannot_be_run_fails_with_a_code(tmp_path, changes, code):
    said = events_here(write_plan(tmp_path, logistic(), **changes), code=2)
    assert len(said) == 1
    assert (said[0]["event"], said[0]["code"]) == ("failed", code)
    assert said[0]["message"]
    assert said[0]["hint"]


def test_a_plan_that_is_no_plan_fails(tmp_path):
    (tmp_path / "plan.json").write_text("{")
    assert events_here(tmp_path / "plan.json", code=2)[0]["code"] == "bad_plan"
    assert events_here(tmp_path / "absent.json", code=2)[0]["code"] == "bad_plan"


def test_a_model_that_never_answers_ends_the_run(tmp_path, load_anything, monkeypatch):
    monkeypatch.setattr(runner, "LOADING_SECONDS", 0.3)
    plan = write_plan(tmp_path, strange_models.Hanger(), limits=Limits(seconds_per_test=0.3))
    said = events_here(plan, code=2)
    assert said[0]["code"] == "out_of_time"
    assert "0.3 s" in said[0]["message"]


@pytest.mark.parametrize(("model", "words"), [("Exploding", "KeyError: 'salary'"), ("Leaving", "SystemExit: 3")])
def test_a_model_that_cannot_predict_ends_the_run_with_its_reason(tmp_path, load_anything, model, words):
    said = events_here(write_plan(tmp_path, getattr(strange_models, model)()), code=2)
    assert said[0]["code"] == "crashed"
    assert words in said[0]["message"]


# One test, in this process


class Heard:
    """An emitter that remembers."""

    def __init__(self):
        self.steps = []

    def progress(self, test, done, of):
        self.steps.append((done, of))


def tried(run, needs=None, seconds=5.0, sensitive=()):
    frame = applicants(60)
    subject = Subject(
        logistic(), frame, Target("repaid", "yes"), tuple(Column(name, "sensitive") for name in sensitive)
    )
    test = BatteryTest("performance.made_up", "performance", "Made up", "", needs or Needs(), (), (), (), (), run)
    plan = Plan(File("m", "joblib"), File("d", "csv"), Target("repaid"), (), 5, limits=Limits(seconds_per_test=seconds))
    heard = Heard()
    return runner.run_test(PlannedTest(test.id), test, {}, subject, plan, heard), heard


def test_queries_and_measures_are_recorded():
    def run(subject, params, rng, progress):
        subject.predict(subject.frame.head(7))
        return Outcome([Measure("accuracy", 0.5, (0.4, 0.6), 7)], notes=["done"])

    entry, _ = tried(run)
    assert (entry["status"], entry["queries"], entry["notes"]) == ("done", 7, ["done"])
    assert entry["measures"][0]["ci"] == [0.4, 0.6]


def raising(error):
    def run(subject, params, rng, progress):
        raise error

    return run


def overflowing(*_):
    return overflowing(*_)


@pytest.mark.parametrize(
    ("run", "status", "reason"),
    [
        (raising(ValueError("too odd")), "error", "Crashed: ValueError: too odd"),
        (raising(MemoryError()), "error", "Out of memory."),
        (raising(SystemExit("bye")), "error", "Crashed: SystemExit: bye"),
        (raising(NotApplicable("It has no gradient.")), "not_applicable", "It has no gradient."),
        (overflowing, "error", "Crashed: RecursionError"),
        (lambda *_: None, "error", "gave a NoneType, not an Outcome"),
    ],
    ids=["crash", "memory", "exit", "not applicable", "recursion", "no outcome"],
)
def test_what_goes_wrong_in_a_test_stays_in_it(run, status, reason):
    entry, _ = tried(run)
    assert entry["status"] == status
    assert reason in entry["reason"]


def test_a_test_over_its_time_is_an_error_even_if_it_catches_exceptions():
    def run(subject, params, rng, progress):
        while True:
            try:
                time.sleep(30)
            except Exception:
                continue

    entry, _ = tried(run, seconds=0.2)
    assert entry["status"] == "error"
    assert entry["reason"] == "Out of time: more than 0.2 s."


def test_a_needed_sensitive_column_that_is_missing_makes_it_not_applicable():
    needs = Needs(sensitive=True)
    assert tried(raising(AssertionError), needs)[0]["status"] == "not_applicable"
    assert tried(lambda *_: Outcome([]), needs, sensitive=["sex"])[0]["status"] == "done"


def test_a_test_for_another_task_is_not_applicable():
    entry, _ = tried(raising(AssertionError), Needs(tasks=("multiclass",)))
    assert entry["reason"] == "The test is for multiclass models; this one is binary."


def test_progress_speaks_once_a_percent():
    def run(subject, params, rng, progress):
        for done in range(10_001):
            progress(done, 10_000)
        return Outcome([])

    _, heard = tried(run)
    assert len(heard.steps) == 101
    assert heard.steps[-1] == (10_000, 10_000)


def test_random_numbers_depend_on_seed_and_test_only():
    first = runner.generator(5, "performance.probability").random(3)
    np.random.seed(0)
    assert np.array_equal(first, runner.generator(5, "performance.probability").random(3))
    legacy = np.random.random()
    runner.generator(5, "performance.probability")
    assert np.random.random() == legacy
    assert not np.array_equal(first, runner.generator(5, "performance.discrimination").random(3))
    assert not np.array_equal(first, runner.generator(6, "performance.probability").random(3))


# The other doors


def test_inspect_says_what_a_model_is(tmp_path):
    joblib.dump(logistic(), tmp_path / "model.joblib")
    ended = battery("--inspect", tmp_path / "model.joblib", "--format", "joblib")
    found = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert (found["class"], found["task"], found["classes"]) == ("LogisticRegression", "binary", ["no", "yes"])
    assert (found["features"], found["n_features"], found["steps"]) == (["age"], 1, [])
    assert found["libraries"].keys() == {"scikit-learn"}


def test_inspect_reports_what_is_wrong(tmp_path):
    (tmp_path / "model.joblib").write_text("hello")
    ended = battery("--inspect", tmp_path / "model.joblib")
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["code"] == "not_a_model"


def test_the_catalogue_lists_every_test_file():
    ended = battery("--catalogue")
    catalogue = json.loads(ended.stdout)
    files = [path for family in FAMILIES for path in ROOT.glob(f"assessments/battery/{family}/[a-z]*.py")]
    assert set(catalogue) == {f"{path.parent.name}.{path.stem}" for path in files}
    assert catalogue["performance.discrimination"]["charts"] == ["roc", "precision_recall", "ks_original"]
    assert all(entry["asks"] and entry["controls"] for entry in catalogue.values())


def test_arguments_that_make_no_sense_are_refused():
    assert battery().returncode == 2
    assert battery("plan.json").returncode == 2
