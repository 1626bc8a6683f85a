"""Where the demo lives: a state folder of its own, whatever the environment says; a free port; a kept password."""

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

# Settings of a real installation that the demo must not touch begin so.
FOREIGN = ("DATABASE_URL", "MODELRISK_")
HARMLESS = ("MODELRISK_LOG_LEVEL", "MODELRISK_WORKERS", "MODELRISK_CHILD_MEMORY_MB")


class NoPort(Exception):
    """The port asked for is taken."""


def environment(own: Mapping[str, str], state: Path) -> dict[str, str]:
    """The environment of the demo: no database, bucket or key of another installation."""
    foreign = {name for name in own if name.startswith(FOREIGN) and name not in HARMLESS}
    # Without byte code every process would compile the numeric libraries again.
    kept = {name: value for name, value in own.items() if name not in {*foreign, "PYTHONDONTWRITEBYTECODE"}}
    return {**kept, "MODELRISK_STATE_DIR": str(state.resolve())}


def choose_port(asked: int | None) -> int:
    """The port asked for, or 8000 or the next free one; 0 takes any. Raises NoPort."""
    if asked is not None:
        if (port := _free(asked)) is None:
            raise NoPort(f"Port {asked} is taken. Leave PORT out to take the next free one.")
        return port
    found = next((port for port in range(8000, 8100) if _free(port)), None) or _free(0)
    if found is None:
        raise NoPort("No port is free on 127.0.0.1.")
    return found


def kept_password(state: Path) -> str:
    """One password for all of the demo's accounts, drawn on the first run and kept for this user only."""
    path = state / "password"
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(f"demo-{secrets.token_hex(4)}-{secrets.token_hex(4)}")
    return path.read_text()


def _free(port: int) -> int | None:
    with socket.socket() as probe:
        # As the server does: a connection of the last run that is still closing is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return probe.getsockname()[1]
