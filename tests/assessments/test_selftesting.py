"""The battery tried on planted faults, and what is said when it misses one."""

import copy
import json
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from assessments import policies, selftesting

_real = selftesting._measured


@pytest.fixture(scope="module")
def heard():
    """What the battery measured on the planted models of seed 0: the real thing, run once."""
    return _real(0)


@pytest.fixture
def measured(heard, monkeypatch):
    monkeypatch.setattr(selftesting, "_measured", lambda seed: copy.deepcopy(heard))


def with_limits(test, metric, warn, fail):
    policy = policies.default_policy()
    for each in policy["criteria"]:
        if (each["test"], each["metric"]) == (test, metric):
            each |= {"warn": warn, "fail": fail}
    return policy


def test_every_planted_fault_is_found_and_the_clean_model_left_alone(measured):
    found = selftesting.run(1, policies.default_policy())
    assert found["passed"]
    tried = {fault["name"]: fault["found"] for fault in found["faults"] if fault["of"]}
    assert {"biased", "leaky", "fragile", "memorising", "uncalibrated", "unfaithful", "backdoored"} <= set(tried)
    assert set(tried.values()) == {1}
    assert found["clean"] == {"accused": 0, "of": 1, "by": []}


def test_a_battery_that_sees_nothing_fails_its_self_test(measured):
    found = selftesting.run(1, with_limits("performance.calibration", "ece_corrected", 1.0, 1.0))
    (missed,) = [fault for fault in found["faults"] if fault["missed"]]
    assert missed["name"] == "uncalibrated"
    assert not found["passed"]


def test_a_battery_that_accuses_everybody_fails_its_self_test(measured):
    found = selftesting.run(1, with_limits("data.leakage", "single_column_auc", 0.4, 0.45))
    assert found["clean"]["accused"] == 1
    assert "leaky" in found["clean"]["by"][0]
    assert not found["passed"]


def test_a_test_that_crashes_has_missed_its_fault(heard, monkeypatch):
    broken = copy.deepcopy(heard)
    for planted in broken:
        planted["entries"] = [entry | {"status": "error", "measures": []} for entry in planted["entries"]]
    monkeypatch.setattr(selftesting, "_measured", lambda seed: broken)
    found = selftesting.run(1, policies.default_policy())
    assert all(fault["found"] == 0 for fault in found["faults"])
    assert found["clean"]["accused"] == 1


def test_the_command_ends_with_1_where_a_fault_is_missed(measured, monkeypatch, settings, tmp_path, capsys):
    settings.BATTERY_SELFTEST_FILE = tmp_path / "kept" / "selftest.json"
    call_command("battery_selftest", "--json")
    assert json.loads(capsys.readouterr().out)["passed"]
    blind = with_limits("robustness.noise", "roc_auc_drop", 1.0, 1.0)
    monkeypatch.setattr(policies, "default_policy", lambda: blind)
    with pytest.raises(SystemExit) as ended:
        call_command("battery_selftest")
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "fragile        found 0 of 1" in said
    assert "does NOT pass" in said


def test_what_a_run_carries_holds_for_this_battery_only(measured, tmp_path, monkeypatch):
    path, policy = tmp_path / "selftest.json", policies.default_policy()
    assert selftesting.mark(path, policy) == {"state": "none"}
    result = selftesting.run(1, policy)
    selftesting.keep(result, path)
    mark = selftesting.mark(path, policy)
    assert mark["state"] == "passed"
    assert f"{mark['found']} of {mark['planted']} planted faults found, no clean model" in selftesting.sentence(mark)
    other = with_limits("robustness.noise", "roc_auc_drop", 1.0, 1.0)
    assert selftesting.mark(path, other)["state"] == "outdated"
    assert "other code, libraries or limits" in selftesting.sentence(selftesting.mark(path, other))
    selftesting.keep(result | {"versions": {}}, path)
    assert selftesting.mark(path, policy)["state"] == "outdated"
    path.write_text("not JSON")
    assert selftesting.mark(path, policy) == {"state": "none"}


def test_a_missed_fault_is_said_by_name(measured, tmp_path):
    policy = with_limits("performance.calibration", "ece_corrected", 1.0, 1.0)
    selftesting.keep(selftesting.run(1, policy), tmp_path / "s.json")
    mark = selftesting.mark(tmp_path / "s.json", policy)
    assert mark["state"] == "failed"
    assert "Missed: uncalibrated." in selftesting.sentence(mark)
    assert selftesting.sentence(None) == ""


@pytest.mark.django_db
def test_the_scheduled_task_tries_once_for_a_battery(measured, settings, tmp_path, monkeypatch):
    from assessments import tasks

    settings.BATTERY_SELFTEST_FILE = tmp_path / "selftest.json"
    tasks.selftest_battery()
    assert selftesting.mark(settings.BATTERY_SELFTEST_FILE, policies.default_policy())["state"] == "passed"
    monkeypatch.setattr(selftesting, "run", lambda *_: pytest.fail("it was tried again"))
    tasks.selftest_battery()


def test_a_process_that_dies_is_no_result(monkeypatch):
    dead = SimpleNamespace(returncode=1, stderr="x\nMemoryError", stdout="")
    monkeypatch.setattr(selftesting, "_battery", lambda arguments: dead)
    with pytest.raises(RuntimeError, match="seed 3 could not be measured: MemoryError"):
        _real(3)


@pytest.mark.long
def test_over_20_seeds_no_fault_is_missed_and_no_clean_model_accused():
    found = selftesting.run(20, policies.default_policy())
    assert found["passed"], found
