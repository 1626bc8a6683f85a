"""The two inner loops of HopSkipJump over rows of numbers: noisy copies as rows of the table, and what they tell.

numpy needs a pass over all copies for each of some ten operations; here each number is written and read once. The
loops have no branch inside, so that the compiler turns them into vector instructions.
"""

import numpy as np

from assessments.battery.kernels import jit

NO_NAN = {"nnan", "nsz", "reassoc"}  # the numbers of a box are finite


@jit(fastmath=NO_NAN)
def fill(codes, points, width, noise, rows, base, columns, box):  # type: ignore[no-untyped-def]
    """codes[i * e + c] becomes row rows[i] with its columns at points[i] + width[i] * noise[c]; noise is (e, d)."""
    origin, own, floor, ceiling, minimum, scale, integer = box
    e, d = noise.shape
    moved = np.empty(d)
    for i in range(points.shape[0]):
        k = rows[i]
        for c in range(e):
            r = i * e + c
            for j in range(d):
                v = points[i, j] + width[i, j] * noise[c, j]
                x = minimum[j] + v * scale[j]
                x = np.rint(x) if integer[j] else x
                x = min(max(x, floor[k, j]), ceiling[k, j])
                moved[j] = own[k, j] if v == origin[k, j] else x
            codes[r] = base[k]
            for j in range(d):
                codes[r, columns[j]] = moved[j]


@jit(fastmath=NO_NAN)
def fill_all(codes, points, width, noise, rows, box):  # type: ignore[no-untyped-def]
    """The same where every column of the table is one of the box, in its order: as a model of numbers alone has it."""
    origin, own, floor, ceiling, minimum, scale, integer = box
    e, d = noise.shape
    for i in range(points.shape[0]):
        k = rows[i]
        for c in range(e):
            r = i * e + c
            for j in range(d):
                v = points[i, j] + width[i, j] * noise[c, j]
                x = minimum[j] + v * scale[j]
                x = np.rint(x) if integer[j] else x
                x = min(max(x, floor[k, j]), ceiling[k, j])
                codes[r, j] = own[k, j] if v == origin[k, j] else x


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
def weigh(flipped, codes, e, points, rows, own, columns, minimum, scale, squared, total, best, distance):  # type: ignore[no-untyped-def]
    """From which copies flipped: total (m, d), the nearest flipped copy of each row best (m,) and its distance (m,).

    total is the sum over the copies of their move from the point, in shares of the range, each counted with +1 where it
    flipped and -1 where not, less their mean. squared: whether the distance is the root of the sum of squares;
    otherwise it is the largest move. best is -1 where no copy flipped.
    """
    m, d = points.shape
    near = np.empty(d)
    for i in range(m):
        count = 0
        for c in range(e):
            count += flipped[i * e + c]
        mean = (2.0 * count - e) / e
        baseline = 0.0 if abs(mean) == 1.0 else mean  # the baseline of the paper; none if all agree
        best[i] = -1
        distance[i] = 1e300
        weights = 0.0
        for j in range(d):
            total[i, j] = 0.0
            near[j] = own[rows[i], j]
        for c in range(e):
            r = i * e + c
            weight = (1.0 if flipped[r] else -1.0) - baseline
            weights += weight
            for j in range(d):
                total[i, j] += weight * codes[r, columns[j]]
            if flipped[r]:
                far = 0.0
                if squared:
                    for j in range(d):
                        move = (codes[r, columns[j]] - near[j]) / scale[j]
                        far += move * move
                else:
                    for j in range(d):
                        far = max(far, abs(codes[r, columns[j]] - near[j]) / scale[j])
                if far < distance[i]:
                    distance[i] = far
                    best[i] = c
        if squared:
            distance[i] = np.sqrt(distance[i])
        for j in range(d):
            total[i, j] = (total[i, j] - weights * minimum[j]) / scale[j] - weights * points[i, j]


def warm() -> None:
    """Compile everything, for arrays of the kinds that `_box` gives."""
    plane, line, whole = np.ones((1, 1)), np.ones(1), np.zeros(1, dtype=np.intp)
    box = (plane, plane, plane, plane, line, line, np.zeros(1, dtype=bool))
    fill(plane.copy(), plane, plane, plane, whole, plane, whole, box)
    fill_all(plane.copy(), plane, plane, plane, whole, box)
    settle(plane, whole, plane.copy(), plane.copy(), plane, whole, plane, plane, box)
    flipped, best = np.zeros(1, dtype=bool), np.zeros(1, dtype=np.int64)
    weigh(flipped, plane, 1, plane, whole, plane, whole, line, line, False, plane.copy(), best, line.copy())
