"""The feasible-edit search as first prototyped, on DataFrames, in the plainest form: ours must not be worse.

Donor rows of the other decision -> take over the changeable columns -> put back greedily -> shrink whole numbers.
"""

import numpy as np
import pandas as pd


def cheapest(predict, rows, reference, numbers, categories, price, width, nearest=16):
    """{row: (cost, edits)} of the cheapest flip and {row: edits} of the fewest, of the prototype's candidates.

    numbers, categories: columns that may change. A number costs its move / width[name], a swap `price`.
    """
    decided, pool = predict(rows), predict(reference)
    spread = {c: (reference[c].quantile(0.9) - reference[c].quantile(0.1)) or reference[c].std() or 1 for c in numbers}
    changeable = [*numbers, *categories]
    apart = np.zeros((len(rows), len(reference)), dtype=np.float32)
    for c in numbers:
        apart += np.minimum(np.abs(rows[c].to_numpy()[:, None] - reference[c].to_numpy()[None]) / spread[c], 1)
    for c in categories:
        apart += rows[c].to_numpy()[:, None] != reference[c].to_numpy()[None]
    apart[decided[:, None] == pool[None]] = np.inf
    donors = np.argpartition(apart, nearest, axis=1)[:, :nearest]
    of = np.repeat(np.arange(len(rows)), nearest)
    base = rows.iloc[of].reset_index(drop=True)
    now = base.copy()
    for c in changeable:
        now[c] = reference[c].to_numpy()[donors.ravel()]
    alive = predict(now) != decided[of]
    base, now, of = base[alive].reset_index(drop=True), now[alive].reset_index(drop=True), of[alive]

    def spent(c, one, other):
        return np.minimum(np.abs(one - other) / spread[c], 1) if c in spread else (one != other) * 1.0

    active = np.ones(len(now), dtype=bool)
    while active.any():
        best, column = np.full(len(now), -1.0), np.full(len(now), -1)
        trials = []
        for j, c in enumerate(changeable):
            at = np.flatnonzero(active & (now[c] != base[c]).to_numpy())
            if len(at):
                trial = now.iloc[at].copy()
                trial[c] = base[c].to_numpy()[at]
                trials.append((j, at, trial, spent(c, now[c].to_numpy()[at], base[c].to_numpy()[at])))
        if not trials:
            break
        answers = predict(pd.concat([trial for _, _, trial, _ in trials], ignore_index=True))
        start = 0
        for j, at, trial, gain in trials:
            flips = answers[start : start + len(trial)] != decided[of[at]]
            start += len(trial)
            better = flips & (gain + 1 > best[at])
            best[at[better]], column[at[better]] = gain[better] + 1, j
        for j, c in enumerate(changeable):
            chosen = column == j
            now.loc[chosen, c] = base.loc[chosen, c]
        active = column >= 0
    for c in numbers:
        at = np.flatnonzero((now[c] != base[c]).to_numpy())
        low, high = base[c].to_numpy()[at].astype(float), now[c].to_numpy()[at].astype(float)
        for _ in range(10 if len(at) else 0):
            middle = np.rint((low + high) / 2)
            trial = now.iloc[at].copy()
            trial[c] = middle.astype(now[c].dtype)
            flips = predict(trial) != decided[of[at]]
            high, low = np.where(flips, middle, high), np.where(flips, low, middle)
        moved = now[c].to_numpy().copy()
        moved[at] = high
        now[c] = moved
    edits = sum((now[c] != base[c]).to_numpy().astype(int) for c in changeable)
    cost = sum(np.abs(now[c] - base[c]).to_numpy() / width[c] for c in numbers)
    cost = cost + sum((now[c] != base[c]).to_numpy() * price for c in categories)
    flips = predict(now) != decided[of]
    by_cost, by_edits = {}, {}
    for i in np.flatnonzero(flips):
        row = int(of[i])
        by_cost[row] = min(by_cost.get(row, (np.inf, 99)), (float(cost[i]), int(edits[i])))
        by_edits[row] = min(by_edits.get(row, 99), int(edits[i]))
    return by_cost, by_edits
