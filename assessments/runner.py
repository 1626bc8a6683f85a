"""One assessment, start to end: stage the files, launch the battery, follow its events, obey cancel and deadline.

The battery runs in a confined child. A test that kills the child is recorded as an error of that test, and a new child
goes on with the rest: one killer test loses nothing but itself.
"""

import json
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from assessments import admission, judging, leasing, recording, results, stored
from assessments.leasing import Heartbeat, LeaseLost
from assessments.models import Assessment, Verdict
from assessments.sandbox import launch, oracle, reading
from registry import audit, changes, storage
from registry.refusals import Unavailable
from registry.roles import system_user

logger = logging.getLogger(__name__)
State = Assessment.State
BATTERY = ("-m", "assessments.battery")
FOLDER = "modelrisk-run-"  # what a run's folder is called, in the system's place for passing files
PROGRESS_SECONDS = 0.5  # at most one progress row in this time
PATIENCE_SECONDS = 60.0  # beyond a test's own limit, which the battery keeps itself where it can


class WorkerStopped(Exception):
    """This worker is asked to stop: the run goes back to the queue."""


@dataclass
class Child:
    """What one child of the battery has said so far."""

    assessment: Assessment
    remaining: list[str]
    current: str = ""
    failed: dict | None = None
    finished: bool = False
    begun: bool = False
    nonsense: str = ""
    model_died: launch.Ended | None = None  # in oracle mode: the process that held the model, if it ended by itself
    model_lost: bool = False
    since: float = field(default_factory=time.monotonic)  # when the current test began
    told: float = 0.0  # when progress was last written
    layers: tuple[str, ...] = ()  # of its sandbox

    def hear(self, line: str) -> None:
        """One line of its stdout."""
        try:
            event = recording.read_event(line)
        except recording.NotUnderstood as error:
            self.nonsense = self.nonsense or str(error)
            return
        getattr(self, f"_on_{event['event']}")(event)

    def _on_started(self, event: dict) -> None:
        if self.begun:
            self.nonsense = self.nonsense or "it begins twice"
            return
        self.begun = True
        self.since = time.monotonic()
        recording.record_start(self.assessment, event)

    def _on_progress(self, event: dict) -> None:
        test, now = event["test"], time.monotonic()
        if test not in self.remaining:
            self.nonsense = self.nonsense or "it reports progress of a test that was not asked for"
            return
        if test != self.current:
            self.current, self.since, self.told = test, now, 0.0
        if now - self.told >= PROGRESS_SECONDS:
            self.told = now
            recording.record_progress(self.assessment, test, event["done"], event["of"])

    def _on_result(self, event: dict) -> None:
        test = event["test"]
        if test not in self.remaining:
            self.nonsense = self.nonsense or "it reports a test that was not asked for"
            return
        recording.record_result(self.assessment, test, event["outcome"])
        self.remaining.remove(test)
        self.current, self.since = "", time.monotonic()

    def _on_failed(self, event: dict) -> None:
        self.failed = event

    def _on_finished(self, event: dict) -> None:
        self.finished = True

    def overdue(self) -> bool:
        """Whether the test that runs is past its limit and cannot be stopped from within."""
        limit = self.assessment.plan.get("limits", {}).get("seconds_per_test", 900.0)
        return self.begun and time.monotonic() - self.since > limit + PATIENCE_SECONDS


def execute(pk: int) -> None:
    """Claim the assessment and bring it to its end; returns at once where it is not ours to run."""
    assessment = leasing.claim(pk)
    if assessment is None:
        return
    try:
        with Heartbeat(assessment) as heart, stop_signal() as stopping:
            try:
                _run(assessment, heart, stopping)
            except WorkerStopped:
                # Not the run's fault: the attempt does not count. Before the signal is passed on, which ends us.
                leasing.held(assessment).update(
                    state=State.QUEUED, lease_until=None, rung_at=None, max_attempts=F("max_attempts") + 1
                )
    except LeaseLost:
        logger.warning("assessment %s: attempt %s lost its lease", pk, assessment.attempt)
    except Unavailable as error:
        _again(assessment, error.reason, "It is tried again by itself.", hopeless=error.code != "unavailable")
    except Exception:
        logger.exception("assessment %s: attempt %s failed", pk, assessment.attempt)
        _again(assessment, "An error of this system ended the run.", "Its log has the details; tell the administrator.")


def _run(assessment: Assessment, heart: Heartbeat, stopping: threading.Event) -> None:
    deadline = time.monotonic() + settings.MODELRISK_ASSESSMENT_SECONDS
    with staged(assessment) as folder:
        while remaining := _remaining(assessment):
            if barred := admission.problem(assessment):
                _bar(assessment, barred)
                return
            child = Child(assessment, list(remaining))
            ended = launch_battery(folder, child, heart, stopping, deadline - time.monotonic())
            if child.begun:
                recording.record_sandbox(assessment, child.layers)
            if heart.lost:
                raise LeaseLost
            if heart.cancelled:
                finish(assessment, State.CANCELLED, error="Cancelled. The tests that had finished are kept.")
                return
            if heart.barred:
                _bar(assessment, heart.barred)
                return
            if stopping.is_set():
                raise WorkerStopped
            if ended.reason == "lost":  # what had finished is kept; the rest is another attempt's
                raise Unavailable("The process that runs are forked from ended, and this run with it.")
            if time.monotonic() >= deadline and (child.begun or assessment.results.exists()):
                _record_deadline(child)
            elif child.model_lost and len(child.remaining) < len(remaining):
                continue  # the test that was told so has its error; the rest gets a new process of the model
            elif problem := _problem(child, ended):
                finish(assessment, State.FAILED, **problem)
                return
            elif child.remaining:
                _record_death(child, ended)
    judge(assessment)


def launch_battery(
    folder: Path, child: Child, heart: Heartbeat, stopping: threading.Event, seconds: float
) -> launch.Ended:
    """One child with the tests that are not yet recorded; in oracle mode a second one that holds the model."""
    assessment = child.assessment
    tests = [test for test in assessment.plan["tests"] if test["id"] in child.remaining]
    inputs, work = folder / "in", folder / "out"
    (inputs / "plan.json").write_text(json.dumps({**assessment.plan, "tests": tests}))
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    asked: dict[str, Any] = {
        "arguments": [*BATTERY, str(inputs / "plan.json"), str(work)],
        "read": [inputs],
        "write": work,
        "seconds": max(seconds, 1.0),
        "memory_mb": settings.MODELRISK_CHILD_MEMORY_MB,
        "threads": max(1, (os.cpu_count() or 1) // settings.WORKERS),
        "on_line": child.hear,
        "fork": True,
        "should_stop": lambda: (
            heart.lost
            or heart.cancelled
            or bool(heart.barred)
            or stopping.is_set()
            or bool(child.nonsense)
            or child.overdue()
        ),
    }
    if assessment.plan["model"].get("trust") != "waived":
        ended = launch.run(**asked)
        child.layers = ended.layers
        return ended
    ends = oracle.run(model=_served(assessment.plan["model"], folder), **asked)
    child.model_died, child.model_lost = ends.model if ends.model_died else None, ends.model_lost
    child.layers = ends.layers
    return ends.battery


def _served(model: dict, folder: Path) -> oracle.Served:
    """The model, out of the folder that the battery may read."""
    staged, alone, theirs = folder / "in" / Path(model["path"]).name, folder / "model", folder / "model-out"
    alone.mkdir(exist_ok=True)
    shutil.rmtree(theirs, ignore_errors=True)
    theirs.mkdir()
    if staged.exists():  # not yet moved for an earlier child
        staged.rename(alone / staged.name)
    return oracle.Served(alone / staged.name, model["format"], model["sha256"], theirs)


@contextmanager
def staged(assessment: Assessment) -> Iterator[Path]:
    """A folder with `in/`: the files that the plan names, their digests checked."""
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{assessment.pk}-"))
    try:
        inputs = folder / "in"
        inputs.mkdir()
        sources = {
            "model": assessment.version,
            "data": assessment.dataset_version,
            "reference": assessment.reference,
        }
        for part, source in sources.items():
            if source is not None:
                storage.download(source.artifact, inputs / Path(assessment.plan[part]["path"]).name)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """Set when this process is told to end, which it is again at the end of the block; only in a main thread."""
    stopping = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGTERM, before)
    if stopping.is_set():
        signal.raise_signal(signal.SIGTERM)


def _remaining(assessment: Assessment) -> list[str]:
    done = recording.recorded_tests(assessment)
    return [test for test in assessment.planned_tests if test not in done]


def _bar(assessment: Assessment, why: tuple[str, str]) -> None:
    """The gate closed after the start: a waiver ended, or a newer scan found something."""
    error, hint = why
    finish(assessment, State.FAILED, error=error, hint=hint)


def _problem(child: Child, ended: launch.Ended) -> dict[str, str] | None:
    """Why no test can run at all, as the row's error and hint."""
    if child.failed and child.failed["code"] == "model_process" and child.model_died:
        died = reading.died(child.model_died, "model")
        return {"error": died.message, "hint": died.hint}
    if child.failed:
        return {"error": child.failed["message"], "hint": child.failed.get("hint", "")}
    if not child.begun and not child.nonsense:
        died = reading.died(ended, "model and its data")
        return {"error": died.message, "hint": died.hint}
    return None


def _record_death(child: Child, ended: launch.Ended) -> None:
    """The child ended before its tests did: the one that was running is to blame; the rest goes on without it."""
    test = child.current or child.remaining[0]
    recording.record_error(child.assessment, test, *_cause(child, ended))


def _cause(child: Child, ended: launch.Ended) -> tuple[str, str]:
    if child.nonsense:
        return (
            f"The test was stopped: what it reported is not understood: {child.nonsense}.",
            "The model file interferes with the battery. Ask its developer for a plain scikit-learn pipeline.",
        )
    if child.finished:
        return "The battery ended without a word on this test.", "Run it again, and tell the administrator."
    if ended.reason == "stopped":
        return (
            "The test ran over its time limit and could not be stopped from within.",
            "Choose the plan quick, or give fewer rows.",
        )
    died = reading.died(ended, "model")
    causes = {
        "out_of_memory": (
            "The test ran out of memory and was ended.",
            "Give fewer rows, or let the administrator raise MODELRISK_CHILD_MEMORY_MB.",
        ),
        "too_many_threads": (
            "The test started too many threads and was ended.",
            "Set n_jobs of the model to 1 and save it again.",
        ),
        "too_much_output": ("The test wrote too much and was ended.", "Give fewer rows or fewer columns."),
    }
    how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.code}"
    return causes.get(ended.reason, (f"The test crashed the process that ran it ({how}).", died.hint))


def _record_deadline(child: Child) -> None:
    minutes = settings.MODELRISK_ASSESSMENT_SECONDS / 60
    hint = "Choose the plan quick or fewer tests, or let the administrator raise MODELRISK_ASSESSMENT_SECONDS."
    for test in list(child.remaining):
        running = test == (child.current or child.remaining[0])
        reason = "was still running" if running else "was not reached"
        recording.record_error(
            child.assessment,
            test,
            f"The assessment's time of {minutes:.0f} minutes was over; this test {reason}.",
            hint,
            status="error" if running else "skipped",
        )


def judge(assessment: Assessment) -> None:
    """All tests are recorded: the policy's verdicts, the seal, the end; no evidence of what the gate bars by now."""
    recording.record_selftest(assessment)
    found = judging.judge(stored.entries(assessment), assessment.judged_by)
    finish(assessment, State.DONE, verdicts=[_verdict(assessment, i, verdict) for i, verdict in enumerate(found)])


def _verdict(assessment: Assessment, position: int, found: dict) -> Verdict:
    low, high = found["ci"] or (None, None)
    given = {key: found[key] for key in ("test", "family", "metric", "title", "group", "value")}
    limits = {key: found[key] for key in ("better", "warn", "fail", "verdict", "reason")}
    return Verdict(assessment=assessment, position=position, low=low, high=high, **given, **limits)


@transaction.atomic
def finish(
    assessment: Assessment, state: str, *, error: str = "", hint: str = "", verdicts: list[Verdict] | None = None
) -> None:
    """The last write of a run: behind the fence, with the audit event."""
    row = leasing.held(assessment).select_for_update().first()
    if row is None:
        raise LeaseLost
    if state == State.DONE and (barred := admission.problem(row, settled=True)):
        _bar(assessment, barred)
        return
    row.verdicts.all().delete()
    Verdict.objects.bulk_create(verdicts or [])
    seal = results.digest(stored.document(row)) if state == State.DONE else ""
    end(row, state, error=error, hint=hint, results_sha256=seal)


def end(assessment: Assessment, state: str, *, error: str = "", hint: str = "", results_sha256: str = "") -> None:
    """Close the row and say so in the audit trail; the caller holds the row."""
    with changes.recorded() as seen:
        Assessment.objects.filter(pk=assessment.pk).update(
            state=state,
            error=error,
            hint=hint,
            results_sha256=results_sha256,
            lease_until=None,
            current_test="",
            finished_at=Now(),
        )
    counts = stored.verdict_counts(assessment)
    words = (
        ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.items() if count)
        or error
        or "no verdict"
    )
    audit.record(
        actor=system_user(),
        action="assessment.finish",
        obj=assessment,
        summary=f"{assessment} of {assessment.version} {State(state).label}: {words}",
        detail={"state": str(state), "verdicts": counts, "results_sha256": results_sha256, "error": error},
        changes=seen.changes(),
    )


def _again(assessment: Assessment, error: str, hint: str, *, hopeless: bool = False) -> None:
    """An attempt failed for a reason outside the run: back to the queue while attempts are left."""
    row = Assessment.objects.get(pk=assessment.pk)
    if not hopeless and row.attempt < row.max_attempts:
        leasing.held(assessment).update(state=State.QUEUED, lease_until=None, error=error, hint=hint)
        return
    try:
        finish(assessment, State.FAILED, error=error, hint="" if hint.startswith("It is tried") else hint)
    except LeaseLost:
        logger.warning("assessment %s: attempt %s lost its lease", assessment.pk, assessment.attempt)
