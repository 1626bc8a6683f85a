"""One assessment on files of this machine: no server, no database. What `manage.py assess` runs.

The battery runs in the same confined child as in a worker. A test that kills the child is an error of that test, and a
new child goes on with the rest.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import ValidationError

from assessments import catalogue, judging, recording, results, selftesting
from assessments.sandbox import launch, oracle, reading, selftest

PATIENCE_SECONDS = 60.0  # beyond a test's own limit, which the battery keeps itself where it can
LOADING_SECONDS = 900.0

# (test, done, of, outcome or None)
Tell = Callable[[str, int, int, dict[str, Any] | None], None]


class CannotRun(Exception):
    """No test could be run: message says what is wrong, hint what to do."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def assess(
    plan: dict[str, Any],
    files: Mapping[str, Path],
    policy: dict[str, Any],
    *,
    tell: Tell,
    memory_mb: int = 8192,
    selftest_file: Path | None = None,
) -> dict[str, Any]:
    """results.json for the plan. files: model, data and reference, by the part of the plan they are; selftest_file:
    what the battery's self-test found last.

    tell is called as tests go on and end. Raises CannotRun; KeyboardInterrupt ends the child first.
    """
    folder = Path(tempfile.mkdtemp(prefix="modelrisk-assess-"))
    try:
        for part, path in files.items():
            link = folder / "in" / plan[part]["path"]
            link.parent.mkdir(parents=True)
            link.symlink_to(path.resolve())  # the sandbox lets the child read what it points to, and only that
        run = _Run(plan, catalogue.catalogue(), tell)
        while run.remaining:
            run.begin()
            if plan["model"].get("trust") == "waived":
                ends = _launch_both(run, folder, files, memory_mb)
                run.mark(ends.layers)
                run.settle_both(ends)
            else:
                ended = _launch(run, folder, [path.resolve() for path in files.values()], memory_mb)
                run.mark(ended.layers)
                run.settle(ended)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if run.started and selftest_file:
        run.started["environment"]["battery_selftest"] = selftesting.mark(selftest_file, policy)
    verdicts = judging.judge(run.entries, policy)
    return results.assemble(run.started or {}, run.entries, verdicts, plan, policy=policy)


def _launch(run: "_Run", folder: Path, files: list[Path], memory_mb: int) -> launch.Ended:
    return launch.run(**_battery(run, folder), read=[folder / "in", *files], memory_mb=memory_mb)


def _launch_both(run: "_Run", folder: Path, files: Mapping[str, Path], memory_mb: int) -> oracle.Ends:
    """Oracle mode: the model in a process of its own, which the battery asks."""
    model, theirs = run.plan["model"], folder / "model-out"
    shutil.rmtree(theirs, ignore_errors=True)
    theirs.mkdir()
    served = oracle.Served(files["model"].resolve(), model["format"], model["sha256"], theirs)
    read = [folder / "in", *(path.resolve() for part, path in files.items() if part != "model")]
    return oracle.run(model=served, **_battery(run, folder), read=read, memory_mb=memory_mb)


def _battery(run: "_Run", folder: Path) -> dict[str, Any]:
    """What a child with the remaining tests is started with; writes its plan."""
    tests = [test for test in run.plan["tests"] if test["id"] in run.remaining]
    plan, work = folder / "in" / "plan.json", folder / "out"
    plan.write_text(json.dumps({**run.plan, "tests": tests}))
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    return {
        "arguments": ["-m", "assessments.battery", str(plan), str(work)],
        "write": work,
        "seconds": LOADING_SECONDS + len(tests) * (run.limit + PATIENCE_SECONDS),
        "on_line": run.hear,
        "should_stop": lambda: bool(run.nonsense) or run.overdue(),
    }


@dataclass
class _Run:
    """What was heard so far, over all children."""

    plan: dict[str, Any]
    catalogue: dict[str, dict[str, Any]]
    tell: Tell
    started: dict[str, Any] | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)
    # of the present child
    current: str = ""
    begun: bool = False
    failed: dict[str, Any] | None = None
    nonsense: str = ""
    since: float = 0.0
    before: int = 0  # entries that earlier children gave

    @property
    def remaining(self) -> list[str]:
        done = {entry["id"] for entry in self.entries}
        return [test["id"] for test in self.plan["tests"] if test["id"] not in done]

    @property
    def limit(self) -> float:
        return float(self.plan["limits"]["seconds_per_test"])

    def begin(self) -> None:
        self.current, self.begun, self.failed, self.nonsense, self.since = "", False, None, "", time.monotonic()
        self.before = len(self.entries)

    def overdue(self) -> bool:
        return self.begun and time.monotonic() - self.since > self.limit + PATIENCE_SECONDS

    def hear(self, line: str) -> None:
        """One line of the child."""
        try:
            event = recording.read_event(line)
            if event["event"] in {"progress", "result"} and event["test"] not in self.remaining:
                raise recording.NotUnderstood("it speaks of a test that was not asked for")
        except recording.NotUnderstood as error:
            self.nonsense = self.nonsense or str(error)
            return
        if event["event"] == "started":
            self.begun, self.since = True, time.monotonic()
            self.started = self.started or {
                **event,
                "environment": recording.plain_environment(event["environment"], self.plan),
            }
        elif event["event"] == "progress":
            self._turn_to(event["test"])
            self.tell(event["test"], event["done"], event["of"], None)
        elif event["event"] == "result":
            self._keep(event["test"], event["outcome"])
        elif event["event"] == "failed":
            self.failed = event

    def _turn_to(self, test: str) -> None:
        if test != self.current:
            self.current, self.since = test, time.monotonic()

    def _keep(self, test: str, outcome: dict[str, Any]) -> None:
        try:
            recording.checked_outcome(self.catalogue, test, outcome)
        except (recording.NotUnderstood, ValidationError) as error:
            said = error.message if isinstance(error, ValidationError) else str(error)
            outcome = _error(f"What the test reported is not understood: {said[:200]}.", "Run it again.")
        self._add(test, outcome)

    def _add(self, test: str, outcome: dict[str, Any]) -> None:
        entry = results.entry(self.catalogue[test], outcome)
        self.entries.append(entry)
        self.current, self.since = "", time.monotonic()
        self.tell(test, 1, 1, entry)

    def mark(self, layers: tuple[str, ...]) -> None:
        """In which sandbox it ran: we say so, not the child."""
        if self.begun and self.started:
            environment = self.started["environment"]
            environment["sandbox"] = selftest.mark(layers, environment.get("sandbox"))

    def settle_both(self, ends: oracle.Ends) -> None:
        """Oracle mode: a model that was lost is the fault of the test that was told so; the rest goes on anew."""
        if ends.model_lost and len(self.entries) > self.before:
            return
        if self.failed and self.failed["code"] == "model_process" and ends.model_died:
            died = reading.died(ends.model, "model")
            raise CannotRun(died.code, died.message, died.hint)
        self.settle(ends.battery)

    def settle(self, ended: launch.Ended) -> None:
        """The child is gone: why nothing ran, or which test it died of."""
        if self.failed:
            hint = self.failed.get("hint", "")
            if self.failed["code"] == "crashed" and ended.log:  # nobody here sees the log
                hint = f"The last line of its log: {reading.last_line(ended.log)}"
            raise CannotRun(self.failed["code"], self.failed["message"], hint)
        if not self.begun and not self.nonsense:
            died = reading.died(ended, "model and its data")
            raise CannotRun(died.code, died.message, died.hint)
        if self.remaining:
            self._add(self.current or self.remaining[0], self._death(ended))

    def _death(self, ended: launch.Ended) -> dict[str, Any]:
        if self.nonsense:
            hint = "The model file interferes with the battery. Ask its developer for a plain scikit-learn pipeline."
            return _error(f"The test was stopped: what it reported is not understood: {self.nonsense}.", hint)
        if ended.reason == "stopped":
            hint = "Choose the plan quick, or give fewer rows."
            return _error("The test ran over its time limit and could not be stopped from within.", hint)
        if ended.reason == "out_of_memory":
            hint = "Give fewer rows, or raise MODELRISK_CHILD_MEMORY_MB."
            return _error("The test ran out of memory and was ended.", hint)
        if ended.reason == "too_many_threads":
            return _error("The test started too many threads and was ended.", "Set n_jobs of the model to 1.")
        how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.code}"
        return _error(f"The test crashed the process that ran it ({how}).", reading.died(ended, "model").hint)


def _error(reason: str, hint: str) -> dict[str, Any]:
    return {"status": "error", "reason": reason, "hint": hint}
