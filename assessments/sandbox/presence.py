"""Which layers this machine can put on, and for each one that it cannot, why, and what to do about it."""

import marshal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from assessments.sandbox import bootstrap, confine, landlock, lending, seccomp

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds; it takes hundredths


@cache
def absent() -> dict[str, str]:
    """Layer -> why it is not here. Asked once in a process; what asks is not yet confined."""
    linux = sys.platform == "linux"
    found = {
        "no_new_privs": "" if linux else "capabilities and no_new_privs are part of Linux",
        "landlock": landlock.absent(),
        "seccomp": seccomp.absent(),
        "uid": lending.absent(tuple(needed())),
        "namespaces": _namespaces() if linux else "namespaces are part of Linux",
    }
    return {layer: why for layer, why in found.items() if why}


def present() -> tuple[str, ...]:
    """The layers that a run gets here, where nothing else is asked for."""
    return tuple(layer for layer in confine.LAYERS if layer not in absent())


def needed() -> list[str]:
    """What every run must reach: Python with its libraries, and our own code."""
    libraries = [path for path in sys.path if path and Path(path).is_dir() and path != str(ROOT)]
    return sorted({*libraries, str(ROOT / "assessments"), str(ROOT / "assessments" / "battery")})


def _namespaces() -> str:
    """Tried, in a process that ends with it: no setting of the kernel tells for sure."""
    with tempfile.TemporaryDirectory(prefix="modelrisk-try-") as folder:
        walls = marshal.dumps({"root": str(ROOT), "try": folder}).hex()
        tried = subprocess.run(  # noqa: S603 - no shell; the arguments are ours
            [sys.executable, "-P", "-s", "-B", bootstrap.__file__, walls],
            env={"LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    if tried.returncode == 0:
        return ""
    last = tried.stderr.strip().splitlines()[-1:] or ["the attempt ended without a word"]
    return f"not allowed here ({last[0].removeprefix('assessments.sandbox.refusing.NotConfined: ')})"
