"""The explainer of a subject: what is explained, in which way, and how that is checked against the model itself.

The best way that the model allows: the inside of compiled trees and linear models, exact, on the raw answer
(`_structure`); all sets of few columns, exact; else antithetic walks (`_shapley`). Never a kernel regression, whose
answer depends on the sample of sets that it draws.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.explainability._shapley import Attribution, Floats, Game, Progress, attribute
from assessments.battery.explainability._structure import Inside, favoured
from assessments.battery.predictors import AskTheEstimator
from assessments.battery.predictors._families import last_step
from assessments.battery.spec import Param
from assessments.battery.subject import Subject

SOME = 200
WALKS = Param("walks", 1, "Antithetic pairs of walks for each case and background case", minimum=1, maximum=100)
EXACT_UP_TO = Param("exact_up_to", 5, "Columns up to which every subset is asked", minimum=1, maximum=12)
SPACE = Param("space", "auto", "What is explained: score, or auto: the raw answer where the model can be read")
SPACES = ("auto", "score")
MARGINS = {"xgboost": {"output_margin": True}, "lightgbm": {"raw_score": True}}
WAYS = {
    "trees": "Shapley values are exact: read from the model's trees, each column of the table one player.",
    "linear": "Shapley values are exact: the model is a linear sum, its terms added up for each column of the table.",
    "subsets": "Shapley values are exact: every subset of the columns was asked.",
}


class Explainer:
    """space: probability, log odds, raw score, decision value, score, decision, prediction, log or raw prediction.

    inside: the trees or linear sum that are read, None where the model is asked.
    """

    def __init__(self, subject: Subject, *frames: pd.DataFrame, params: dict[str, Any]) -> None:
        """frames: rows that will be explained or stand behind explanations. params: walks, exact_up_to, space."""
        if params["space"] not in SPACES:
            raise ValueError(f"space must be one of {', '.join(SPACES)}, not {params['space']!r}.")
        self.subject = subject
        self.walks, self.exact_up_to = params["walks"], params["exact_up_to"]
        self.codes = [subject.coder.encode(frame[subject.features]) for frame in frames]
        self.inside: Inside | None = None
        self.space = asked_space(subject)
        if params["space"] == "auto":
            self._look_inside()

    def _look_inside(self) -> None:
        subject = self.subject
        inside = Inside.of(subject.model.predictor, len(subject.features), class_position(subject))
        if inside is None:
            return
        try:
            for codes in self.codes:
                inside.raw(codes)
            self.space = inside.space(self.codes[0][:SOME], subject.task == "binary")
        except AskTheEstimator:
            return
        self.inside = inside

    @property
    def reads(self) -> bool:
        """Whether the values are read from the model, at a price that hardly grows with the columns."""
        return self.inside is not None

    def raw(self, codes: Codes) -> Floats:
        """(rows,) what is explained."""
        if self.inside is not None:
            self.subject.queries += len(codes)
            return self.inside.raw(codes)
        return asked_score(self.subject)(codes)

    def values(
        self,
        explained: Codes,
        background: Codes,
        rng: np.random.Generator,
        progress: Progress = lambda done, of: None,
    ) -> Attribution:
        if self.inside is not None:
            scores, base = self.raw(explained), float(self.raw(background).mean())
            values = self.inside.values(explained, background)
            method = "trees" if self.inside.trees else "linear"
            return Attribution(values, scores, base, exact=True, method=method)
        game = Game(explained, background, asked_score(self.subject))
        return attribute(game, walks=self.walks, exact_up_to=self.exact_up_to, rng=rng, progress=progress)

    def apart(self, frame: pd.DataFrame) -> Floats | None:
        """(rows,) what is explained, from the model itself, past the compiled form; None where it does not give it."""
        subject = self.subject
        if self.inside is None or self.space in ("prediction", "probability"):
            return own_answers(subject, frame)
        if self.space == "log prediction":
            return np.asarray(np.log(own_answers(subject, frame)))
        return own_margins(subject, frame)


def class_position(subject: Subject) -> int | None:
    """Of the favourable label among the estimator's own classes; None where a number is predicted."""
    if subject.task == "regression":
        return None
    return int(subject.answers.class_of_label[subject.favourable_index])  # type: ignore[union-attr]


def asked_space(subject: Subject) -> str:
    if subject.task == "regression":
        return "prediction"
    if not subject.has_scores:
        return "decision"
    return "probability" if subject.scores_are_probabilities else "score"


def asked_score(subject: Subject) -> Callable[[Codes], Floats]:
    """The prediction; or the score of the favourable label, or 1 and 0 for the decision where there are no scores."""
    if subject.task == "regression":
        return lambda codes: np.asarray(subject.predict_codes(codes), dtype=float)
    if subject.has_scores:
        return lambda codes: subject.predict_scores_codes(codes)[:, subject.favourable_index].astype(float)
    return lambda codes: (subject.predict_codes(codes) == subject.favourable_index).astype(float)


def own_answers(subject: Subject, frame: pd.DataFrame) -> Floats:
    """The same of a table's rows, as the model is asked everywhere else."""
    if subject.task == "regression":
        return np.asarray(subject.predict(frame), dtype=float)
    if subject.has_scores:
        return subject.predict_scores(frame)[:, subject.favourable_index].astype(float)
    return np.asarray(subject.predict(frame) == subject.favourable_index, dtype=float)


def own_margins(subject: Subject, frame: pd.DataFrame) -> Floats | None:
    """Decision values or margins, by the estimator's own method."""
    model, position = subject.model, class_position(subject)
    given = model.prepared(frame)
    subject.queries += len(frame)
    if hasattr(model.estimator, "decision_function"):
        return favoured(model.estimator.decision_function(given), position)
    library = type(last_step(model.estimator)[1]).__module__.split(".")[0]
    if library not in MARGINS:
        return None
    return favoured(model.estimator.predict(given, **MARGINS[library]), position)


def sentence(found: Attribution, walks: int) -> str:
    return WAYS.get(
        found.method, f"Shapley values are estimates from {walks * 2} walks for each case and background case."
    )


def explain(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress
) -> tuple[Explainer, NDArray[np.intp], Attribution]:
    """The explainer, the positions of the explained rows, and their values."""
    source = background_source(subject)
    chosen = rng.permutation(len(subject.frame))[: params["rows"]]
    others = rng.permutation(len(source))[: params["background"]]
    explainer = Explainer(subject, subject.frame.take(chosen), source.take(others), params=params)
    mine, theirs = explainer.codes
    if not explainer.reads:
        cases, background = affordable(params, len(subject.features))
        chosen, theirs = chosen[:cases], theirs[:background]
    order = np.argsort(chosen)
    return explainer, chosen[order], explainer.values(mine[order], theirs, rng, progress)


def affordable(params: dict[str, Any], columns: int) -> tuple[int, int]:
    """Cases and background cases, fewer than asked for where many columns would take too many questions."""
    each = 2 * params["walks"] * max(1, columns - 1)
    background = min(params["background"], max(10, params["questions"] // (each * params["rows"])))
    return min(params["rows"], max(10, params["questions"] // (each * background))), background


def background_source(subject: Subject) -> pd.DataFrame:
    """The rows the background is drawn from: the training data where it has the model's columns."""
    reference = subject.reference
    if reference is not None and set(subject.features) <= set(reference.columns):
        return reference[subject.features]
    return subject.frame[subject.features]
