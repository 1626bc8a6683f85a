"""Compiled loops: how they are declared, and how a run gets them without compiling.

numba turns a loop into machine code at its first call, which takes a second or so each. `make setup` has that done
beforehand (python -m assessments.battery.kernels); every run starts with a copy of what was kept, and the process that
runs are forked from has the loops in memory already. Without either they are compiled when they are needed.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEPT = Path(sys.prefix) / "share" / "modelrisk" / "kernels"
# Each has a function warm(), which calls all its loops.
MODULES = (
    "explainability._tree_kernel",
    "predictors._kernel",
    "predictors._layers",
    "predictors._transforms",
    "robustness._box_kernels",
    "robustness._certificate_kernel",
)


def jit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Declare a compiled loop. Imports numba: declare loops in modules that are imported where they are needed."""
    import numba

    def declare(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # no folder to keep it in
            return numba.njit(nogil=True, **options)(function)

    return declare


def warm() -> None:
    """Have all loops in memory."""
    for name in MODULES:
        importlib.import_module(f"assessments.battery.{name}").warm()


def keep(folder: Path) -> None:
    """Compile all loops into a folder. In a process of its own: numba reads where to only once."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    warm()


if __name__ == "__main__":
    keep(Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT)
