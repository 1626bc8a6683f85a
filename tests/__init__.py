"""The tests. Two of them run side by side on two cores, so each keeps to one: numerical libraries read this once."""

import os

for _pool in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{_pool}_NUM_THREADS", "1")
