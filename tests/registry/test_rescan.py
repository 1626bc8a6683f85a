"""`manage.py rescan`: what the gate says of stored files after its allow-list has changed."""

import pytest
from django.core.management import call_command

from registry import actions, scanning, storage
from registry.models import AuditEvent, MLModel, Scan
from registry.rescanning import rescan_all
from tests import gate, small

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    settings.MODELRISK_FILE_READER = "tests.read_once"


@pytest.fixture
def said(capsys):
    """Runs the command; (exit code, lines)."""

    def run(*options: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            call_command("rescan", *options)
        return ended.value.code, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def held_too(owner, held_model):
    model = actions.register_model(MLModel, actor=owner, name="Held")
    return actions.upload_version(model, actor=owner, file=small.upload(held_model))


def events_of(version) -> list[AuditEvent]:
    return list(AuditEvent.objects.about(version).filter(action="version.rescan"))


def let_in_before(version, owner) -> None:
    """As an earlier allow-list let the file in."""
    Scan.objects.filter(artifact=version.artifact).delete()
    gate.scanned(version.artifact, owner, "allowed")


def test_nothing_changed_is_nothing_recorded(said, model_version, held_too):
    scans, events = Scan.objects.count(), AuditEvent.objects.count()
    assert said() == (0, ["2 files scanned, 0 with another verdict, 0 could not be scanned."])
    assert (Scan.objects.count(), AuditEvent.objects.count()) == (scans, events)


def test_a_file_that_an_older_list_let_in_is_told_and_held(said, model_version, held_too, owner):
    let_in_before(held_too, owner)
    assert held_too.gate == "allowed"
    code, (line, total) = said()
    assert (code, total) == (3, "2 files scanned, 1 with another verdict, 0 could not be scanned.")
    assert line.startswith(f"{held_too.artifact}  allowed -> needs a waiver: call_not_allowed")
    assert line.endswith("Held v1 (in development)")
    assert (held_too.gate, model_version.gate) == ("needs_waiver", "allowed")
    scan, (event,) = held_too.artifact.scan, events_of(held_too)
    assert (scan.version, scan.scanned_by.username) == (None, "system")
    assert (event.actor_name, event.detail["from"], event.detail["to"]) == ("system", "allowed", "needs_waiver")
    assert AuditEvent.objects.about(held_too.artifact).first().detail["scan"] == scan.pk
    assert not events_of(model_version)


def test_a_dry_run_tells_the_same_and_records_nothing(said, held_too, owner):
    let_in_before(held_too, owner)
    code, (line, total) = said("--dry-run")
    assert (code, "allowed -> needs a waiver" in line, "Nothing was recorded" in total) == (3, True, True)
    assert (held_too.gate, Scan.objects.count(), events_of(held_too)) == ("allowed", 1, [])


def test_a_file_that_is_refused_by_now_has_a_code_of_its_own(said, model_version, held_too, owner, monkeypatch):
    let_in_before(held_too, owner)
    real = scanning.scan_model

    def stricter(path, format):
        scan = real(path, format)
        bad = scan["verdict"] == "allowed"
        reason = {"code": "known_bad", "message": "It is.", "hint": "", "atlas": []}
        return scan | {"verdict": "refused", "reasons": [reason]} if bad else scan

    monkeypatch.setattr(scanning, "scan_model", stricter)
    code, lines = said()
    assert (code, len(lines)) == (4, 3)
    assert "allowed -> refused: known_bad" in lines[0]
    assert model_version.gate == "refused"


def test_what_fares_better_is_listed_and_no_alarm(said, model_version, owner):
    gate.scanned(model_version.artifact, owner, "needs_waiver")
    code, (line, _total) = said()
    assert (code, "needs a waiver -> allowed" in line) == (0, True)
    assert model_version.gate == "allowed"


def test_a_file_from_before_the_gate_is_scanned(said, model_version):
    Scan.objects.all().delete()
    code, (line, _total) = said()
    assert (code, "never scanned -> allowed" in line) == (0, True)


def test_what_cannot_be_read_keeps_its_scan_and_the_rest_goes_on(said, model_version, held_too, owner):
    let_in_before(held_too, owner)
    storage.remove(model_version.artifact.sha256)
    code, lines = said()
    assert (code, len(lines)) == (2, 3)
    assert lines[0].startswith(f"{model_version.artifact}  not scanned: ")
    assert (model_version.gate, held_too.gate) == ("allowed", "needs_waiver")


def test_too_little_memory_says_nothing_against_a_file_that_is_in(model_version, monkeypatch):
    real = scanning.scan_model
    reason = {"code": "out_of_memory", "message": "Too little.", "hint": "Raise it.", "atlas": []}
    short = {"verdict": "refused", "reasons": [reason]}
    monkeypatch.setattr(scanning, "scan_model", lambda *given: real(*given) | short)
    (found,) = rescan_all()
    assert (found.problem, found.changed) == ("Too little. Raise it.", False)
    assert model_version.gate == "allowed"
