"""Is the model better than something much simpler?

A model must beat what needs no model. Majority: always the most frequent label. Prior: every row gets the share of
each label as its probability. Stratified: labels drawn at random by those shares. One column: a logistic regression
(for numbers a linear one) on the single column that serves best. For numbers: always the mean.

They are fitted on the training data where it is known. Where it is not, the shares are those of the assessed rows, and
the one-column models are fitted on four fifths of them and answer the other fifth, in turn: both favour the simple
models. Gain: the part of the way from the best simple model to a perfect score, (s - s0) / (1 - s0), in ROC AUC, or in
accuracy for models without scores, in R² for numbers. Below 0 the simple model is better. The score of the model and of
the best column are compared on the same rows: DeLong's interval for AUC (1988), Tango's for accuracy (1998).
Deepchecks asks for a gain of at least 10 % (its SimpleModelComparison).

What to do: where a simple model does as well, ask why the complex one is needed, or look for what it fails to learn:
too little data, wrong columns, a target that these columns do not tell.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import comparing, controls, stats
from assessments.battery.performance import _simple
from assessments.battery.performance.discrimination import questions
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

METRICS = [
    Metric("gain_over_simple", "Gain over the best simple model", better="higher"),
    Metric("accuracy_gain_over_majority", "Accuracy above always the most frequent label", better="higher"),
    Metric("accuracy_gain_over_stratified", "Accuracy above labels at random", better="higher"),
    Metric("brier_skill", "Brier score gained over the shares of the labels", better="higher"),
    Metric("roc_auc_gain_over_one_column", "ROC AUC above the best single column", better="higher"),
    Metric("accuracy_gain_over_one_column", "Accuracy above the best single column", better="higher"),
    Metric("r2_gain_over_one_column", "R² above the best single column", better="higher"),
]
BETTER = "higher"


@battery_test(
    title="Against simple models",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("resamples", 1000, "Bootstrap resamples", quick=300, thorough=2000, minimum=50, maximum=20_000),
        Param("columns", 40, "Columns tried on their own", quick=20, thorough=200, minimum=1, maximum=5_000),
    ],
    metrics=METRICS,
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.CONCEPTUAL_SOUNDNESS,
        controls.PRA_TESTING,
        controls.OSFI_DEVELOPMENT,
        controls.NIST_VALIDITY,
    ],
    charts=["simple_models"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    training = _simple.training_rows(subject, rng)
    answers = _one_column_answers(subject, training, params["columns"], rng, progress)
    if subject.task == "regression":
        return _numbers(subject, answers, params["resamples"], rng)
    measures, rows = _labels(subject, training)
    scored = subject.has_scores
    best, theirs = _best(subject, answers, scored)
    more, row = _against_column(subject, best, theirs) if scored else _decisions_against_column(subject, best, theirs)
    rows += row
    notes = [_fitted(training is not None, subject)]
    return Outcome(
        more + measures, [_chart(rows, "ROC AUC" if scored else "accuracy", len(subject.y))], [_table(rows)], notes
    )


def _one_column_answers(
    subject: Subject,
    training: _simple.Training | None,
    most: int,
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
) -> dict[str, tuple[NDArray[Any], float]]:
    """Of each column: its answers on the assessed rows, and how good it was on those it was fitted on."""
    size = len(subject.labels)
    frames = [training.frame, subject.frame] if training else [subject.frame]
    matrices = _simple.columns_of(subject, *frames)
    fit_y = training.y if training else subject.y
    names = sorted(matrices, key=lambda name: -_strength(matrices[name][0], fit_y, size))[:most]
    folds = rng.permutation(len(subject.y)) % _simple.FOLDS
    found = {}
    for at, name in enumerate(names):
        progress(at, len(names))
        x = matrices[name]
        if training:
            theirs = _simple.one_column(x[0], fit_y, x[1], size)
            found[name] = theirs, _strength(x[0], fit_y, size)
        else:
            theirs = _simple.out_of_fold(x[0], subject.y, size, folds)
            found[name] = theirs, _strength(x[0], fit_y, size)
    return found


def _strength(x: NDArray[Any], y: NDArray[Any], size: int) -> float:
    """The share of the outcome's spread that a least-squares fit of the column explains: a quick first look."""
    targets = np.eye(size)[y] if size else np.asarray(y, dtype=float)[:, None]
    centred, targets = x - x.mean(axis=0), targets - targets.mean(axis=0)
    fitted = centred @ np.linalg.lstsq(centred, targets, rcond=None)[0]
    return float((fitted**2).sum() / max((targets**2).sum(), 1e-300))


def _score(subject: Subject, answers: NDArray[Any], scored: bool) -> float:
    if not scored:
        return float((answers.argmax(axis=1) == subject.y).mean())
    return float(np.mean([_auc(truth, score) for truth, score in _asked(subject, answers)]))


def _asked(subject: Subject, scores: NDArray[Any]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """The one-against-rest questions that have both answers, with these scores."""
    counts = np.bincount(subject.y, minlength=len(subject.labels))
    asked = [subject.favourable_index] if subject.task == "binary" else np.flatnonzero(counts).tolist()
    return [(subject.y == c, scores[:, c]) for c in asked if 0 < counts[c] < len(subject.y)]


def _auc(truth: NDArray[Any], score: NDArray[Any]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, score))


def _best(subject: Subject, answers: dict[str, tuple[NDArray[Any], float]], scored: bool) -> tuple[str, NDArray[Any]]:
    """The column that serves best on the assessed rows: the choice favours the simple model too."""
    if not answers:
        share = np.bincount(subject.y, minlength=len(subject.labels)) / len(subject.y)
        return "no column", np.tile(share, (len(subject.y), 1))
    name = max(answers, key=lambda name: _score(subject, answers[name][0], scored))
    return name, answers[name][0]


def _labels(subject: Subject, training: _simple.Training | None) -> tuple[list[Measure], list[list[Any]]]:
    """Against majority, stratified and prior."""
    y, n, size = subject.y, len(subject.y), len(subject.labels)
    shares = np.bincount(training.y if training else y, minlength=size) / len(training.y if training else y)
    right = subject.predicted == y
    majority = int(shares.argmax())
    common = y == majority
    by_chance = shares[y]  # what drawing labels by their shares gets right on average
    values: list[tuple[str, float, stats.Interval | None]] = [
        (
            "accuracy_gain_over_majority",
            float(right.mean() - common.mean()),
            comparing.paired_rate_difference(right, common),
        ),
        (
            "accuracy_gain_over_stratified",
            float(right.mean() - by_chance.mean()),
            stats.mean_interval(right - by_chance),
        ),
    ]
    if subject.scores_are_probabilities:
        values.append(("brier_skill", *_brier_skill(subject, shares)))
    accuracy = stats.wilson(float(right.sum()), n)
    rows = [
        ["the model", "accuracy", float(right.mean()), *(accuracy or (None, None))],
        [f"majority: always {subject.labels[majority]}", "accuracy", float(common.mean()), None, None],
        ["stratified: labels at random", "accuracy", float(by_chance.mean()), None, None],
    ]
    return [Measure(name, value, ci, n, better="higher") for name, value, ci in values], rows


def _brier_skill(subject: Subject, shares: NDArray[Any]) -> tuple[float, stats.Interval | None]:
    """1 - Brier of the model / Brier of the shares; its interval by the jackknife over rows."""
    assert subject.scores is not None  # noqa: S101
    truth = np.eye(len(subject.labels))[subject.y]
    mine, theirs = ((given - truth) ** 2 for given in (subject.scores.astype(float), shares[None, :]))
    pairs = np.column_stack([mine.sum(axis=1), theirs.sum(axis=1)])
    total = pairs.mean(axis=0)
    value = float(1 - total[0] / total[1])
    left = stats.ratio_interval(pairs[:, 0], pairs[:, 1])
    return value, (1 - left[1], 1 - left[0]) if left else None


def _against_column(subject: Subject, best: str, theirs: NDArray[Any]) -> tuple[list[Measure], list[list[Any]]]:
    """In ROC AUC, the mean over the questions; the difference is of the same rows."""
    _, scores = questions(subject)
    assert subject.scores is not None  # noqa: S101
    asked = list(zip(_asked(subject, subject.scores), _asked(subject, theirs), strict=True))
    mine = float(np.mean([_auc(*question) for question, _ in asked]))
    other = float(np.mean([_auc(*question) for _, question in asked]))
    influence_mine = np.mean([comparing.auc_influence(*question) for question, _ in asked], axis=0)
    influence_other = np.mean([comparing.auc_influence(*question) for _, question in asked], axis=0)
    difference = comparing.around(mine - other, comparing.standard_error(influence_mine - influence_other), -1.0, 1.0)
    floor = max(other, 0.5)  # the other simple models order at random
    gain = (mine - floor) / (1 - floor) if floor < 1 else 0.0  # beside a perfect column there is nothing to gain
    slope = influence_mine / (1 - floor) if floor < 1 else influence_mine
    if floor < 1 and other > 0.5:
        slope = slope - (1 - mine) / (1 - floor) ** 2 * influence_other
    ci = comparing.around(gain, comparing.standard_error(slope), high=1.0) if floor < 1 else None
    n = len(scores)
    rows = [
        ["the model", "ROC AUC", mine, *comparing.around(mine, comparing.standard_error(influence_mine), 0.0, 1.0)],
        [f"one column: {best}", "ROC AUC", other,
         *comparing.around(other, comparing.standard_error(influence_other), 0.0, 1.0)],
        ["at random", "ROC AUC", 0.5, None, None],
    ]  # fmt: skip
    return [
        Measure("gain_over_simple", gain, ci, n, better="higher"),
        Measure("roc_auc_gain_over_one_column", mine - other, difference, n, better="higher"),
    ], rows


def _decisions_against_column(
    subject: Subject, best: str, theirs: NDArray[Any]
) -> tuple[list[Measure], list[list[Any]]]:
    """In accuracy, for models that give decisions only."""
    right, other = subject.predicted == subject.y, theirs.argmax(axis=1) == subject.y
    common = float(np.bincount(subject.y).max() / len(subject.y))
    floor, value = max(float(other.mean()), common), float(right.mean())
    ci = comparing.paired_rate_difference(right, other)
    room = 1 - floor
    gain = (value - floor) / room if room > 0 else None
    shift = float(other.mean()) - floor
    gain_ci = ((ci[0] + shift) / room, min((ci[1] + shift) / room, 1.0)) if ci and room > 0 else None
    n = len(right)
    wilson = stats.wilson(float(other.sum()), n) or (None, None)
    return [
        Measure("gain_over_simple", gain, gain_ci, n, better="higher"),
        Measure("accuracy_gain_over_one_column", value - float(other.mean()), ci, n, better="higher"),
    ], [[f"one column: {best}", "accuracy", float(other.mean()), *wilson]]


def _numbers(
    subject: Subject, answers: dict[str, tuple[NDArray[Any], float]], resamples: int, rng: np.random.Generator
) -> Outcome:
    """For models that predict a number: in R²."""
    y = subject.y
    spread = float(((y - y.mean()) ** 2).sum())
    losses = {name: (found - y) ** 2 for name, (found, _) in answers.items()}
    best = min(losses, key=lambda name: float(losses[name].sum()), default="the mean")
    theirs = losses.get(best, (y - y.mean()) ** 2)
    mine = (subject.predicted - y) ** 2
    r2 = [1 - float(loss.sum()) / spread for loss in (mine, theirs)]
    parts = np.column_stack([mine, theirs, np.ones(len(y)), y - y.mean(), (y - y.mean()) ** 2])
    sums = np.concatenate([weights @ parts for weights in stats.row_weights(len(y), resamples, rng)])
    variance = sums[:, 4] - sums[:, 3] ** 2 / sums[:, 2]
    difference = stats.percentile_interval((sums[:, 1] - sums[:, 0]) / variance)
    left = stats.ratio_interval(mine, theirs) if r2[1] > 0 else stats.unexplained_interval(mine, y)
    gain = (r2[0] - max(r2[1], 0)) / (1 - max(r2[1], 0)) if r2[1] < 1 else None
    ends = [_told(stats.unexplained_interval(loss, y)) for loss in (mine, theirs)]
    rows: list[list[Any]] = [["the model", "R²", r2[0], *ends[0]], [f"one column: {best}", "R²", r2[1], *ends[1]],
            ["always the mean", "R²", 0.0, None, None]]  # fmt: skip
    measures = [
        Measure("gain_over_simple", gain, (1 - left[1], 1 - left[0]) if left else None, len(y), better="higher"),
        Measure("r2_gain_over_one_column", r2[0] - r2[1], difference, len(y), better="higher"),
    ]  # fmt: skip
    known = _simple.reference_outcomes(subject) is not None
    return Outcome(measures, [_chart(rows, "R²", len(y))], [_table(rows)], [_fitted(known, subject)])


def _told(left: stats.Interval | None) -> tuple[float | None, float | None]:
    """Of R², from that of what is not explained."""
    return (1 - left[1], 1 - left[0]) if left else (None, None)


def _fitted(known: bool, subject: Subject) -> str:
    if known:
        return "The simple models were fitted on the training data."
    return (
        f"No usable training data was given: the simple models were fitted on the {len(subject.y):,} assessed rows, "
        "which favours them."
    )


def _chart(rows: list[list[Any]], word: str, n: int) -> Chart:
    shown = [row for row in rows if row[1] == word]
    said = ", ".join(f"{name} {value:.3f}" for name, _, value, *_ in shown)
    return Chart(
        "simple_models",
        "The model beside simple ones",
        f"{word[0].upper()}{word[1:]} on the same rows, with 95 % intervals: {said}.",
        f"{word[0].upper()}{word[1:]} of the model and of simple ones: {said}.",
        {
            "kind": "intervals",
            "row_label": "who answers",
            "x_label": word[0].upper() + word[1:],
            "limit": None,
            "limit_label": "",
            "beyond": "above",
            "ideal": shown[0][2],
            "ideal_label": "the model",
            "rows": [
                {"name": name, "n": n, "value": value, "low": low, "high": high, "small": False}
                for name, _, value, low, high in shown
            ],
        },
    )


def _table(rows: list[list[Any]]) -> Table:
    return Table(
        "simple_models",
        "The model beside simple ones",
        ["who answers", "score", "value", "low", "high"],
        [[*row[:2], *(None if value is None else round(value, 4) for value in row[2:])] for row in rows],
    )
