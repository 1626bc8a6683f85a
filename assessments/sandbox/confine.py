"""What the child does to itself before it touches a stranger's file: layer after layer, in the one order that works.

Runs inside the child only (see bootstrap.py and forkserver.py). Landlock decides which files can be reached, seccomp
which system calls can be made; neither alone is enough: Landlock knows nothing of chmod, signals or UDP, seccomp
nothing of paths. The others are walls behind these walls.
"""

from __future__ import annotations

import os
import resource
import sys

from assessments.sandbox import identity, landlock, namespaces, seccomp
from assessments.sandbox.refusing import NotConfined

LAYERS = ("rlimits", "no_new_privs", "landlock", "seccomp", "uid", "namespaces")
REQUIRED = ("landlock", "seccomp")  # without these two, nothing is run

TYPE_CHECKING = False  # typing itself would cost a tenth of a child's start
if TYPE_CHECKING:
    from collections.abc import Sequence

    from assessments.sandbox.walls import Walls


def put_on(walls: Walls, parent: int) -> None:
    """Every layer that is asked for, or NotConfined."""
    layers, read = walls["layers"], [*system_paths(), *walls["read"]]
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) > 1:
        raise NotConfined("a thread runs already, and would stay outside the walls")
    identity.first_to_go()
    if "namespaces" in layers:
        namespaces.enter(read=read, write=walls["write"])
    for name, value in walls["rlimits"].items():
        _limit(getattr(resource, name), value)
    if "no_new_privs" in layers:
        identity.drop_bounding_capabilities()
    if "uid" in layers:
        identity.become(walls["uid"], walls["gid"], walls["groups"])
    identity.die_with_parent(parent)
    if "no_new_privs" in layers:
        identity.no_new_privileges()
    if "landlock" in layers:
        landlock.restrict(read=read, write=[walls["write"]])
    if "seccomp" in layers:
        seccomp.restrict()


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(which, (value, value))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise


def system_paths() -> Sequence[str]:
    """What any Python needs to read: itself, the C library, time zones, and what tells the number of cores."""
    return sorted(
        {
            *_of_python(),
            "/usr/lib",
            "/usr/lib64",
            "/usr/local/lib",
            "/lib",
            "/lib64",
            "/etc/ld.so.cache",
            "/usr/share/zoneinfo",
            "/etc/localtime",
            "/dev/null",
            "/dev/urandom",
            "/dev/random",
            "/sys/devices/system/cpu",
            "/sys/fs/cgroup/cpu.max",
            "/proc/cpuinfo",
            "/proc/meminfo",
            "/proc/stat",
            "/proc/self",
        }
    )


def _of_python() -> set[str]:
    """Its folders, under each of their names. Of a system's Python not all of /usr."""
    given = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    both = given | {os.path.realpath(path) for path in given}
    return {path for path in both if path not in {"/", "/usr", "/usr/local"}}
