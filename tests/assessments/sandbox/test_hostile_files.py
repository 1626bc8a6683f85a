"""The hostile corpus in the real sandbox, with the gate on and off: nothing of it reaches what is outside.

The positive control runs the same bytes in a plain process: every file that claims to fire does.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from assessments.sandbox import launch
from tests.battery.gate.hostile import CASES

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[3]
FIRING = [name for name, case in CASES.items() if case.fires != "never"]

# In the sandbox: load each file, say what came of it. Loaders of old models would say it on stdout too.
INSIDE = """
import json, os, sys, warnings
from pathlib import Path
from assessments.battery.errors import LoadError
from assessments.battery.loading import load_model
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
warnings.simplefilter("ignore")
trust, *paths = sys.argv[1:]
for path in map(Path, paths):
    try:
        load_model(path, trust=trust)
        said = "loaded"
    except LoadError as error:
        said = error.code
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"[:200]
    answers.write(json.dumps([path.stem, said]) + "\\n")
answers.flush()
os._exit(0)
"""
# Outside: each in a fork, so that one cannot spoil the next.
OUTSIDE = """
import json, os, resource, signal, sys, warnings
import joblib, lightgbm, numpy, pandas, scipy.io, sklearn.ensemble, xgboost
warnings.simplefilter("ignore")
for path, marker, use in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24,) * 2)
        try:
            model = joblib.load(path)
            eval(use) if use else None
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def folder():
    """A place that every user of this machine may write to: what stops a file must be the sandbox."""
    place = Path(tempfile.mkdtemp(prefix="modelrisk-marks-"))
    place.chmod(0o777)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def files(folder) -> dict[str, Path]:
    found = {}
    for name, case in CASES.items():
        found[name] = folder / f"{name}.joblib"
        found[name].write_bytes(case.make(folder / f"{name}.marker"))
        found[name].chmod(0o644)
    return found


def markers(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir() if path.suffix == ".marker"}


def clear(folder: Path) -> None:
    for path in folder.glob("*.marker"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def in_the_sandbox(folder: Path, paths: list[Path], trust: str, seconds: float = 240) -> dict[str, str]:
    """What loading each gave, by name; a file that ended the child is not among them."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as work:
        ended = launch.run(
            ["-c", INSIDE, trust, *map(str, paths)],
            read=[folder], write=Path(work), seconds=seconds, on_line=lines.append, trust=trust,
        )  # fmt: skip
    assert ended.started, ended.log
    return dict(json.loads(line) for line in lines)


def test_outside_each_file_does_what_it_claims(folder, files):
    clear(folder)
    asked = [(str(files[name]), str(folder / f"{name}.marker"), CASES[name].use) for name in FIRING]
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    subprocess.run(
        [sys.executable, "-c", OUTSIDE], input=json.dumps(asked), cwd=ROOT, env=environment, text=True,
        capture_output=True, timeout=280, check=True,
    )  # fmt: skip
    assert set(FIRING) - markers(folder) == set()


def test_the_gate_alone_refuses_every_one(folder, files):
    clear(folder)
    found = in_the_sandbox(folder, list(files.values()), "restricted")
    expected = {name for name, case in CASES.items() if case.verdict == "allowed"}
    assert set(found) == set(CASES)
    assert {name for name, said in found.items() if said == "loaded"} == expected
    codes = {"needs_waiver", "refused_file", "truncated", "not_a_model", "missing_library", "loaded"}
    assert set(found.values()) <= codes
    assert markers(folder) == set()


def test_with_the_gate_off_nothing_gets_out(folder, files):
    clear(folder)
    tame = [files[name] for name, case in CASES.items() if not case.kills]
    found = in_the_sandbox(folder, tame, "waived")
    assert len(found) == len(tame)  # each was tried
    assert "loaded" in found.values()
    assert markers(folder) == set()


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.kills])
def test_with_the_gate_off_what_kills_its_process_kills_no_other(folder, files, name):
    clear(folder)
    in_the_sandbox(folder, [files[name]], "waived", seconds=20)
    assert markers(folder) == set()


def test_a_good_file_loads_where_the_bad_ones_were_tried(folder):
    """Else a sandbox in which nothing can be loaded would pass all of this."""
    import joblib
    from sklearn.linear_model import LogisticRegression

    path = folder / "good.joblib"
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), path)
    path.chmod(0o644)
    assert in_the_sandbox(folder, [path], "restricted") == {"good": "loaded"}
    assert in_the_sandbox(folder, [path], "waived") == {"good": "loaded"}
