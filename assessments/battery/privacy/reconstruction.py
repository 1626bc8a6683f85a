"""Do the model's parameters hold rows of its training data, or give them away?

Two ways. Nearest neighbours, support vector machines and Gaussian processes keep training rows inside the model file:
rows_held counts them, and held_share says how many of the training rows given stand there digit by digit. Whoever gets
the file has them. And where the parameters are sums over all rows (GaussianNB, LogisticRegression, LinearRegression,
Ridge), somebody who knows the parameters and all training rows but one can compute the one (database reconstruction:
Balle, Cherubin and Hayes 2022; the attack of the Adversarial Robustness Toolbox, solved here in closed form, so that
every row is tried). reconstructed_share: training rows whose every number is recovered to within a thousandth of its
column's standard deviation, on average over the columns; reconstruction_error: the median error in those units. That is
the attacker that differential privacy is defined against; he knows much, so read the number as a warning about sharing
parameters and data with the same people. A row is recovered in the form that the last step of a pipeline sees it.

Not applicable to other models: their parameters are no sums over the rows. That is no proof that they leak nothing; see
privacy.membership_inference.

What to do: where rows stand in the file, treat the file as personal data: who may download it, how long it is kept, and
whether it may leave the country. Prefer a method that keeps no rows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, reference
from assessments.battery.coder import NotCoded
from assessments.battery.introspection import is_remote
from assessments.battery.labels import as_text
from assessments.battery.privacy import _sums
from assessments.battery.robustness._affine import NotAffine, _prepared, _steps
from assessments.battery.spec import Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

KEPT = {"_fit_X": "neighbours", "support_vectors_": "support vectors", "X_train_": "rows of a Gaussian process"}
MOST_CELLS = 50_000_000
Floats = NDArray[np.float64]


@battery_test(
    title="Reconstruction of training rows",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    plans=("standard", "thorough"),
    params=[Param("exact", 1e-3, "Error that counts as recovered, in standard deviations", minimum=0.0, maximum=1.0)],
    metrics=[
        Metric("rows_held", "Training rows kept inside the model", better="lower", unit="rows"),
        Metric("held_share", "Training rows found inside the model, digit by digit", better="lower"),
        Metric("reconstructed_share", "Training rows that the parameters give away", better="lower"),
        Metric("reconstruction_error", "Median error of a recovered row", better="higher", unit="standard deviations"),
    ],
    controls=[
        controls.EU_CYBERSECURITY,
        controls.NIST_PRIVACY,
        controls.NIST_RECONSTRUCTION,
        controls.ATLAS_INVERSION,
        controls.OWASP_INVERSION,
        controls.GDPR_IMPACT_ASSESSMENT,
    ],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if is_remote(subject.estimator):
        raise NotApplicable("The model is asked from outside: its parameters are not seen.")
    steps, final = _steps(subject.estimator)
    kept = next((name for name in KEPT if getattr(final, name, None) is not None), None)
    if kept is not None:
        return held_rows(subject, steps, getattr(final, kept), KEPT[kept])
    name = type(final).__name__
    if name != "GaussianNB" and name not in _sums.LINEAR:
        raise NotApplicable(
            "Applies to models that keep training rows (nearest neighbours, support vectors, Gaussian processes) or "
            f"whose parameters are sums over them (GaussianNB, {', '.join(_sums.LINEAR)}); this one is a {name}."
        )
    x, y = training_rows(subject, steps)
    found = recovered(subject, final, x, y)
    return Outcome(measures_of(x, found, params["exact"]), notes=[f"Tried on all {len(x):,} training rows."])


def held_rows(subject: Subject, steps: list[Any], kept: Any, what: str) -> Outcome:
    """Rows that stand in the model, and which of the training rows given they are."""
    rows = kept.toarray() if hasattr(kept, "toarray") and kept.shape[0] * kept.shape[1] <= MOST_CELLS else kept
    n = int(rows.shape[0])
    measures = [Measure("rows_held", float(n), None, n, unit="rows", better="lower")]
    notes = [f"The model holds {n:,} {what}: rows of its training data as its last step sees them."]
    try:
        x, _ = training_rows(subject, steps)
        inside = {row.tobytes() for row in np.ascontiguousarray(np.asarray(rows, dtype=float) + 0.0)}
        share = float(np.mean([row.tobytes() in inside for row in np.ascontiguousarray(x + 0.0)]))
        measures.append(Measure("held_share", share, None, len(x), better="lower"))
    except NotApplicable as reason:
        notes.append(f"Which of the training rows they are was not counted. {reason}")
    return Outcome(measures, notes=notes)


def training_rows(subject: Subject, steps: list[Any]) -> tuple[Floats, NDArray[Any]]:
    """(n, d) as the last step of the model sees them, and the outcomes. Raises NotApplicable."""
    frame, y = reference.known_rows(subject)
    try:
        return _prepared(subject, steps, subject.coder.encode(frame[subject.features])), y
    except (NotCoded, NotAffine) as error:
        raise NotApplicable(f"The training rows cannot be put in the form that the model's last step sees: {error}.") \
            from error  # fmt: skip


def recovered(subject: Subject, final: Any, x: Floats, y: NDArray[Any]) -> Floats:
    """(n, d) each training row as it follows from the parameters and all others."""
    if subject.task == "regression":
        return _sums.optimum_of(final, x, y).rows()
    classes = [as_text(value) for value in final.classes_]
    answers: Any = subject.answers
    class_at = np.asarray(answers.class_of_label)[y]  # of the estimator's own classes
    if len(classes) != len(subject.labels):
        raise NotApplicable("The model's last step knows other classes than the model.")
    if type(final).__name__ == "GaussianNB":
        return _sums.from_class_means(final, x, class_at)
    return _sums.optimum_of(final, x, class_at).rows()


def measures_of(x: Floats, found: Floats, exact: float) -> list[Measure]:
    spread = x.std(axis=0)
    moving = spread > 0
    if not moving.any():
        raise NotApplicable("The training rows are all alike.")
    error = np.sqrt((((found - x)[:, moving] / spread[moving]) ** 2).mean(axis=1))
    error = np.where(np.isfinite(error), error, np.inf)
    middle = float(np.median(error))
    n = len(x)
    return [
        Measure("reconstructed_share", float((error <= exact).mean()), None, n, better="lower"),
        Measure("reconstruction_error", middle if np.isfinite(middle) else None, None, n,
                unit="standard deviations", better="higher"),
    ]  # fmt: skip
