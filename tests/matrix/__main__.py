"""Run every robustness test on every family and write what came out to docs/attacks.md.

python -m tests.matrix [--workers 2] [--only forest] [--dry]

Minutes of processor time. Ends with 1, and writes nothing, where a test ended in an error.
"""

import argparse
import os
import sys
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy: the work is divided by place

from tests.matrix import cells, page  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    begun, found = time.perf_counter(), {}
    for part in cells.whole(parser.parse_args().workers):
        found |= part
        place = next(iter(part))[0]
        done = sum(cell.status == "done" for cell in part.values())
        print(f"{time.perf_counter() - begun:6.0f} s  {', '.join(place)}: {done} of {len(part)} done", flush=True)
        for (_, name), cell in part.items():
            if cell.status == "error":
                print(f"    {name}: {cell.reason}", flush=True)
    if any(cell.status == "error" for cell in found.values()):
        return 1
    page.FILE.write_text(page.render(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
