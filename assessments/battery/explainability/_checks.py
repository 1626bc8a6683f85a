"""Tests of an explanation: what it promises by definition, whether it repeats, and whether the model bears it out.

Each check looks at explanations as any user of them would, from outside: rows go in, values come out. A value of None
means that the check has nothing to look at here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from assessments.battery.coder import Codes
from assessments.battery.explainability._effects import accumulated
from assessments.battery.explainability._explaining import Explainer
from assessments.battery.explainability._shapley import Attribution, Floats, Game, attribute
from assessments.battery.robustness._edit_measures import quantile_with_interval
from assessments.battery.spec import Measure
from assessments.battery.stats import mean_interval, percentile_interval, row_weights

ROWS_AT_ONCE = 50_000
MOST_STEPS = 12
BACKGROUNDS = 5
TOP = 5
WORTH_RANKING = 0.01  # share of the whole importance from which a column's place counts
NEIGHBOURS = 10
RESAMPLES = 400


@dataclass(frozen=True)
class Scene:
    """Explained rows (n, columns) and their values, one background (m, columns), and more rows to draw others from."""

    explainer: Explainer
    rows: Codes
    background: Codes
    pool: Codes
    numbers: NDArray[np.bool_]  # which columns hold numbers
    found: Attribution
    rng: np.random.Generator

    @property
    def n(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> int:
        return int(self.rows.shape[1])

    def values(self, rows: Codes, background: Codes, rng: np.random.Generator) -> Floats:
        return self.explainer.values(rows, background, rng).values

    def without(self, taken: NDArray[np.bool_], others: Codes) -> Floats:
        """(n, sets) the mean answer to each row with its columns in `taken` (n, sets, columns) taken from `others`."""
        n, sets, columns = taken.shape
        m, at_once = len(others), max(1, ROWS_AT_ONCE // (sets * len(others)))
        parts = []
        for start in range(0, n, at_once):
            some = slice(start, start + at_once)
            mixed = np.where(taken[some][:, :, None], others[None, None], self.rows[some][:, None, None])
            parts.append(self.explainer.raw(mixed.reshape(-1, columns)).reshape(-1, sets, m).mean(axis=2))
        return np.concatenate(parts)

    def spread(self) -> float:
        """How much the answer varies: what differences are measured in."""
        return float(self.explainer.raw(self.pool).std())


def dummy(scene: Scene) -> Measure:
    """Columns whose value never changed an answer must have no value. A planted one is among them where we ask."""
    pool, raw = scene.pool[:200], scene.explainer.raw
    before = raw(pool)
    unused = [k for k in range(scene.columns) if np.array_equal(raw(shuffled(pool, k, scene.rng)), before)]
    largest = float(np.abs(scene.found.values).mean(axis=0).max())
    sizes = [np.abs(scene.found.values[:, unused]).ravel()]
    if not scene.explainer.reads:
        few = scene.rows[:10]
        rows, others = (np.column_stack([part, scene.rng.normal(size=len(part))]) for part in (few, scene.background))
        sizes.append(np.abs(asked(scene, rows, others, lambda codes: raw(codes[:, :-1])).values[:, -1]))
    looked_at = np.concatenate(sizes)
    value = float(looked_at.max() / largest) if len(looked_at) and largest else None
    return Measure("explanation_dummy_error", value, n=len(looked_at), unit="of largest", better="lower")


def symmetry(scene: Scene) -> Measure:
    """The leading column twice, each copy counting half: both must get the same. Of a model that is read: nothing."""
    value = None
    if not scene.explainer.reads:
        leading, raw = int(np.abs(scene.found.values).mean(axis=0).argmax()), scene.explainer.raw

        def halves(codes: Codes) -> Floats:
            other = codes[:, :-1].copy()
            other[:, leading] = codes[:, -1]
            return (raw(codes[:, :-1]) + raw(other)) / 2

        rows, others = (np.column_stack([part, part[:, leading]]) for part in (scene.rows[:20], scene.background))
        values = np.abs(asked(scene, rows, others, halves).values).mean(axis=0)
        size = (values[leading] + values[-1]) / 2
        value = float(abs(values[leading] - values[-1]) / size) if size else None
    return Measure("explanation_symmetry_gap", value, n=min(20, scene.n), unit="of its value", better="lower")


def asked(scene: Scene, rows: Codes, background: Codes, score: Callable[[Codes], Floats]) -> Attribution:
    """The explainer's way of asking, on another model."""
    explainer = scene.explainer
    game = Game(rows, background, score)
    return attribute(game, walks=explainer.walks, exact_up_to=explainer.exact_up_to, rng=scene.rng)


def repeats(scene: Scene) -> list[Measure]:
    """The same seed must give the same; other seeds and other backgrounds about the same order of columns."""
    seed = int(scene.rng.integers(2**31))
    few = scene.rows[:20]
    one, again = (scene.values(few, scene.background, np.random.default_rng(seed)) for _ in range(2))
    m = len(scene.background)
    importances = []
    for _ in range(BACKGROUNDS):
        background = scene.pool[scene.rng.permutation(len(scene.pool))[:m]]
        importances.append(np.abs(scene.values(scene.rows, background, scene.rng)).mean(axis=0))
    pairs = list(combinations(importances, 2))
    overlap = float(np.mean([top_overlap(a, b) for a, b in pairs])) if scene.columns > TOP else None
    taus = [tau for a, b in pairs if (tau := order_agreement(a, b)) is not None]
    return [
        Measure("explanation_repeat_error", float(np.abs(one - again).max()), n=len(few), unit=scene.explainer.space,
                better="lower"),
        Measure("explanation_top5_overlap", overlap, n=len(pairs), better="higher"),
        Measure("explanation_order_agreement", float(np.mean(taus)) if taus else None, n=len(pairs), unit="tau",
                better="higher"),
    ]  # fmt: skip


def top_overlap(one: Floats, other: Floats) -> float:
    """Jaccard: columns in both lists of the five largest / columns in either."""
    first, second = (set(np.argsort(-each, kind="stable")[:TOP].tolist()) for each in (one, other))
    return len(first & second) / len(first | second)


def order_agreement(one: Floats, other: Floats) -> float | None:
    """Kendall's tau of two orders of columns; columns with hardly any importance in both have no order to keep."""
    shares = [each / each.sum() if each.sum() else each for each in (one, other)]
    counted = np.maximum(*shares) >= WORTH_RANKING
    if counted.sum() < 3:
        return None
    tau = float(kendalltau(one[counted], other[counted]).statistic)
    return tau if np.isfinite(tau) else None


def local_stability(scene: Scene, noise: float) -> Measure:
    """Relative change of a row's values when its numbers move a little and the answer hardly does."""
    if not scene.numbers.any():
        return Measure("explanation_local_change", None, better="lower")
    step = np.where(scene.numbers, noise * np.nanstd(np.where(scene.numbers, scene.pool, 0.0), axis=0), 0.0)
    moved = scene.rows + scene.rng.normal(size=scene.rows.shape) * step
    whole = scene.numbers & (np.nan_to_num(scene.pool) == np.rint(np.nan_to_num(scene.pool))).all(axis=0)
    moved = np.where(whole, np.rint(moved), moved)
    alike = np.abs(scene.explainer.raw(moved) - scene.explainer.raw(scene.rows)) <= 0.01 * scene.spread()
    seed = int(scene.rng.integers(2**31))
    before, after = (
        scene.values(rows[alike], scene.background, np.random.default_rng(seed)) for rows in (scene.rows, moved)
    ) if alike.any() else (np.zeros((0, 1)), np.zeros((0, 1)))  # fmt: skip
    size = np.linalg.norm(before, axis=1)
    changes = np.linalg.norm(after - before, axis=1)[size > 0] / size[size > 0]
    value, ci = quantile_with_interval(changes)
    return Measure("explanation_local_change", value, ci, n=len(changes), unit="of its length", better="lower")


def deletion(scene: Scene, orders: int, others: int) -> tuple[list[Measure], dict[str, Floats]]:
    """Take columns away, those with the largest values first: the answer must move more than in random orders.

    Also the curves: the mean movement after each number of columns, in this order and the random ones' mean and
    largest.
    """
    d = scene.columns
    steps = np.unique(np.linspace(1, d, min(d, MOST_STEPS)).round().astype(int))
    ranked = np.argsort(-np.abs(scene.found.values), axis=1, kind="stable")[:, None]
    random = scene.rng.permuted(np.tile(np.arange(d), (scene.n, orders, 1)), axis=2)
    place = np.argsort(np.concatenate([ranked, random], axis=1), axis=2)  # (n, 1 + orders, d) each column's turn
    taken = (place[:, :, None] < steps[None, None, :, None]).reshape(scene.n, -1, d)
    some = scene.background[:others]
    moved = np.abs(scene.without(taken, some) - scene.explainer.raw(scene.rows)[:, None])
    curves = moved.reshape(scene.n, 1 + orders, len(steps)).mean(axis=0) / (scene.spread() or 1.0)
    areas = curves.mean(axis=1)
    beaten = float((areas[1:] < areas[0]).mean()) if curves.any() else None
    by_row = moved.reshape(scene.n, 1 + orders, len(steps)).mean(axis=2) / (scene.spread() or 1.0)
    lead = by_row[:, 0] - by_row[:, 1:].mean(axis=1)
    measures = [
        Measure("explanation_deletion_rank", beaten, n=orders, better="higher"),
        Measure("explanation_deletion_lead", float(lead.mean()), mean_interval(lead), n=scene.n,
                unit="spreads of the answer", better="higher"),
    ]  # fmt: skip
    return measures, {"taken": steps.astype(float), "ours": curves[0], "random": curves[1:].mean(axis=0),
                      "random_most": curves[1:].max(axis=0)}  # fmt: skip


def faithfulness_correlation(scene: Scene, sets: int, others: int) -> Measure:
    """Per row: the correlation, over random sets of columns, of their summed values with what taking them away does."""
    d = scene.columns
    if d < 3:
        return Measure("explanation_faithfulness_correlation", None, unit="correlation", better="higher")
    size = scene.rng.integers(1, d, (scene.n, sets))
    taken = np.argsort(scene.rng.random((scene.n, sets, d)), axis=2).argsort(axis=2) < size[:, :, None]
    lost = scene.explainer.raw(scene.rows)[:, None] - scene.without(taken, scene.background[:others])
    told = np.einsum("nsd,nd->ns", taken, scene.found.values)
    correlations = row_correlations(told, lost)
    value = float(correlations.mean()) if len(correlations) else None
    ci = mean_interval(correlations) if len(correlations) > 1 else None
    return Measure("explanation_faithfulness_correlation", value, ci, n=len(correlations), unit="correlation",
                   better="higher")  # fmt: skip


def row_correlations(one: Floats, other: Floats) -> Floats:
    """Pearson's, row by row; rows in which either does not vary are left out."""
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    varies = size > 1e-12 * max(1.0, float(size.max(initial=0.0)))
    return np.asarray((one * other).sum(axis=1)[varies] / size[varies])


def agreement(scene: Scene) -> list[Measure]:
    """Spearman's correlation of the importances with those by permutation, and of numbers with the sizes of ALE."""
    values, raw = np.abs(scene.found.values), scene.explainer.raw
    before = raw(scene.rows)
    changes = np.zeros_like(values)
    for column in range(scene.columns):
        for _ in range(BACKGROUNDS):
            other = scene.rows.copy()
            other[:, column] = scene.rng.choice(scene.pool[:, column], scene.n)
            changes[:, column] += np.abs(raw(other) - before) / BACKGROUNDS
    draws = [
        [rank_correlation(weights @ values, weights @ changes) for weights in some]
        for some in row_weights(scene.n, RESAMPLES, scene.rng)
    ]
    pairs = rank_correlation(values.mean(axis=0), changes.mean(axis=0))
    ci = percentile_interval(np.concatenate(draws)) if np.isfinite(pairs) else None
    known = [k for k in np.flatnonzero(scene.numbers) if np.isfinite(scene.pool[:, k]).all()]
    sizes = [float(np.abs(accumulated(raw, scene.pool, int(k)).of(scene.pool[:, k])).mean()) for k in known]
    with_ale = rank_correlation(values.mean(axis=0)[known], np.array(sizes)) if len(known) > 3 else np.nan
    found = []
    for metric, value, interval in (("explanation_agreement_permutation", pairs, ci),
                                    ("explanation_agreement_ale", with_ale, None)):  # fmt: skip
        found.append(Measure(metric, float(value) if np.isfinite(value) else None, interval, n=scene.n,
                             unit="rank correlation", better="higher"))  # fmt: skip
    return found


def rank_correlation(one: Floats, other: Floats) -> float:
    if len(one) < 4 or not np.ptp(one) or not np.ptp(other):
        return np.nan
    return float(spearmanr(one, other).statistic)


def hidden_dependence(scene: Scene, column: int) -> tuple[float, tuple[float, float] | None] | None:
    """How much more a sensitive column moves the answer between look-alikes than between people at random.

    Both times against background rows with another value of the column: its nearest ones, and random ones. A model
    that behaves on real rows otherwise than on the mixtures that explanations ask about (Slack and others 2020) shows
    nothing between random people. In spreads of the answer, with its interval.
    """
    scale = np.nanstd(np.where(scene.numbers, scene.pool, 0.0), axis=0)
    others = np.arange(scene.columns) != column
    differences = []
    for row in scene.rows:
        unlike = scene.pool[different(scene.pool[:, column], row[column], scene.numbers[column], scale[column])]
        if len(unlike) < NEIGHBOURS:
            continue
        near = unlike[np.argsort(distances(row, unlike, scene.numbers, scale)[:, others].sum(axis=1))[:NEIGHBOURS]]
        random = unlike[scene.rng.permutation(len(unlike))[:NEIGHBOURS]]
        sizes = [np.abs(scene.values(row[None], some, scene.rng)[0, column]) for some in (near, random)]
        differences.append(sizes[0] - sizes[1])
    spread = scene.spread()
    if len(differences) < 10 or not spread:
        return None
    found = np.array(differences) / spread
    return float(found.mean()), mean_interval(found)


def different(values: Floats, value: float, number: bool, scale: float) -> NDArray[np.bool_]:
    """Another category; for numbers more than a spread away."""
    if number:
        return np.asarray(np.abs(values - value) > scale)
    return np.asarray((values != value) & ~(np.isnan(values) & np.isnan(value)))


def distances(row: Floats, pool: Codes, numbers: NDArray[np.bool_], scale: Floats) -> Floats:
    """(pool, columns): for numbers in spreads, at most 3; for categories 1 where they differ."""
    with np.errstate(invalid="ignore"):
        apart = np.minimum(np.abs(pool - row) / np.where(scale > 0, scale, 1.0), 3.0)
    return np.where(numbers, np.nan_to_num(apart, nan=1.0), (pool != row).astype(float))


def shuffled(codes: Codes, column: int, rng: np.random.Generator) -> Codes:
    other = codes.copy()
    other[:, column] = rng.permutation(other[:, column])
    return other
