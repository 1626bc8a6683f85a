"""At least a hundred ways out of the sandbox, in each kind of sandbox that this machine has: none is one.

Each is tried outside first, by the same user, where it must do its harm; and in each kind of sandbox a harmless script
finishes before and after. A Python that no other user can reach leaves the layer uid out: then Debian's, if it is
there, stands in, since all that is under test needs the standard library only.
"""

import atexit
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from assessments.sandbox import lending, presence
from tests.assessments.sandbox.attacks import ATTACKS

pytestmark = pytest.mark.processes

SYSTEM_PYTHON = "/usr/bin/python3"
SOMEONE = 61_184  # a user with no rights and no files
BARE = ["rlimits", "no_new_privs", "landlock", "seccomp"]


@dataclass(frozen=True)
class Kind:
    """of: who starts the launcher; inside: how launch.confined is called."""

    of: str = "us"
    inside: tuple[tuple[str, object], ...] = ()
    contained: bool = False  # under a filter that refuses namespaces and mounts, as in a container
    holds: tuple[str, ...] = ("landlock", "seccomp")
    lacks: tuple[str, ...] = ()
    every: int = 1  # every n-th attack only


USER = Kind(of="root", holds=("landlock", "seccomp", "uid"))
CONTAINED = Kind(of="someone", contained=True, lacks=("uid", "namespaces"))
KINDS = {
    "forked, some": Kind(inside=(("fork", True),), every=4),
    "with a user of its own, some": replace(USER, every=3),
    "unprivileged, in a container, some": replace(CONTAINED, every=3),
}
# All attacks in the second target: half a minute for each kind.
LONG = {
    "with a user of its own": USER,
    "unprivileged, in a container": CONTAINED,
    "forked": Kind(inside=(("fork", True),)),
    "started afresh": Kind(),
    "Landlock and seccomp alone": Kind(inside=(("only", tuple(BARE)),), lacks=("uid", "namespaces")),
    "root, Landlock and seccomp alone": Kind(of="root", inside=(("only", tuple(BARE)),), lacks=("uid", "namespaces")),
    "unprivileged": Kind(of="someone", lacks=("uid",)),
    "root in a container": Kind(of="root", contained=True, lacks=("namespaces",)),
}


def parameters():
    for name in KINDS:
        yield pytest.param(name, id=name)
    for name in LONG:
        yield pytest.param(name, id=name, marks=pytest.mark.long)


def attempts() -> list:
    """Each kind with each attack that is tried in it."""
    return [
        pytest.param(kind, name, id=f"{kind}-{name}", marks=[pytest.mark.long] if kind in LONG else [])
        for kind, declared in {**KINDS, **LONG}.items()
        for name in list(ATTACKS)[:: declared.every]
    ]


@cache
def tree() -> Path:
    """What the driver needs, where every user can read it."""
    top = Path(tempfile.mkdtemp(prefix="escape-tree-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    top.chmod(0o755)
    here = Path(__file__).parent
    sources = [presence.ROOT / "assessments" / "__init__.py", presence.ROOT / "assessments/battery/__init__.py"]
    sources += [*(presence.ROOT / "assessments/sandbox").glob("*.py"), here / "attacks.py", here / "escaping.py"]
    for source in sources:
        copy = top / source.relative_to(presence.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    return top


def drive(of: str, inside: dict | None, contained: bool, every: int = 1) -> dict:
    """The driver's answer, run by that user."""
    python, root, more = sys.executable, presence.ROOT, {}
    if of != "us":
        if os.geteuid() != 0:
            pytest.skip(f"only root can start it as {of}")
        python, root = system_python(), tree()
        more = {"user": SOMEONE, "group": SOMEONE, "extra_groups": []} if of == "someone" else {}
    with tempfile.TemporaryDirectory(prefix="escape-result-") as folder:
        Path(folder).chmod(0o777)
        options = {
            "inside": inside,
            "attacks": [name for name in list(ATTACKS)[::every] if name in usable()],
            "contained": contained,
            "project": str(presence.ROOT / "manage.py"),
        }
        driver = root / "tests/assessments/sandbox/escaping.py"
        done = subprocess.run(
            [python, "-B", str(driver), str(root), f"{folder}/found.json", json.dumps(options)],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=1200,  # a busy machine, on which a forkserver may have to compile first
            check=False,
            **more,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(Path(folder, "found.json").read_text())


def system_python() -> str:
    if not os.access(SYSTEM_PYTHON, os.X_OK):
        pytest.skip(f"there is no {SYSTEM_PYTHON}, and another user may not reach ours")
    version = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True
    )
    if version.stdout.strip() != b"True":
        pytest.skip(f"{SYSTEM_PYTHON} is older than 3.11")
    return SYSTEM_PYTHON


def usable() -> list[str]:
    return [name for name, attack in ATTACKS.items() if attack.machine in ("", platform.machine())]


@cache
def unconfined(of: str, every: int) -> dict:
    """Root is one user, whichever Python it runs: where we are root, what we may is what root may."""
    if of == "root" and os.geteuid() == 0:
        return unconfined("us", every)
    return drive(of, None, contained=False, every=every)


@cache
def confined(name: str) -> dict:
    kind = {**KINDS, **LONG}[name]
    return drive(kind.of, dict(kind.inside), kind.contained, kind.every)


@pytest.fixture(params=parameters(), scope="module")
def kind(request) -> str:
    if not {"landlock", "seccomp"} <= set(presence.present()):
        pytest.skip(f"this machine has no complete sandbox: {presence.absent()}")
    return request.param


def test_a_harmless_script_finishes(kind):
    found = confined(kind)
    assert found["harmless"][:2] == [0, ["42"]], found["harmless"]
    assert found["harmless after"][:2] == [0, ["42"]]


def test_the_layers_are_those_of_its_kind(kind):
    declared = {**KINDS, **LONG}[kind]
    found = confined(kind)
    layers = next(iter(found["found"].values()))["layers"]
    assert set(declared.holds) <= set(layers), found["absent"]
    assert not set(declared.lacks) & set(layers)


def test_every_layer_that_is_left_out_says_why(kind):
    absent = confined(kind)["absent"]
    assert all(absent.values())
    if absent:
        pytest.skip(f"left out here: {absent}")


@pytest.mark.parametrize(("kind", "name"), attempts(), indirect=["kind"], scope="module")
def test_it_does_not_get_out(kind, name):
    attack = ATTACKS[name]
    if name not in usable():
        pytest.skip(f"is an attack on {attack.machine}")
    declared = {**KINDS, **LONG}[kind]
    found = confined(kind)["found"][name]
    assert found["begun"], found
    assert not found["harm"], found
    assert not set(found["left"]) - {".art", ".cache", ".mpl", ".numba"}, found
    assert attack.how not in {"bomb", "linger"} or found["reason"] in attack.reasons, found
    control = unconfined(declared.of, declared.every)["found"][name]
    if not control["harm"] and attack.unless:
        pytest.skip(f"does no harm outside either ({attack.unless}): {control['said'].splitlines()[-1:]}")
    assert control["harm"], control


def test_there_are_enough_of_them():
    assert len(usable()) >= 100
    assert lending.uids()[0] > 100_000
