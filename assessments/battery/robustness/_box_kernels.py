"""The two inner loops of HopSkipJump over rows of numbers: noisy copies as rows of the table, and what they tell.

numpy needs a pass over all copies for each of some ten operations; here each number is written and read once. The
loops have no branch inside, so that the compiler turns them into vector instructions.
"""

import numpy as np

from assessments.battery.kernels import jit

NO_NAN = {"nnan", "nsz", "reassoc"}  # the numbers of a box are finite


@jit(fastmath=NO_NAN)
def fill(moved, points, width, noise, rows, box):  # type: ignore[no-untyped-def]
    """moved[i * e + c] becomes the legal numbers nearest to points[i] + width[i] * noise[c]; noise is (e, d)."""
    e, d = noise.shape
    floor, ceiling, minimum, scale, integer = box[2:]
    whole = integer.any()
    center, reach = np.empty(d), np.empty(d)
    for i in range(points.shape[0]):
        k = rows[i]
        for j in range(d):
            center[j] = minimum[j] + points[i, j] * scale[j]
            reach[j] = width[i, j] * scale[j]
        for c in range(e):
            r = i * e + c
            if whole:
                for j in range(d):
                    x = center[j] + reach[j] * noise[c, j]
                    x = np.rint(x) if integer[j] else x
                    moved[r, j] = min(max(x, floor[k, j]), ceiling[k, j])
            else:
                for j in range(d):
                    moved[r, j] = min(max(center[j] + reach[j] * noise[c, j], floor[k, j]), ceiling[k, j])


@jit()
def spread(codes, moved, rows, e, base, columns):  # type: ignore[no-untyped-def]
    """codes[r] becomes row rows[r // e] of the table, with what was moved in its columns."""
    for r in range(moved.shape[0]):
        codes[r] = base[rows[r // e]]
        for j in range(columns.shape[0]):
            codes[r, columns[j]] = moved[r, j]


@jit(fastmath=NO_NAN)
def settle(points, rows, codes, legal, base, columns, low, high, box):  # type: ignore[no-untyped-def]
    """legal (m, d) becomes the legal points nearest to points, and codes (m, columns of the table) their rows."""
    origin, own, floor, ceiling, minimum, scale, integer = box
    m, d = points.shape
    moved = np.empty(d)
    for i in range(m):
        k = rows[i]
        for j in range(d):
            v = min(max(points[i, j], low[k, j]), high[k, j])
            x = minimum[j] + v * scale[j]
            x = np.rint(x) if integer[j] else x
            x = min(max(x, floor[k, j]), ceiling[k, j])
            still = v == origin[k, j]
            x = own[k, j] if still else x
            moved[j] = x
            legal[i, j] = v if still else (x - minimum[j]) / scale[j]
        codes[i] = base[k]
        for j in range(d):
            codes[i, columns[j]] = moved[j]


@jit(fastmath=NO_NAN)
def weigh(flipped, moved, e, points, rows, own, minimum, scale, squared, total, best):  # type: ignore[no-untyped-def]
    """From which copies flipped: total (m, d), and the nearest flipped copy of each row best (m,), -1 where none did.

    total is the sum over the copies of their move from the point, in shares of the range, each counted with +1 where it
    flipped and -1 where not, less their mean. squared: whether near is by the root of the sum of squares; otherwise it
    is by the largest move.
    """
    m, d = points.shape
    near, shrink = np.empty(d), 1.0 / scale
    for i in range(m):
        count = 0
        for c in range(e):
            count += flipped[i * e + c]
        mean = (2.0 * count - e) / e
        baseline = 0.0 if abs(mean) == 1.0 else mean  # the baseline of the paper; none if all agree
        best[i], nearest, weights = -1, np.inf, 0.0
        for j in range(d):
            total[i, j] = 0.0
            near[j] = own[rows[i], j]
        for c in range(e):
            r = i * e + c
            weight = (1.0 if flipped[r] else -1.0) - baseline
            weights += weight
            for j in range(d):
                total[i, j] += weight * moved[r, j]
            if flipped[r]:
                far = 0.0
                if squared:
                    for j in range(d):
                        move = (moved[r, j] - near[j]) * shrink[j]
                        far += move * move
                else:
                    for j in range(d):
                        far = max(far, abs(moved[r, j] - near[j]) * shrink[j])
                if far < nearest:
                    nearest, best[i] = far, c
        for j in range(d):
            total[i, j] = (total[i, j] - weights * minimum[j]) * shrink[j] - weights * points[i, j]


def warm() -> None:
    """Compile everything, for arrays of the kinds that `_box` gives."""
    plane, line, whole = np.ones((1, 1)), np.ones(1), np.zeros(1, dtype=np.intp)
    box = (plane, plane, plane, plane, line, line, np.zeros(1, dtype=bool))
    fill(plane.copy(), plane, plane, plane, whole, box)
    spread(plane.copy(), plane, whole, 1, plane, whole)
    settle(plane, whole, plane.copy(), plane.copy(), plane, whole, plane, plane, box)
    flipped, best = np.zeros(1, dtype=bool), np.zeros(1, dtype=np.int64)
    weigh(flipped, plane, 1, plane, whole, plane, line, line, False, plane.copy(), best)
