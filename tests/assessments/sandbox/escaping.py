"""Run attacks inside and outside the walls, as whoever runs this. Standard library only, so that any Python will do.

    python escaping.py ROOT RESULT OPTIONS      OPTIONS: JSON {inside: {only, fork} | null, attacks: [...], contained}

RESULT becomes {"layers": [...], "absent": {...}, "harmless": [...], "found": {attack: {...}}}.
"""

import contextlib
import ctypes
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

AT_ONCE = 4
# What an output folder may hold here: the bombs need not fill the disk to be noticed.
SMALL, FEW = 48 << 20, 1_000


def contain() -> None:
    """As a container's usual profile does: no namespace, no mount, for us and whatever we start."""
    from assessments.sandbox import seccomp

    found = seccomp.library()
    found.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(found.seccomp_init(ctypes.c_uint32(seccomp.ALLOW)))
    refuse = seccomp._refusal(found, context)
    for name in ("unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen"):
        refuse(name)
    refuse("clone3", 38)
    refuse("clone", 1, (0, seccomp.MASKED_EQUAL, 0x10000000, 0x10000000))
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
    assert found.seccomp_load(context) == 0


@contextlib.contextmanager
def targets(folder: Path, project: str):
    """Things to attack."""
    names = {"tag": f"modelrisk-attack-{os.getpid()}", "parent": os.getpid(), "project": project}
    for name, where in (
        ("secret", "beside/secret.txt"),
        ("given", "in/given.csv"),
        ("other", "job-2/out/results.json"),
    ):
        path = folder / where
        path.parent.mkdir(parents=True)
        path.write_text("a,b")
        names[name] = str(path)
    for name in ("extra-in", "extra-out"):
        (folder / "in" / name).write_text("x")
    names["left"] = os.open(names["secret"], os.O_RDONLY)
    os.set_inheritable(names["left"], True)
    # At one number for all: what has it inside is another file, and has nothing to read.
    os.dup2(names["left"], 200)
    names["left"] = 200
    secret = ctypes.create_string_buffer(b"secret!")
    names["address"] = ctypes.addressof(secret)
    _, names["tty"] = pty.openpty()
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        names["port"] = tcp.getsockname()[1]
        for address in (str(folder / "s"), "\0" + names["tag"]):
            unix = stack.enter_context(socket.socket(socket.AF_UNIX))
            unix.bind(address)
            unix.listen(50)
        names["unix"] = str(folder / "s")
        try:
            yield names
        finally:
            for where in ("/tmp", "/dev/shm"):
                Path(where, names["tag"]).unlink(missing_ok=True)


def script(attack, names: dict, **more) -> str:
    from tests.assessments.sandbox.attacks import HEAD

    values = {**names, **more}
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + HEAD + attack.code


def outside(attacks: dict, names: dict, folder: Path, name: str) -> dict:
    """The positive control."""
    began = time.monotonic()
    attack = attacks[name]
    work = folder / f"plain-{list(attacks).index(name)}"
    work.mkdir()
    code = script(attack, names, extra=str(folder / "in" / "extra-out"))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[names["left"], names["tty"]],
    )
    try:
        if attack.how == "linger":
            return lingers(process)
        out, err = process.communicate(timeout=60)
        lines = out.splitlines()
        harm = "harm" in lines
        if attack.how == "daemon":
            harm = alive(int(lines[1]))
            os.kill(int(lines[1]), signal.SIGKILL)
        return {"harm": harm, "said": err.strip()[-300:], "s": round(time.monotonic() - began, 2)}
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        shutil.rmtree(work)


def lingers(process: subprocess.Popen) -> dict:
    """It goes on after a second that it was to stop in."""
    process.stdout.readline()
    time.sleep(1)
    return {"harm": process.poll() is None, "said": ""}


def inside(attacks: dict, names: dict, folder: Path, options: dict, name: str) -> dict:
    from assessments.sandbox import launch

    attack = attacks[name]
    lines: list[str] = []
    work = folder / f"out-{list(attacks).index(name)}"
    ended = launch.confined(
        ["-c", script(attack, names, extra=str(folder / "in" / "extra-in"))],
        read=[folder / "in"],
        write=work,
        seconds=attack.seconds,
        memory_mb=attack.memory_mb,
        threads=1,
        on_line=lambda line: lines.append(line) if len(lines) < 5 or line == "harm" else None,
        pass_fds=[names["tty"]],
        **options,
    )
    left = sorted(entry.name for entry in os.scandir(work) if not entry.is_file(follow_symlinks=False))
    shutil.rmtree(work)
    found = {"begun": lines[:1] == ["begun"], "harm": "harm" in lines, "reason": ended.reason, "left": left}
    if attack.how == "daemon" and len(lines) > 1 and lines[1].isdigit():
        found["harm"] = alive(int(lines[1]))
    return {**found, "code": ended.code, "signal": ended.signal, "layers": ended.layers, "log": ended.log[-500:]}


def harmless(folder: Path, options: dict) -> list:
    from assessments.sandbox import launch
    from tests.assessments.sandbox.attacks import HARMLESS

    lines: list[str] = []
    work = folder / "harmless"
    ended = launch.confined(["-c", HARMLESS], read=[], write=work, seconds=30, on_line=lines.append, **options)
    return [ended.code, lines, ended.log[-500:]]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(root: str, result: str, options: dict) -> None:
    sys.path.insert(0, root)
    if options.get("contained"):
        contain()
    from assessments.sandbox import forkserver, presence, watching
    from tests.assessments.sandbox.attacks import ATTACKS

    watching.FOLDER_BYTES, watching.FOLDER_FILES = SMALL, FEW
    os.environ["MODELRISK_SECRET_KEY"] = "a secret"
    attacks = {name: ATTACKS[name] for name in options["attacks"]}
    answer: dict = {"layers": presence.present(), "absent": presence.absent(), "user": os.geteuid()}
    folder = Path(tempfile.mkdtemp(prefix="escape-"))
    try:
        with targets(folder, options["project"]) as names, ThreadPoolExecutor(AT_ONCE) as pool:
            if options["inside"] is None:
                tried = pool.map(partial(outside, attacks, names, folder), attacks)
            else:
                answer["harmless"] = harmless(folder, options["inside"])
                tried = pool.map(partial(inside, attacks, names, folder, options["inside"]), attacks)
            answer["found"] = dict(zip(attacks, tried, strict=True))
            answer["harmless after"] = [] if options["inside"] is None else harmless(folder, options["inside"])
    finally:
        shutil.rmtree(folder)
        forkserver.stop()
    Path(result).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
