"""A model under a waiver cannot forge its scores: it answers from one sandbox, and they are computed in another.

Each attack has its positive control: loaded in the battery's own process, as models used to be, it does forge them.
"""

import io
import json
import pickle
import re

import joblib
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from assessments import local_run, planning, policies
from assessments.sandbox import launch, oracle
from tests.assessments.hostile import hostile_model

pytestmark = pytest.mark.processes

FORGED = 0.999999
TESTS = ["performance.discrimination", "performance.probability"]

PATCH_BATTERY = """
import sys
import assessments.battery.spec
from assessments.battery.performance import discrimination
from assessments.battery.spec import CATALOGUE, Measure, Outcome
def run(subject, params, rng, progress):
    return Outcome(measures=[Measure("roc_auc", 0.999999, n=len(subject.frame), better="higher")])
object.__setattr__(CATALOGUE["performance.discrimination"], "run", run)
"""
PATCH_ESTIMATOR = """
from assessments.battery.subject import Subject
init = Subject.__init__
def patched(self, *a, **k):
    init(self, *a, **k)
    truth = (self.y == self.favourable_index).astype(float)
    self.model.scores = lambda frame: __import__("numpy").column_stack([1 - truth, truth])
Subject.__init__ = patched
"""
FAKE_EVENTS = """
import json, os
entry = {"id": "performance.discrimination", "status": "done", "seconds": 1.0, "queries": 1, "params": {},
         "measures": [{"metric": "roc_auc", "value": 0.999999, "n": 240, "group": {}, "ci": None}], "charts": []}
lines = [{"event": "started", "schema": "modelrisk.events/1", "subject": {}, "environment": {}},
         {"event": "result", "test": "performance.discrimination", "outcome": entry}]
for fd in range(1, 64):
    for line in lines:
        try: os.write(fd, (json.dumps(line) + "\\n").encode())
        except OSError: pass
"""
ATTACKS = {"the battery": PATCH_BATTERY, "the subject": PATCH_ESTIMATOR, "the events": FAKE_EVENTS}


@pytest.fixture
def files(tmp_path, tiny_files):
    """Write a model file; the plan of a waiver for it, and the files of the plan."""
    (tmp_path / "data.csv").write_bytes(tiny_files.data)

    def make(content: bytes, tests=TESTS, **limits):
        (tmp_path / "model.joblib").write_bytes(content)
        plan = planning.build_plan(
            model={"path": "model/model.joblib", "format": "joblib"},
            data={"path": "data/data.csv", "format": "csv"},
            target="income", columns=[], seed=3, favourable=">50K", tests=tests, limits=limits,
        )  # fmt: skip
        plan["model"] |= {"trust": "waived", "sha256": local_run.sha256(tmp_path / "model.joblib")}
        return plan, {"model": tmp_path / "model.joblib", "data": tmp_path / "data.csv"}

    return make


def assessed(plan, files):
    return local_run.assess(plan, files, policies.default_policy(), tell=lambda *_: None)


def values(results) -> dict[str, float]:
    return {m["metric"]: m["value"] for e in results["tests"] for m in e["measures"] if not m["group"]}


def truth_and_scores(tiny_files):
    frame = pd.read_csv(io.BytesIO(tiny_files.data))
    model = joblib.load(io.BytesIO(tiny_files.model))
    return frame["income"] == ">50K", model.predict_proba(frame.drop(columns="income"))[:, 1]


@pytest.mark.parametrize("attack", ["the battery", pytest.param("the subject", marks=pytest.mark.long)])
def test_a_model_that_forges_its_scores_under_a_waiver_does_not(files, tiny_files, attack):
    found = assessed(*files(hostile_model(ATTACKS[attack], tiny_files.model)))
    truth, scores = truth_and_scores(tiny_files)
    assert values(found)["roc_auc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert values(found)["log_loss"] == pytest.approx(log_loss(truth, scores), abs=1e-12)
    assert found["environment"]["model_process"] == "separate"


def test_events_written_by_the_model_s_process_reach_nobody(files, tiny_files):
    """It writes them to every descriptor it has, so to the pipe of its answers too."""
    with pytest.raises(local_run.CannotRun, match="an answer that is too long"):
        assessed(*files(hostile_model(FAKE_EVENTS, tiny_files.model)))


IN_ONE_PROCESS = """
import json, os, sys
from pathlib import Path
from assessments.battery import loading, run
from assessments.battery.__main__ import claim_stdout
from assessments.battery.events import Emitter
from assessments.battery.pickles import unpickle
loading._settled_model = lambda plan, folder, _: unpickle(folder / plan.model.path, "not_a_model", "")
with claim_stdout() as answers:
    run.run_plan(Path({plan!r}), Emitter(answers))
"""


@pytest.mark.parametrize(
    "attack", ["the battery", *(pytest.param(name, marks=pytest.mark.long) for name in list(ATTACKS)[1:])]
)
def test_the_same_file_in_the_battery_s_own_process_would_forge_them(files, tiny_files, tmp_path, attack):
    plan, given = files(hostile_model(ATTACKS[attack], tiny_files.model))
    for part, path in given.items():
        (tmp_path / "in" / part).mkdir(parents=True)
        (tmp_path / "in" / part / path.name).write_bytes(path.read_bytes())
    (tmp_path / "in" / "plan.json").write_text(json.dumps(plan))
    lines: list[str] = []
    code = IN_ONE_PROCESS.format(plan=str(tmp_path / "in" / "plan.json"))
    (tmp_path / "work").mkdir()
    launch.run(["-c", code], read=[tmp_path / "in"], write=tmp_path / "work", seconds=120, on_line=lines.append)
    outcomes = [e["outcome"] for e in map(json.loads, filter(None, lines)) if e["event"] == "result"]
    found = {m["metric"]: m["value"] for outcome in outcomes[:1] for m in outcome["measures"] if not m["group"]}
    assert found["roc_auc"] >= FORGED


def test_an_honest_model_gets_the_same_numbers_as_in_one_process(files, tiny_files):
    """But for tests that look into a model where they can, and ask it where they cannot."""
    plan, given = files(tiny_files.model, tests=[*TESTS, "robustness.feasible_edits"])
    apart = assessed(plan, given)
    plan["model"]["trust"] = "restricted"
    together = assessed(plan, given)
    for results in (apart, together):
        for entry in results["tests"]:
            assert (entry.pop("seconds") >= 0, entry["status"]) == (True, "done")
    assert apart["tests"] == together["tests"]
    assert apart["subject"].pop("predictor") != together["subject"].pop("predictor")  # compiled, or asked
    assert apart["subject"] == together["subject"]
    assert "model_process" not in together["environment"]


class _Dying:
    def __init__(self, code: str, estimator: bytes) -> None:
        self.code, self.estimator = code, estimator

    def __reduce__(self):
        build = (
            "exec('import pickle\\nclass Dying:\\n"
            "  def __init__(self, inner, code): self.inner, self.code, self.asked = inner, code, 0\\n"
            "  def __getattr__(self, name):\\n"
            '    if name.startswith("__"): raise AttributeError(name)\\n'
            "    return getattr(self.inner, name)\\n"
            "  def predict(self, rows): return self.inner.predict(rows)\\n"
            '  def predict_proba(self, rows):\\n    space = {"given": self.inner.predict_proba(rows)}\\n'
            '    exec(self.code, space)\\n    return space["given"]\\n'
            "made = Dying(pickle.loads(inner), code)', space := {'inner': inner, 'code': code}) or space['made']"
        )
        return eval, (f"(lambda inner, code: {build})({self.estimator!r}, {self.code!r})",)


def dying(code: str, tiny_files) -> bytes:
    """A model that runs `code` when it is asked for probabilities; they are `given` before it and after."""
    return pickle.dumps(_Dying(code, pickle.dumps(joblib.load(io.BytesIO(tiny_files.model)))))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 11)", "cannot be asked any more: it has ended"),
        pytest.param(
            "import os\nfor fd in range(3, 256):\n  try: os.write(fd, b'nonsense' * 100)\n  except OSError: pass",
            "cannot be asked any more: it gave an answer that is too long",
            marks=pytest.mark.long,
        ),
        pytest.param("raise RuntimeError('not today')", "not today", marks=pytest.mark.long),
        pytest.param("while True: pass", "Out of time", marks=pytest.mark.long),
    ],
    ids=["crash", "nonsense", "raise", "hang"],
)
def test_a_model_that_does_not_answer_is_an_error_of_the_test(files, tiny_files, code, said):
    tests = ["performance.discrimination", "performance.threshold_metrics"]
    found = assessed(*files(dying(code, tiny_files), tests=tests, seconds_per_test=5.0))
    status = {entry["id"]: (entry["status"], entry["reason"]) for entry in found["tests"]}
    assert status["performance.discrimination"][0] == "error"
    assert said in status["performance.discrimination"][1]
    assert set(status) == set(tests)
    assert all(verdict["verdict"] != "pass" for verdict in found["verdicts"] if verdict["test"] == tests[0])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param(
            "given = given * 2", "The model's answers are not probabilities: they lie", marks=pytest.mark.long
        ),
        pytest.param(
            "given[:, 0] = 0.5", "The model's answers are not probabilities: those of", marks=pytest.mark.long
        ),
        (
            "import random; p = random.random(); given = given * 0 + [p, 1 - p]",
            "The model's answers are not reproducible",
        ),
    ],
    ids=["more than one", "no sum of one", "a throw of dice"],
)
def test_a_model_whose_answers_cannot_be_measured_gets_no_number(files, tiny_files, code, said):
    found = assessed(*files(dying(code, tiny_files)))
    assert [(entry["status"], entry["measures"]) for entry in found["tests"]] == [("error", [])] * len(TESTS)
    assert all(entry["reason"].startswith(said) for entry in found["tests"])
    assert {verdict["verdict"] for verdict in found["verdicts"]} <= {"error", "not_applicable"}


def test_a_model_that_ends_while_it_is_loaded_is_said_so(files, tiny_files):
    with pytest.raises(local_run.CannotRun, match=r"signal 11") as refused:
        assessed(*files(hostile_model("import os; os.kill(os.getpid(), 11)", tiny_files.model)))
    assert refused.value.code == "crashed"


def test_a_model_of_a_waiver_is_never_loaded_without_its_own_process(files, tiny_files, tmp_path):
    plan, given = files(tiny_files.model)
    for part, path in given.items():
        (tmp_path / "in" / part).mkdir(parents=True)
        (tmp_path / "in" / part / path.name).write_bytes(path.read_bytes())
    (tmp_path / "in" / "plan.json").write_text(json.dumps(plan))
    lines: list[str] = []
    (tmp_path / "work").mkdir()
    asked = ["-m", "assessments.battery", str(tmp_path / "in" / "plan.json"), str(tmp_path / "work")]
    launch.run(asked, read=[tmp_path / "in"], write=tmp_path / "work", seconds=120, on_line=lines.append)
    (answer,) = map(json.loads, lines)
    assert (answer["event"], "another process only" in answer["message"]) == ("failed", True)


REACH = """
import os
found = []
for path in ({data!r}, {plan!r}, {out!r}):
    try: found.append(os.listdir(path) if os.path.isdir(path) else open(path).read(20))
    except OSError as error: found.append(type(error).__name__)
raise RuntimeError("reached: " + repr(found))
"""


def test_the_model_s_process_reaches_neither_data_nor_plan_nor_output(files, tiny_files, tmp_path):
    """The outcomes are in the data: a model that could read them would know what to answer."""
    plan, given = files(tiny_files.model)
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    for folder in ("battery", "model"):
        (tmp_path / folder).mkdir()
    reach = REACH.format(data=str(given["data"]), plan=str(tmp_path / "plan.json"), out=str(tmp_path / "battery"))
    given["model"].write_bytes(hostile_model(reach, tiny_files.model))
    served = oracle.Served(given["model"], "joblib", local_run.sha256(given["model"]), tmp_path / "model")
    ends = oracle.run(
        ["-c", "import sys, time; time.sleep(0)\nimport os\n"
         "from assessments.battery.oracle import remote\n"
         "remote.connect(*map(int, sys.argv[2].split(',')))"],
        served, read=[], write=tmp_path / "battery", seconds=60, on_line=print,
    )  # fmt: skip
    assert re.search(r"reached: \[('(PermissionError|FileNotFoundError)'[, ]*){3}\]", ends.battery.log)
