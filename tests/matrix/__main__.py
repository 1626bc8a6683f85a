"""Run every robustness test on every family and write what came out to docs/attacks.md.

python -m tests.matrix [--workers 2]      minutes; ends with 1, and writes nothing, where a test ended in an error
python -m tests.matrix --tests zoo,noise  only these anew, the other cells as they stand: after a change to a test
python -m tests.matrix --words            all cells as they stand; what the catalogue says of the tests is written anew
"""

import argparse
import os
import sys
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy: the work is divided by place

from tests.matrix import cells, page  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tests", default="")
    parser.add_argument("--words", action="store_true")
    asked = parser.parse_args()
    found: cells.Matrix = {}
    if asked.words or asked.tests:
        kept = page.read(page.FILE.read_text(encoding="utf-8"))
        found = {(place, name): cell for (place, name), cell in kept.items() if name in cells.names()}
    if not asked.words:
        found |= measured(asked.workers, asked.tests.split(",") if asked.tests else cells.names())
    if any(cell.status == "error" for cell in found.values()):
        return 1
    page.FILE.write_text(page.render(found), encoding="utf-8")
    return 0


def measured(workers: int, tests: list[str]) -> cells.Matrix:
    """These tests at every place, said place by place."""
    begun, found = time.perf_counter(), {}
    for part in cells.whole(workers, tests):
        found |= part
        place = next(iter(part))[0]
        done = sum(cell.status == "done" for cell in part.values())
        print(f"{time.perf_counter() - begun:6.0f} s  {', '.join(place)}: {done} of {len(part)} done", flush=True)
        for (_, name), cell in part.items():
            if cell.status == "error":
                print(f"    {name}: {cell.reason}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
