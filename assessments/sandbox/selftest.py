"""Does the sandbox hold on this machine? A few real attacks in the real sandbox, before the first stranger's file.

Where a required layer is missing, an attack succeeds, or a harmless script does not finish (a child that cannot start
"stops" everything), nothing is run: launch.run refuses with what to do. MODELRISK_SANDBOX=degraded runs models of
allow-listed parts all the same, and everything that comes out says so.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from assessments.sandbox import confine, launch, presence

Mode = Literal["full", "degraded", "refused"]
SECONDS = 20.0  # for each attack; it takes hundredths
KEPT_SECONDS = 3600.0  # how long a good result serves the processes of this machine that start later
AT_ONCE = 4

# Each with the names secret, outside, port and parent defined; it raises where it is stopped.
ATTACKS = {
    "read a secret of the worker": "open(secret).read()",
    "read the environment of the worker": "open(f'/proc/{parent}/environ').read()",
    "write outside its folder": "open(outside, 'w').close()",
    "send over the network": """
import socket
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    try:
        with socket.socket(socket.AF_INET, kind) as way:
            way.connect(("127.0.0.1", port))
            way.send(b"secret")
        break
    except OSError as error:
        failed = error
else:
    raise failed
""",
    "start a process": "import os; pid = os.fork(); pid or os._exit(0); os.waitpid(pid, 0)",
    "signal the worker": "import os; os.kill(parent, 0)",
}
HARMLESS = "import json, math; print(json.dumps(math.factorial(5)))"


@dataclass(frozen=True)
class Tried:
    """One attack, or the harmless script. good: stopped, or finished; said: how."""

    name: str
    good: bool
    said: str


@dataclass(frozen=True)
class State:
    """What this machine's sandbox is worth. absent: layer -> why; problem: empty where mode is full."""

    mode: Mode
    layers: tuple[str, ...]
    absent: dict[str, str] = field(default_factory=dict)
    tried: tuple[Tried, ...] = ()
    problem: str = ""
    hint: str = ""


_lock = threading.Lock()
_known: dict[str, State] = {}


def state() -> State:
    """Found out at the first call in a process, or taken from one that found out lately."""
    key = _key()
    with _lock:
        if key not in _known:
            _known[key] = _kept(key) or _found(key)
        return _known[key]


def refusal(trust: str = "restricted") -> tuple[str, str] | None:
    """(why, what to do) where nothing, or no model of that trust, may be run here."""
    found = state()
    if found.mode == "refused":
        return found.problem, found.hint
    if found.mode == "degraded" and trust != "restricted":
        why = f"A waived model runs in a complete sandbox only, and this one is degraded: {found.problem}"
        return why, found.hint
    return None


def mark(layers: Iterable[str], before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the results of a run with these layers carry; with `before`, of an earlier part, the weaker of both."""
    mode, held = state().mode, list(layers)
    if before:
        mode = mode if before.get("mode") == "full" else "degraded"
        held = [layer for layer in held if layer in before.get("layers", ())]
    return {"mode": mode, "layers": held}


def examine() -> State:
    """Look at the layers and try the attacks, now."""
    absent, layers = presence.absent(), presence.present()
    missing = [layer for layer in confine.REQUIRED if layer in absent]
    tried: tuple[Tried, ...] = ()
    if missing:
        problem = " ".join(f"The sandbox has no {layer}: {absent[layer]}." for layer in missing)
    else:
        tried = tuple(_try_all())
        problem = " ".join(f"The sandbox does not hold: {each.name}: {each.said}." for each in tried if not each.good)
    if not problem:
        return State("full", layers, absent, tried)
    mode: Mode = "degraded" if os.environ.get("MODELRISK_SANDBOX") == "degraded" else "refused"
    hint = (
        "Install or enable what is named, and look with `manage.py sandbox_selftest`. For development only: "
        "MODELRISK_SANDBOX=degraded runs models of allow-listed parts, and marks every result."
    )
    return State(mode, layers, absent, tried, problem, hint)


def _try_all() -> Iterator[Tried]:
    with _targets() as (names, folder), ThreadPoolExecutor(AT_ONCE) as pool:
        head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        harmless = pool.submit(_finishes, folder / "harmless")
        attacks = list(pool.map(partial(_stopped, head, folder), ATTACKS))
        yield harmless.result()
        yield from attacks


@contextlib.contextmanager
def _targets() -> Iterator[tuple[dict[str, Any], Path]]:
    """Things to attack, as the attacks name them, and a folder for their output."""
    folder = Path(tempfile.mkdtemp(prefix="modelrisk-selftest-"))
    try:
        secret = folder / "secret"
        secret.write_text(secrets.token_hex())
        # An address on which both kinds of sockets answer: what is stopped is not stopped by chance.
        with socket.create_server(("127.0.0.1", 0)) as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            port = stream.getsockname()[1]
            with contextlib.suppress(OSError):
                datagrams.bind(("127.0.0.1", port))
            outside = folder / "outside"
            yield {"secret": str(secret), "outside": str(outside), "port": port, "parent": os.getpid()}, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(code: str, folder: Path) -> tuple[list[str], launch.Ended]:
    lines: list[str] = []
    folder.mkdir()
    ended = launch.confined(
        ["-c", code], read=[], write=folder, seconds=SECONDS, memory_mb=1024, threads=1, on_line=lines.append
    )
    return lines, ended


def _finishes(folder: Path) -> Tried:
    lines, ended = _run(HARMLESS, folder)
    good = lines == ["120"] and ended.code == 0
    log = ended.log.strip().splitlines()
    return Tried("run a harmless script", good, "finished" if good else (log[-1] if log else f"{ended.reason}"))


def _stopped(head: str, folder: Path, name: str) -> Tried:
    """It is stopped where its child began, and the attack itself raised or was killed."""
    code = f"{head}print('begun', flush=True)\n{ATTACKS[name]}\nprint('done', flush=True)"
    lines, ended = _run(code, folder / str(list(ATTACKS).index(name)))
    if lines[:1] != ["begun"]:
        return Tried(name, False, "its child did not start, so it proves nothing")
    if "done" in lines:
        return Tried(name, False, "succeeded")
    log = ended.log.strip().splitlines()
    return Tried(name, True, f"stopped ({log[-1] if log else f'signal {ended.signal}'})")


# Kept for the processes that start later


def _key() -> str:
    """Of everything that the result may hang on: this start of the machine, who we are, our code, our settings."""
    facts: list[Any] = [sys.executable, sys.version, os.geteuid() if hasattr(os, "geteuid") else 0]
    facts += [os.environ.get(name, "") for name in ("MODELRISK_SANDBOX", "MODELRISK_SANDBOX_UIDS", "TMPDIR")]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/uid_map"):
        with contextlib.suppress(OSError):
            facts.append(Path(path).read_text())
    with contextlib.suppress(OSError):
        held = Path("/proc/self/status").read_text().splitlines()
        facts += [line for line in held if line.startswith(("CapEff", "NoNewPrivs", "Seccomp"))]
        facts += [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "net", "pid", "user")]
    for path in sorted(Path(__file__).parent.glob("*.py")):
        facts += [str(path), path.stat().st_size, path.stat().st_mtime_ns]
    return sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _place(key: str) -> Path:
    return Path(tempfile.gettempdir()) / f"modelrisk-sandbox-{key}.json"


def _found(key: str) -> State:
    found = examine()
    if found.mode == "full":
        with contextlib.suppress(OSError):
            fresh = _place(key).with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as out:
                json.dump(asdict(found), out)
            os.replace(fresh, _place(key))
    return found


def _kept(key: str) -> State | None:
    """A good result that a process of this user wrote within the hour."""
    try:
        handle = os.open(_place(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle) as kept:
            found = os.fstat(handle)
            if found.st_uid != os.geteuid() or found.st_mode & 0o177 or time.time() - found.st_mtime > KEPT_SECONDS:
                return None
            read = json.load(kept)
        tried = tuple(Tried(**each) for each in read["tried"])
        return State(read["mode"], tuple(read["layers"]), read["absent"], tried)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
