"""The self-test finds what is wrong, and then nothing is run."""

import json
import os
import stat
import time

import pytest
from django.core.management import call_command

from assessments.management.commands import sandbox_selftest
from assessments.sandbox import landlock, launch, presence, reading, selftest
from modelrisk import checks

pytestmark = pytest.mark.processes
WHY = "this kernel has no Landlock; use Linux 5.13 or newer"


@pytest.fixture(autouse=True)
def _afresh(monkeypatch, tmp_path):
    """What a process knows by now, and what it left for others, is neither used nor changed."""
    monkeypatch.setattr(selftest, "_known", {})
    monkeypatch.setattr(selftest, "_place", lambda key: tmp_path / f"{key}.json")
    presence.absent.cache_clear()
    yield
    presence.absent.cache_clear()


@pytest.fixture
def complete():
    if {"landlock", "seccomp"} & set(presence.absent()):
        pytest.skip(f"this machine has no complete sandbox: {presence.absent()}")


@pytest.fixture
def without_landlock(monkeypatch):
    monkeypatch.setattr(landlock, "absent", lambda: WHY)


def run(tmp_path, **options):
    lines = []
    ended = launch.run(["-c", "print(1)"], read=[], write=tmp_path / "out", seconds=30, on_line=lines.append, **options)
    return lines, ended


def test_a_complete_sandbox_holds(complete):
    found = selftest.examine()
    assert (found.mode, found.problem) == ("full", "")
    assert [each.name for each in found.tried] == ["run a harmless script", *selftest.ATTACKS]
    assert all(each.good for each in found.tried), found.tried


def test_a_missing_layer_refuses_every_run_and_says_what_to_install(without_landlock, tmp_path):
    lines, ended = run(tmp_path)
    assert (lines, ended.started) == ([], False)
    assert WHY in ended.refused
    error = reading.died(ended, "model")
    assert (error.code, WHY in error.hint) == ("sandbox", True)


def test_a_wall_that_is_not_there_though_it_should_be_is_found(complete, monkeypatch):
    monkeypatch.setattr(presence, "present", lambda: ("rlimits", "no_new_privs", "seccomp"))
    found = selftest.examine()
    assert found.mode == "refused"
    assert "read a secret of the worker: succeeded" in found.problem


def test_a_child_that_cannot_start_stops_nothing(complete, monkeypatch):
    monkeypatch.setattr(launch.bootstrap, "__file__", "/no/such/file.py")
    found = selftest.examine()
    assert found.mode == "refused"
    assert "proves nothing" in found.problem


def test_degraded_runs_what_is_allow_listed_and_marks_it(without_landlock, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELRISK_SANDBOX", "degraded")
    lines, ended = run(tmp_path)
    assert lines == ["1"], ended
    mark = selftest.mark(ended.layers)
    assert mark["mode"] == "degraded"
    assert "landlock" not in mark["layers"]


def test_degraded_runs_no_waived_model(without_landlock, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELRISK_SANDBOX", "degraded")
    lines, ended = run(tmp_path, trust="waived")
    assert (lines, ended.started) == ([], False)
    assert "waived" in ended.refused


def test_degraded_means_nothing_where_the_sandbox_is_complete(complete, monkeypatch, tmp_path):
    monkeypatch.setenv("MODELRISK_SANDBOX", "degraded")
    assert selftest.mark(run(tmp_path, trust="waived")[1].layers)["mode"] == "full"


def test_the_weakest_part_of_a_run_marks_it():
    before = {"mode": "degraded", "layers": ["rlimits", "seccomp"]}
    assert selftest.mark(("rlimits", "landlock", "seccomp"), before) == before


def test_a_good_result_serves_later_processes(complete, monkeypatch):
    found = selftest.state()
    monkeypatch.setattr(selftest, "_known", {})
    monkeypatch.setattr(selftest, "examine", lambda: pytest.fail("it was known"))
    assert selftest.state() == found


@pytest.mark.parametrize("harm", ["older", "open to others", "of another", "nonsense", "a link"])
def test_a_result_that_is_not_to_be_trusted_is_found_out_anew(complete, harm, tmp_path, monkeypatch):
    selftest.state()
    place = selftest._place(selftest._key())
    if harm == "older":
        os.utime(place, (time.time() - 4000,) * 2)
    elif harm == "open to others":
        place.chmod(0o666)
    elif harm == "of another":
        if os.geteuid():
            pytest.skip("only root can give a file away")
        os.chown(place, 12345, 12345)
    elif harm == "nonsense":
        place.write_text("[]")
    else:
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    assert selftest._kept(selftest._key()) is None


def test_what_is_kept_is_ours_alone(complete):
    selftest.state()
    assert stat.S_IMODE(selftest._place(selftest._key()).stat().st_mode) == 0o600


def test_a_bad_result_is_not_kept(without_landlock):
    selftest.state()
    assert not selftest._place(selftest._key()).exists()


def test_the_deployment_check_reports_a_sandbox_that_does_not_hold(without_landlock):
    (found,) = checks.sandbox_holds(None)
    assert (found.id, WHY in found.msg) == ("modelrisk.E010", True)


def test_the_deployment_check_reports_a_degraded_one(without_landlock, monkeypatch):
    monkeypatch.setenv("MODELRISK_SANDBOX", "degraded")
    assert [each.id for each in checks.sandbox_holds(None)] == ["modelrisk.W010"]


def test_the_deployment_check_only_tells_of_further_layers(complete):
    assert {each.id for each in checks.sandbox_holds(None)} <= {"modelrisk.I010"}


def test_the_command_prints_layers_and_attacks(complete, capsys):
    call_command("sandbox_selftest")
    said = capsys.readouterr().out
    assert "landlock (required)" in said
    assert "signal the worker: stopped" in said


def test_the_command_fails_where_the_sandbox_does(without_landlock, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("sandbox_selftest", json=True)
    assert ended.value.code == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["mode"], found["absent"]["landlock"]) == ("refused", WHY)


def test_the_words_of_the_command_cover_every_mode():
    assert set(sandbox_selftest.WORDS) == {"full", "degraded", "refused"}
