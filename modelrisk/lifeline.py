"""How the web server and the worker end when their supervisor is gone, whatever killed it.

    python -m modelrisk.lifeline DESCRIPTOR gunicorn …  |  DESCRIPTOR django qcluster

DESCRIPTOR is the reading end of a pipe whose other end only the supervisor holds. When it closes, the whole process
group is told to end, and killed after a grace. Works wherever there are pipes; needs no signal of the kernel.
"""

import contextlib
import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 5.0


def watch(descriptor: int, *, grace: float = GRACE_SECONDS) -> None:
    """Wait for the supervisor's end of the pipe to close, then end this process group."""
    while True:
        with contextlib.suppress(InterruptedError):
            if not os.read(descriptor, 1):
                break
    group = os.getpgrp()
    os.killpg(group, signal.SIGTERM)
    time.sleep(grace)
    os.killpg(group, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    descriptor, module, *rest = arguments
    threading.Thread(target=watch, args=[int(descriptor)], name="lifeline", daemon=True).start()
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
