"""Who runs an assessment when several want to, and what the loser may still write."""

import os
import tempfile
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from assessments import leasing, reaping, recording, runner
from assessments.leasing import LeaseLost
from assessments.models import Assessment
from registry.models import AuditEvent

pytestmark = pytest.mark.django_db


def expire(assessment: Assessment) -> None:
    long_ago = timezone.now() - timedelta(seconds=60)
    Assessment.objects.filter(pk=assessment.pk).update(lease_until=long_ago, rung_at=long_ago)


def state_of(assessment: Assessment) -> str:
    return Assessment.objects.get(pk=assessment.pk).state


def bells() -> int:
    return OrmQ.objects.count()


def test_only_one_claim_wins(waiting):
    assert leasing.claim(waiting.pk).attempt == 1
    assert leasing.claim(waiting.pk) is None


def test_an_expired_lease_can_be_claimed_again(waiting):
    leasing.claim(waiting.pk)
    expire(waiting)
    assert leasing.claim(waiting.pk).attempt == 2


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_what_is_over_cannot_be_claimed(waiting, state):
    Assessment.objects.filter(pk=waiting.pk).update(state=state)
    assert leasing.claim(waiting.pk) is None


def test_the_lease_follows_the_clock_of_the_database(waiting, settings):
    claimed = leasing.claim(waiting.pk)
    left = (claimed.lease_until - timezone.now()).total_seconds()
    assert settings.MODELRISK_LEASE_SECONDS - 5 < left <= settings.MODELRISK_LEASE_SECONDS + 1


def test_a_worker_that_lost_its_lease_writes_nothing(waiting):
    frozen = leasing.claim(waiting.pk)
    expire(waiting)
    leasing.claim(waiting.pk)
    for write in (
        lambda: recording.record_progress(frozen, "performance.discrimination", 1, 2),
        lambda: recording.record_error(frozen, "performance.discrimination", "late"),
        lambda: runner.finish(frozen, "done"),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert not waiting.results.exists()
    assert state_of(waiting) == "running"


def test_the_reaper_rings_for_a_dead_worker_once(waiting):
    leasing.claim(waiting.pk)
    expire(waiting)
    reaping.reap()
    assert bells() == 1
    reaping.reap()
    assert bells() == 1


def test_the_reaper_rings_where_the_bell_was_lost(waiting):
    reaping.reap()
    assert bells() == 1


def test_the_reaper_leaves_the_living_alone(waiting):
    leasing.claim(waiting.pk)
    reaping.reap()
    assert bells() == 0


def test_a_run_that_kills_every_worker_is_buried(waiting):
    for _ in range(waiting.max_attempts):
        claimed = leasing.claim(waiting.pk)
        recording.record_progress(claimed, "performance.discrimination", 1, 2)
        expire(waiting)
    assert leasing.claim(waiting.pk) is None
    reaping.reap()
    buried = Assessment.objects.get(pk=waiting.pk)
    assert buried.state == "failed"
    assert "died in each of 3 attempts" in buried.error
    assert "performance.discrimination" in buried.error
    assert buried.hint
    assert AuditEvent.objects.about(buried).filter(action="assessment.finish").count() == 1


def test_an_attempt_that_got_somewhere_does_not_count_as_poison(waiting):
    for test in waiting.planned_tests:
        recording.record_error(leasing.claim(waiting.pk), test, "for the sake of the argument")
        expire(waiting)
    assert Assessment.objects.get(pk=waiting.pk).max_attempts == len(waiting.planned_tests) + 3


def test_a_cancelled_run_whose_worker_died_ends_as_cancelled(waiting):
    leasing.claim(waiting.pk)
    expire(waiting)
    Assessment.objects.filter(pk=waiting.pk).update(cancel_requested=True)
    reaping.reap()
    assert state_of(waiting) == "cancelled"


def test_work_that_nobody_takes_is_waiting(waiting, another_waiting):
    leasing.claim(waiting.pk)
    assert reaping.waiting() == {another_waiting.pk}


def test_a_host_works_while_its_lease_lives(waiting):
    leasing.claim(waiting.pk)
    host = leasing.worker_name().split(":")[0]
    assert reaping.working(host)
    assert not reaping.working("another")
    expire(waiting)
    assert not reaping.working(host)


def test_what_a_dead_cluster_held_is_rung_at_once(waiting, another_waiting, monkeypatch):
    for assessment, cluster in ((waiting, "aaaa"), (another_waiting, "bbbb")):
        monkeypatch.setenv("MODELRISK_CLUSTER_ID", cluster)
        leasing.ring(assessment.pk)
        leasing.claim(assessment.pk)
    OrmQ.objects.all().delete()
    reaping.release("aaaa")
    reaping.reap()
    assert reaping.waiting() == {waiting.pk}
    assert bells() == 1


def test_migrating_schedules_the_reaper_once():
    reaping.ensure_schedule()
    schedules = Schedule.objects.filter(func__startswith="assessments.").order_by("func")
    assert list(schedules.values_list("func", "minutes")) == [
        ("assessments.tasks.nightly", None),
        ("assessments.tasks.reap", 1),
        ("assessments.tasks.selftest_battery", 15),
    ]


def test_the_reaper_sweeps_what_killed_workers_left(db, tmp_path, monkeypatch, settings):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young, other = (tmp_path / name for name in ("modelrisk-run-1-a", "modelrisk-run-2-b", "somebody-else"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "model.joblib").write_bytes(b"x")
    long_ago = time.time() - settings.MODELRISK_ASSESSMENT_SECONDS - 2 * 3600
    for folder in (old, other):
        os.utime(folder, (long_ago, long_ago))
    reaping.reap()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["modelrisk-run-2-b", "somebody-else"]
