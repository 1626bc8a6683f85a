"""The first file that runs in a child: put the layers on, say so, then become what was asked for.

    python -P -s -B bootstrap.py WALLS -m assessments.battery PLAN OUT

WALLS is a marshalled dict in hexadecimal letters (json would cost a third of the start): {parent, status, root, walls}.
The layers that hold are written to the descriptor `status`, which is closed before anything else runs. A layer that was
asked for and cannot be put on ends the child.
"""

import marshal
import os
import sys

OUT_OF_MEMORY = 137  # the exit code after a MemoryError that nothing caught


def main(spec: dict, arguments: list[str]) -> None:
    sys.path.insert(0, spec["root"])
    # Imported now: once confined, the root itself (settings, secret key, database) can be neither listed nor read.
    import assessments.battery  # noqa: F401
    from assessments.sandbox import confine

    sys.path.remove(spec["root"])
    if "try" in spec:  # of presence.py: only whether it can be done
        return confine.namespaces.enter(read=confine.system_paths(), write=spec["try"])
    confine.put_on(spec["walls"], spec["parent"])
    tell(spec["status"], spec["walls"]["layers"])
    run(arguments)


def tell(status: int, layers: list[str]) -> None:
    os.write(status, " ".join(layers).encode())
    os.close(status)


def run(arguments: list[str]) -> None:
    """As `python -m module …` or `python -c code …` would."""
    kind, target, *rest = arguments
    sys.argv = [target, *rest]
    if kind == "-m":
        import runpy

        runpy.run_module(target, run_name="__main__", alter_sys=True)
    else:
        exec(compile(target, "<-c>", "exec"), {"__name__": "__main__"})  # noqa: S102 - python -c


def out_of_memory() -> None:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()
    os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    try:
        main(marshal.loads(bytes.fromhex(sys.argv[1])), sys.argv[2:])  # noqa: S302 - written by our parent
    except MemoryError:
        out_of_memory()
