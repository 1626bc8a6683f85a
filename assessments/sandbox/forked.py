"""The process that runs are forked from: all libraries loaded, no secret in it, and no thread.

    python -P -s -B forked.py CONTROL ROOT      (started by forkserver.py, never by hand)

It is a fresh Python with the environment of a run, so there is nothing of the worker in it; it says "ready" on the
socket CONTROL, then forks one child for each message, which puts on the same walls as a child of bootstrap.py before it
does anything else. It ends, and takes its children along, when CONTROL closes: when the worker ends, however it ends.

What a thread held at the fork would stay locked in the child, and a thread would escape the walls. So the libraries'
pools are kept from starting while they are loaded, the number of threads is checked before every fork, and the child
sets the size of its pools once the walls are on.
"""

import contextlib
import gc
import importlib
import marshal
import os
import selectors
import shutil
import signal
import socket
import sys
import time
import traceback

IDLE_SECONDS = 900.0  # without work for so long, it gives its memory back
SETTLE_SECONDS = 5.0  # for threads that only exist while a library loads
MESSAGE_BYTES = 1 << 20
DECLINED = b"0"  # no process has this number
DESCRIPTORS = 64
OURS = (
    *(f"assessments.battery.{name}" for name in ("inspect", "loading", "profile", "run")),
    *(f"assessments.sandbox.{name}" for name in ("bootstrap", "confine")),
)
# What models are built of, what files are read with, and what the battery's tests import when they run.
LIBRARIES = (
    "art.attacks.evasion",
    "art.estimators.classification",
    "fairlearn.metrics",
    "numba",
    "pyarrow.parquet",
    "shap",
    *(f"sklearn.{name}" for name in ("calibration", "compose", "decomposition", "ensemble", "feature_extraction.text")),
    *(f"sklearn.{name}" for name in ("feature_selection", "impute", "linear_model", "model_selection", "naive_bayes")),
    *(f"sklearn.{name}" for name in ("neighbors", "neural_network", "pipeline", "preprocessing", "svm", "tree")),
)


def main(control: socket.socket, root: str) -> None:
    sys.path.insert(0, root)
    try:
        load()
    except Exception as error:
        control.send(f"a library cannot be loaded: {error!r}"[:500].encode())
        return
    sys.path.remove(root)
    here = os.getcwd()
    os.chdir("/")
    shutil.rmtree(here, ignore_errors=True)  # libraries wrote there what they insist on
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := threads()) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    if found > 1:
        control.send(b"a library keeps a thread running")
        return
    gc.collect()
    gc.freeze()  # what is loaded is never collected: a child's collection would copy it all
    control.send(b"ready")
    Server(control).serve()


def load() -> None:
    from assessments.battery.spec import discover

    discover()
    for name in (*OURS, *LIBRARIES):
        importlib.import_module(name)
    from assessments.battery import kernels

    # Kept ones load in a second; compiling them would take long.
    kept = any(files for _, _, files in os.walk(os.environ["NUMBA_CACHE_DIR"]))
    if kept:
        kernels.warm()


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


class Server:
    """One loop: jobs in, ends of children out. Single-threaded, or it could not fork."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ)
        self.children: dict[int, tuple[int, socket.socket]] = {}  # pidfd -> (pid, where its end is told)

    def serve(self) -> None:
        try:
            while events := self.selector.select(None if self.children else IDLE_SECONDS):
                for key, _ in events:
                    if key.fileobj is not self.control:
                        self._bury(key.fd)
                    elif not self._accept():
                        return
        finally:
            for pidfd in list(self.children):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                self._bury(pidfd)

    def _accept(self) -> bool:
        """Fork for one message; False when the worker is gone."""
        message, given, *_ = socket.recv_fds(self.control, MESSAGE_BYTES, DESCRIPTORS)
        if not message:
            return False
        job = marshal.loads(message)  # noqa: S302 - of the process that started us
        reply = socket.socket(fileno=given[0])
        try:
            if threads() > 1:
                return True  # closing the reply without a word lets the worker start it the slow way
            parent = os.getpid()
            try:
                pid = os.fork()
            except OSError:  # no memory or no number for one more: those that run go on
                with contextlib.suppress(OSError):
                    reply.send(DECLINED)
                return True
            if not pid:
                self._become(job, given, parent)
            pidfd = os.pidfd_open(pid)
            with contextlib.suppress(OSError):  # a worker that is gone is noticed by the loop
                socket.send_fds(reply, [str(pid).encode()], [pidfd])
            self.children[pidfd] = (pid, reply.dup())
            self.selector.register(pidfd, selectors.EVENT_READ)
            return True
        finally:
            reply.close()
            for each in given[1:]:
                os.close(each)

    def _bury(self, pidfd: int) -> None:
        pid, reply = self.children.pop(pidfd)
        self.selector.unregister(pidfd)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # it leads its group; not yet buried, so the number is still its own
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            reply.send(str(os.waitstatus_to_exitcode(status)).encode())
        reply.close()
        os.close(pidfd)

    def _become(self, job: dict, given: list[int], parent: int) -> None:
        """The rest of the child's life."""
        code = 1
        try:
            code = child(job, given[1:], parent)
        except BaseException:  # noqa: B036 - nothing may return into the server
            traceback.print_exc()
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


def child(job: dict, given: list[int], parent: int) -> int:
    """Put on the walls, run what was asked for; its exit code."""
    from assessments.sandbox import bootstrap, confine

    os.setsid()
    status = take_over(given, job["pass_fds"])
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    confine.put_on(job["walls"], parent)
    bootstrap.tell(status, job["walls"]["layers"])
    settle(job["environment"])
    try:
        bootstrap.run(job["arguments"])
    except SystemExit as end:
        return exit_code(end)
    except MemoryError:
        bootstrap.out_of_memory()
    return 0


def take_over(given: list[int], wanted: list[int]) -> int:
    """stdout, stderr and the descriptors that were passed get their numbers, all others are closed; the status pipe."""
    # First out of the way of each other: a number that one is to get may be another one's.
    top = max([*given, *wanted, 2]) + 1
    moved = []
    for position, each in enumerate(given):
        os.dup2(each, top + position)
        moved.append(top + position)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for source, number in zip(moved, [1, 2, None, *wanted], strict=True):
        if number is not None:
            os.dup2(source, number)
    status = moved[2]
    kept = sorted({status, *wanted})
    for low, high in zip([3, *(each + 1 for each in kept)], [*kept, 65536], strict=True):
        os.closerange(low, high)
    return status


def settle(environment: dict[str, str]) -> None:
    """What the libraries read of the environment when they were loaded, once more for this run."""
    import tempfile

    tempfile.tempdir = None
    if "art.config" in sys.modules:
        sys.modules["art.config"].ART_DATA_PATH = os.path.join(environment["ART_DATA_PATH"], "data")
    wanted = int(environment["OPENBLAS_NUM_THREADS"])
    if wanted > 1 and "threadpoolctl" in sys.modules:
        sys.modules["threadpoolctl"].threadpool_limits(wanted, user_api="blas")


def exit_code(end: SystemExit) -> int:
    """As the interpreter does it."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
