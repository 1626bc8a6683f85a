"""The first file that runs in the child: put the layers on, say which, then become what was asked for.

    python -P -s -B bootstrap.py SPEC -m assessments.battery PLAN OUT

SPEC is JSON: {parent, status, root, read, write, rlimits}. The layers that hold are written to the descriptor `status`,
which is closed before anything else runs. A layer that exists here but cannot be put on ends the child.
"""

import json
import os
import resource
import runpy
import sys
import traceback

OUT_OF_MEMORY = 137  # the exit code after a MemoryError that nothing caught


def main(spec: dict, arguments: list[str]) -> None:
    sys.path.insert(0, spec["root"])
    # Imported now: once confined, the root itself (settings, secret key, database) can be neither listed nor read.
    import assessments.battery  # noqa: F401
    from assessments.sandbox import confine

    sys.path.remove(spec["root"])
    confine.die_with_parent(spec["parent"])
    first_to_go()
    for name, value in spec["rlimits"].items():
        limit(getattr(resource, name), value)
    layers = confine.available()
    if "no_new_privs" in layers:
        confine.no_new_privileges()
    if "landlock" in layers:
        confine.landlock(read=[*confine.system_paths(), *spec["read"]], write=[spec["write"]])
    if "seccomp" in layers:
        confine.seccomp()
    with open(spec["status"], "w") as status:
        json.dump(layers, status)
    run(arguments)


def first_to_go() -> None:
    """When the machine runs out of memory, this process goes, not the worker or the database."""
    try:
        with open("/proc/self/oom_score_adj", "w") as out:
            out.write("1000")
    except OSError:
        pass


def limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(which, (value, value))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise


def run(arguments: list[str]) -> None:
    kind, target, *rest = arguments
    sys.argv = [target, *rest]
    if kind == "-m":
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    else:
        exec(compile(target, "<-c>", "exec"), {"__name__": "__main__"})  # noqa: S102 - python -c


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]), sys.argv[2:])
    except MemoryError:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(OUT_OF_MEMORY)
