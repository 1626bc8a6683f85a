"""A model of a waiver in one sandbox, the battery in another, two pipes between them: see assessments/battery/oracle.

The model's process reads its own file and nothing else; what it prints, and how it ends, decides nothing. The battery's
process never gets the model's file. When either ends, the pipes close and the other one is ended too.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assessments.sandbox import launch
from assessments.sandbox.launch import Ended

MODEL_LOST = 3  # the exit code of the battery where it could not ask the model any more


@dataclass(frozen=True)
class Served:
    """The model of the run. folder: an empty one, for whatever its libraries insist on writing."""

    path: Path
    format: str
    sha256: str
    folder: Path


@dataclass(frozen=True)
class Ends:
    """How both processes ended."""

    battery: Ended
    model: Ended

    @property
    def model_lost(self) -> bool:
        """The battery said of the running test that the model could not be asked, and left the other tests over."""
        return self.battery.code == MODEL_LOST

    @property
    def layers(self) -> tuple[str, ...]:
        """Those that held for both."""
        return tuple(layer for layer in self.battery.layers if layer in self.model.layers)

    @property
    def model_died(self) -> bool:
        """It ended by itself, and was not ended because the battery had."""
        return self.model.reason != "stopped"


@dataclass
class _Holder:
    """The model's process, in a thread of ours. Our own ends of its pipes close when it ends, so that all see it."""

    model: Served
    descriptors: tuple[int, int]
    seconds: float
    memory_mb: int
    threads: int
    over: threading.Event = field(default_factory=threading.Event)
    ended: Ended | None = None
    failed: BaseException | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._hold, name="model", daemon=True)
        self._thread.start()

    def _hold(self) -> None:
        model, (read, write) = self.model, self.descriptors
        try:
            self.ended = launch.run(
                ["-m", "assessments.battery", "--serve-model", str(model.path), "--format", model.format]
                + ["--trust", "waived", "--sha256", model.sha256, "--model-fds", f"{read},{write}"],
                read=[model.path],
                write=model.folder,
                seconds=self.seconds,
                on_line=lambda line: None,
                memory_mb=self.memory_mb,
                threads=self.threads,
                should_stop=self.over.is_set,
                pass_fds=self.descriptors,
                trust="waived",
            )
        except BaseException as error:  # of a thread: raised again where it is waited for
            self.failed = error
        finally:
            for end in self.descriptors:
                os.close(end)

    def end(self) -> None:
        self.over.set()
        self._thread.join()


def run(
    arguments: Sequence[str],
    model: Served,
    *,
    read: Sequence[Path],
    write: Path,
    seconds: float,
    on_line: Callable[[str], None],
    memory_mb: int = 8192,
    threads: int = 2,
    should_stop: Callable[[], bool] = lambda: False,
    fork: bool = False,
) -> Ends:
    """As launch.run for the battery's process, which asks `model` in the other one. `read` must not hold the model.

    The model's process is a fresh one always: runs that are forked share the layout of their memory.
    """
    questions, answers = os.pipe(), os.pipe()
    holder = _Holder(model, (questions[0], answers[1]), seconds, memory_mb, threads)
    ours = (answers[0], questions[1])
    try:
        battery = launch.run(
            [*arguments, "--model-fds", f"{ours[0]},{ours[1]}"],
            read=read,
            write=write,
            seconds=seconds,
            on_line=on_line,
            memory_mb=memory_mb,
            threads=threads,
            should_stop=should_stop,
            pass_fds=ours,
            trust="waived",
            fork=fork,
        )
    finally:
        for end in ours:
            os.close(end)
        holder.end()
    if holder.failed:
        raise holder.failed
    assert holder.ended is not None  # noqa: S101 - it has ended, or failed
    return Ends(battery, holder.ended)
