"""Exports: control totals, and that the stand-alone verifier proves them and finds what was changed in them."""

import csv
import hashlib
import io
import json
import subprocess
import sys

import pytest

from registry.audit import checkpoints, export, finding, verify_log
from registry.audit.verify_log import main
from registry.models import AuditEvent, AuditKey
from registry.roles import system_user
from tests.registry.audit.conftest import owner_of_the_tables

pytestmark = pytest.mark.django_db
EVERYTHING = finding.Wanted()


def whole(form: str, wanted=EVERYTHING) -> bytes:
    return b"".join(export.stream(wanted, form))


@pytest.fixture
def exported(log, tmp_path):
    """The whole log in a file, with one checkpoint beside it; nothing waits."""
    checkpoints.make(actor=system_user())
    path = tmp_path / "audit.jsonl"
    path.write_bytes(whole("jsonl"))
    return path


def lines_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_lines(path, lines: list[dict]) -> None:
    """With control totals that fit, as a forger would."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines if line["type"] != "control")
    ids = [line["event"]["id"] for line in lines if line["type"] == "event"]
    totals = {"type": "control", "count": len(ids), "first": ids[0], "last": ids[-1]}
    path.write_bytes(body + json.dumps(totals | {"sha256": hashlib.sha256(body).hexdigest()}).encode() + b"\n")


def verified(path, capsys, *more: str) -> tuple[int, dict]:
    code = main([str(path), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("wanted", [EVERYTHING, finding.Wanted(action="note.write"), finding.Wanted(actor_name="none")])
def test_the_last_line_holds_the_totals_of_all_before(log, form, wanted):
    content = whole(form, wanted)
    body, _, last = content.rstrip(b"\r\n").rpartition(b"\n")
    ids = list(finding.events(wanted).order_by("pk").values_list("pk", flat=True))
    told = {"count": len(ids), "first": ids[0] if ids else None, "last": ids[-1] if ids else None}
    told["sha256"] = hashlib.sha256(body + b"\n").hexdigest()
    if form == "jsonl":
        assert json.loads(last) == {"type": "control", **told}
    else:
        assert last.decode().rstrip("\r").split(",")[:5] == [
            "control",
            *(f"{name}={'' if value is None else value}" for name, value in told.items()),
        ]


def test_every_row_of_the_csv_has_the_same_columns(log):
    rows = list(csv.reader(io.StringIO(whole("csv").decode())))
    assert {len(row) for row in rows} == {len(export.COLUMNS)}
    assert len(rows) == AuditEvent.objects.count() + 2
    assert json.loads(rows[1][rows[0].index("detail")]) == {"n": 0, "é": [1.5]}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_the_csv_runs_nothing_in_a_spreadsheet(text):
    assert next(csv.reader([export._csv_line([text]).decode()])) == ["'" + text]


def test_an_export_verifies(exported, places, capsys):
    key = AuditKey.objects.get().public_key
    code, report = verified(exported, capsys, "--checkpoints", str(places / "elsewhere"), "--key", key)
    assert (code, report["problems"], report["key_known"]) == (0, [], True)
    assert (report["events"], report["checkpoints"]) == (AuditEvent.objects.count(), 1)


def test_the_verifier_needs_nothing_but_python(exported, places):
    """Isolated: no site packages, no path of ours."""
    command = [
        sys.executable,
        "-I",
        "-S",
        verify_log.__file__,
        str(exported),
        "--checkpoints",
        str(places / "elsewhere"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("Complete and unaltered.")


def test_what_waits_is_in_the_export(log, tmp_path, capsys):
    (tmp_path / "audit.jsonl").write_bytes(whole("jsonl"))
    code, report = verified(tmp_path / "audit.jsonl", capsys)
    assert (code, report["events"], report["waiting"]) == (0, 9, 2)


def events_in(lines: list[dict]) -> list[int]:
    return [place for place, line in enumerate(lines) if line["type"] == "event"]


def alter(lines):
    lines[events_in(lines)[4]]["event"]["summary"] = "Other"


def remove(lines):
    del lines[events_in(lines)[4]]


def swap(lines):
    one, other = events_in(lines)[3:5]
    lines[one], lines[other] = lines[other], lines[one]


def alter_with_leaf(lines):
    line = lines[events_in(lines)[4]]
    line["event"]["summary"] = "Other"
    line["leaf"] = verify_log.leaf_of(line["event"])


@pytest.mark.parametrize(
    ("forge", "kind", "place"),
    [(alter, "altered", 4), (remove, "removed", None), (swap, "removed", None), (alter_with_leaf, "rewritten", 4)],
)
def test_a_forged_export_is_found(exported, places, capsys, forge, kind, place):
    lines = lines_of(exported)
    event = lines[events_in(lines)[place]]["event"]["id"] if place is not None else None
    forge(lines)
    write_lines(exported, lines)
    code, report = verified(exported, capsys, "--checkpoints", str(places / "elsewhere"))
    assert (code, report["first_problem"]["kind"]) == (1, kind)
    assert event is None or report["first_problem"]["event"] == event


def test_an_export_cut_off_is_found(exported, places, capsys):
    lines = [line for line in lines_of(exported) if line.get("seal", line.get("number", 0)) not in (4, None)]
    write_lines(exported, [line for line in lines if line["type"] != "seal" or line["number"] < 4])
    code, report = verified(exported, capsys, "--checkpoints", str(places / "elsewhere"))
    assert (code, report["first_problem"]["kind"], report["first_problem"]["seal"]) == (1, "truncated", 4)


def test_changed_bytes_do_not_fit_the_totals(exported, capsys):
    exported.write_bytes(exported.read_bytes().replace(b"Second 1", b"Second 9"))
    _code, report = verified(exported, capsys)
    assert [problem["kind"] for problem in report["problems"]] == ["control", "altered"]


def test_a_filtered_export_says_that_it_proves_less(log, tmp_path, capsys):
    (tmp_path / "part.jsonl").write_bytes(whole("jsonl", finding.Wanted(action="note.write")))
    code, report = verified(tmp_path / "part.jsonl", capsys)
    assert (code, report["events"]) == (0, 9)
    assert "filtered export" in report["notes"][0]


def test_an_event_that_is_gone_is_missed_in_the_export(log, tmp_path, capsys):
    with owner_of_the_tables() as cursor:
        cursor.execute("DELETE FROM registry_auditleaf WHERE event_id = %s", [log[4].pk])
        cursor.execute("DELETE FROM registry_auditevent WHERE id = %s", [log[4].pk])
    (tmp_path / "audit.jsonl").write_bytes(whole("jsonl"))
    code, report = verified(tmp_path / "audit.jsonl", capsys)
    assert (code, report["first_problem"]["kind"], report["first_problem"]["serial"]) == (1, "removed", 5)


@pytest.mark.parametrize("content", [b"", b"no json\n", b"[1]\n", b'{"type": "header"}\n'])
def test_what_is_no_export_is_said(tmp_path, capsys, content):
    (tmp_path / "x.jsonl").write_bytes(content)
    assert main([str(tmp_path / "x.jsonl")]) == 2
    assert capsys.readouterr().err
