"""Do the probabilities mean what they say?

Log loss (mean of -log of the probability given to the true label, in nats) and the Brier score (Brier 1950: mean
squared distance of the probabilities from the outcome; for two labels that of the favourable one, 0 to 1; for more the
sum over labels, 0 to 2). Values are scikit-learn's; the intervals are bootstraps of the mean over rows. Not applicable
to scores from a decision function, which are no probabilities.

What to do: compare it with the last approved version: it has no meaning by itself. Where it got worse while the
discrimination did not, recalibrate.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.spec import Measure, Metric, Needs, NotApplicable, Outcome, battery_test
from assessments.battery.subject import Subject


@battery_test(
    title="Probability quality",
    needs=Needs(scores=True),
    metrics=[
        Metric("log_loss", "Log loss", better="lower", unit="nats"),
        Metric("brier", "Brier score", better="lower"),
    ],
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_MONITORING,
        controls.OSFI_REVIEW,
        controls.EU_ACCURACY,
        controls.NIST_TEST_METRICS,
    ],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    from sklearn.metrics import brier_score_loss, log_loss

    if not subject.scores_are_probabilities:
        raise NotApplicable("The model gives a decision function, not probabilities.")
    given = subject.scores
    assert given is not None  # noqa: S101 - the runner has checked Needs(scores=True)
    labels = np.arange(len(subject.labels))
    logarithmic, squared = row_losses(given, subject.y, subject.favourable_index)
    if subject.task == "binary":
        brier = brier_score_loss(subject.y_favourable, given[:, subject.favourable_index])
    else:
        brier = brier_score_loss(subject.y, given, labels=labels)
    values = [
        ("log_loss", "nats", log_loss(subject.y, given, labels=labels), logarithmic),
        ("brier", "ratio", brier, squared),
    ]
    measures = [
        Measure(
            name,
            float(value),
            stats.mean_interval(losses),
            len(losses),
            unit=unit,
            better="lower",
        )
        for name, unit, value, losses in values
    ]
    return Outcome(measures)


def row_losses(
    given: NDArray[Any], y: NDArray[np.int64], favourable: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The log loss and the squared distance of each row; their means are log_loss and brier."""
    smallest = float(np.finfo(given.dtype).eps)
    probabilities = given.astype(float)
    true_label = np.clip(probabilities[np.arange(len(y)), y], smallest, 1 - smallest)
    distance = probabilities.copy()
    distance[np.arange(len(y)), y] -= 1
    squared = np.square(distance)
    return -np.log(true_label), squared[:, favourable] if given.shape[1] == 2 else squared.sum(axis=1)
