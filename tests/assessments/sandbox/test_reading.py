"""Uploaded files, read in the sandbox."""

import os

import joblib
import pandas as pd
import pytest

from assessments.sandbox import launch, reading
from assessments.sandbox.launch import Ended
from tests.assessments.hostile import hostile_model

pytestmark = pytest.mark.processes


@pytest.fixture
def model_file(tmp_path, tiny_files):
    path = tmp_path / "model.joblib"
    path.write_bytes(tiny_files.model)
    return path


def test_a_model_is_described(model_file):
    found = reading.inspect_model(model_file, "joblib")
    assert (found["class"], found["task"], found["classes"]) == ("Pipeline", "binary", ["<=50K", ">50K"])
    assert found["features"] == ["age", "hours", "work", "sex"]
    assert "scikit-learn" in found["libraries"]


def test_data_are_profiled(tmp_path, tiny_files):
    path = tmp_path / "data.csv"
    path.write_bytes(tiny_files.data)
    found = reading.profile_dataset(path, "csv")
    assert found["rows"] == 240
    assert [column["name"] for column in found["columns"]] == ["age", "hours", "work", "sex", "income"]


def test_a_file_that_is_no_model_says_so(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"hello")
    with pytest.raises(reading.Unreadable) as refused:
        reading.inspect_model(path, "joblib")
    assert refused.value.code in {"not_a_model", "truncated"}
    assert refused.value.hint


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os; os.kill(os.getpid(), 11)", "crashed"),
        ("import os; os.kill(os.getpid(), 9)", "out_of_memory"),
        ("while True: pass", "out_of_time"),
        (
            "import os\nfor fd in range(3, 30):\n  try: os.write(fd, b'{\"class\": 1}')\n  except OSError: pass",
            "crashed",
        ),
    ],
    ids=["crash", "kill", "hang", "lie"],
)
def test_a_file_that_harms_its_reader_is_unreadable(tmp_path, tiny_files, monkeypatch, code, expected):
    monkeypatch.setattr(reading, "MODEL_SECONDS", 3.0 if expected == "out_of_time" else 60.0)
    path = tmp_path / "model.joblib"
    path.write_bytes(hostile_model(code, tiny_files.model))
    with pytest.raises(reading.Unreadable) as refused:
        reading.inspect_model(path, "joblib", trust="waived")
    assert refused.value.code == expected
    assert refused.value.hint


def test_no_verdict_in_time_is_none_against_the_file(model_file, monkeypatch):
    monkeypatch.setattr(reading, "SCAN_SECONDS", 0.001)
    with pytest.raises(reading.Unreadable, match="could not be read in time") as late:
        reading.scan_model(model_file, "joblib")
    assert (late.value.code, "ry again" in late.value.hint) == ("out_of_time", True)


def test_a_scan_without_enough_memory_calls_nobody_a_bomber(model_file, monkeypatch):
    """An honest file, on a machine that has no memory left for it."""
    monkeypatch.setenv("MODELRISK_CHILD_MEMORY_MB", "10")
    scan = reading.scan_model(model_file, "joblib")
    (reason,) = scan["reasons"]
    assert (scan["verdict"], reason["code"], reason["atlas"]) == ("refused", "out_of_memory", ["AML.T0029"])
    assert "not enough memory" in reason["message"]
    assert "MODELRISK_CHILD_MEMORY_MB" in reason["hint"]


def test_a_pickled_table_becomes_a_file_of_ours(tmp_path):
    frame = pd.DataFrame({"x": range(40), "job": ["smith", "clerk"] * 20})
    joblib.dump(frame, tmp_path / "data.joblib")
    with reading.converted_dataset(tmp_path / "data.joblib", "joblib") as made:
        assert reading.profile_dataset(made, "parquet")["rows"] == 40
        assert pd.read_parquet(made)["job"].tolist() == frame["job"].tolist()
    assert not made.exists()


@pytest.mark.parametrize("leave", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo, lambda path: None])
def test_what_a_pickled_table_leaves_in_place_of_parquet_is_not_taken(tmp_path, monkeypatch, leave):
    monkeypatch.setattr(reading, "_ask", lambda *given: leave(given[-1] / reading.CONVERTED))
    converting = reading.converted_dataset(tmp_path / "data.joblib", "joblib")
    with pytest.raises(reading.Unreadable, match="could not be converted") as refused, converting:
        pass
    assert refused.value.hint


def test_a_sandbox_that_cannot_start_is_not_the_files_fault():
    found = reading.died(Ended(1, None, "exited", "NotConfined: landlock", (), 0.1), "model")
    assert found.code == "sandbox"
    assert "administrator" in found.hint


def test_every_layer_of_this_machine_is_put_on(tmp_path):
    ended = launch.run(["-c", ""], read=[], write=tmp_path, seconds=30, on_line=print)
    assert ended.layers == launch.layers()
