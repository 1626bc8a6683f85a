"""The last step of the boosters, with the C library's exp and log, as they have it: NumPy's own differ in the last bit.

Imports numba: import it lazily.
"""

import math

import numpy as np

from assessments.battery.kernels import jit


@jit()
def logit32(p):  # type: ignore[no-untyped-def]
    """-log(1 / p - 1) in float32."""
    found = np.empty(p.shape[0], np.float32)
    for i in range(p.shape[0]):
        found[i] = -math.log(np.float32(1) / p[i] - np.float32(1))
    return found


@jit()
def sigmoid32(x):  # type: ignore[no-untyped-def]
    """XGBoost's: 1 / (exp(-x) + 1), -x cut off where exp would overflow."""
    found = np.empty(x.shape[0], np.float32)
    for i in range(x.shape[0]):
        below = min(-x[i], np.float32(88.7))
        found[i] = np.float32(1) / (np.float32(math.exp(below)) + np.float32(1) + np.float32(1e-16))
    return found


@jit()
def softmax32(raw):  # type: ignore[no-untyped-def]
    """XGBoost's: float32 terms, added up in float64."""
    found = np.empty_like(raw)
    for i in range(raw.shape[0]):
        largest = raw[i].max()
        total = 0.0
        for k in range(raw.shape[1]):
            found[i, k] = math.exp(raw[i, k] - largest)
            total += np.float64(found[i, k])
        for k in range(raw.shape[1]):
            found[i, k] /= np.float32(total)
    return found


@jit()
def sigmoid64(x, slope):  # type: ignore[no-untyped-def]
    found = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        found[i] = 1.0 / (1.0 + math.exp(-slope * x[i]))
    return found


@jit()
def softmax64(raw):  # type: ignore[no-untyped-def]
    found = np.empty_like(raw)
    for i in range(raw.shape[0]):
        largest = raw[i].max()
        total = 0.0
        for k in range(raw.shape[1]):
            found[i, k] = math.exp(raw[i, k] - largest)
            total += found[i, k]
        for k in range(raw.shape[1]):
            found[i, k] /= total
    return found


def warm() -> None:
    """Compile everything."""
    single, double = np.zeros(1, dtype=np.float32), np.zeros(1)
    logit32(single + np.float32(0.5))
    sigmoid32(single)
    softmax32(single[:, None])
    sigmoid64(double, 1.0)
    softmax64(double[:, None])
