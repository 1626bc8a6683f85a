"""What a command used, measured by a small process between: a child's peak counts that of whoever started it."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

BETWEEN = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(child.pid, 0)
found = [os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]
with open(sys.argv[1], "w") as out:
    json.dump(found, out)
"""


@dataclass(frozen=True)
class Usage:
    status: int  # as subprocess gives it
    seconds: float  # of processor
    peak_mb: float  # resident at once


def usage(command: list, cwd: Path, stdout: IO[bytes], env: dict[str, str] | None = None) -> Usage:
    """Run the command to its end."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        subprocess.run(
            [sys.executable, "-S", "-c", BETWEEN, told, *command], cwd=cwd, stdout=stdout, env=env, check=True
        )
        status, seconds, peak = json.loads(told.read_text())
    return Usage(status, seconds, peak / 1024)
