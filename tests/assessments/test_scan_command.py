"""`manage.py scan`: the verdict is the exit code, the table is for a person, the JSON for a program."""

import json

import joblib
import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator
from sklearn.linear_model import LogisticRegression

from assessments.management.commands import scan
from assessments.sandbox import reading
from tests.battery.gate.assembler import call, file_of, name
from tests.battery.gate.hostile import CASES

pytestmark = pytest.mark.processes


@pytest.fixture
def said(tmp_path, capsys):
    """Runs the command on a file; (exit code, stdout, stderr)."""

    def run(content: bytes | None, *options: str) -> tuple[int, str, str]:
        path = tmp_path / "model.joblib"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            call_command("scan", str(path), *options)
        return (ended.value.code, *capsys.readouterr())

    return run


def test_an_allowed_model_ends_with_0_and_is_described(said, tmp_path):
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    code, out, _ = said(None)
    assert code == 0
    assert "verdict      allowed" in out
    assert "sklearn.linear_model._logistic:LogisticRegression  build, import, new" in out
    assert "scikit-learn 1." in out


def test_custom_code_ends_with_3(said):
    code, out, _ = said(file_of(call(name("own.models", "Risk"))))
    assert code == 3
    assert "needs a waiver  own.models:Risk  call, import" in out
    assert "custom_class (AML.T0011.000" in out


def test_a_hostile_file_ends_with_4_and_does_nothing(said, tmp_path):
    code, out, _ = said(CASES["after_an_array"].make(tmp_path / "marker"))
    assert code == 4
    assert "os.system runs commands" in " ".join(out.split()) or "posix.system runs commands" in " ".join(out.split())
    assert not (tmp_path / "marker").exists()


def test_no_file_and_no_model_end_with_2(said):
    code, out, err = said(None)
    assert (code, out) == (2, "")
    assert "does not exist" in err
    assert said(b"")[0] == 2


def test_json_is_the_public_scan(said, tmp_path):
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    code, out, _ = said(None, "--json")
    found = json.loads(out)
    assert code == 0
    Draft202012Validator(reading.SCAN).validate({k: v for k, v in found.items() if k not in {"sha256", "size"}})
    assert found["size"] == (tmp_path / "model.joblib").stat().st_size


def test_names_in_the_file_cannot_move_the_cursor(said):
    code, out, _ = said(b"\x80\x04cown\x1b[2J\nthing\n.")
    assert code == 4
    assert "\x1b" not in out


def test_the_table_is_bounded():
    entry = {"name": "own:name", "uses": ["import"], "verdict": "needs_waiver", "note": ""}
    lines = scan.import_lines([entry | {"name": f"own:name{place}"} for place in range(5_000)])
    assert len(lines) < scan.SHOWN + 5
    assert "4,800 more" in lines[-1]
