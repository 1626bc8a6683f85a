"""What a perceptron does to a layer's sums, in one pass. Imports numba: import it lazily."""

import numpy as np

from assessments.battery.kernels import jit


@jit()
def add_and_rectify(sums, added):  # type: ignore[no-untyped-def]
    """sums (rows, units) become max(sums + added, 0), NaN kept, in place."""
    n, units = sums.shape
    for r in range(n):
        for j in range(units):
            x = sums[r, j] + added[j]
            sums[r, j] = 0.0 if x < 0.0 else x


def warm() -> None:
    """Compile everything."""
    add_and_rectify(np.ones((1, 1)), np.ones(1))
