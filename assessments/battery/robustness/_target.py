"""What an attack is given: the rows, what it is after, the coordinates it may move, and whom it may ask."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.plan import Column
from assessments.battery.relations.fixing import Fixer
from assessments.battery.robustness._art import softmax, softmax_slopes
from assessments.battery.robustness._editing import fixer_of, frames_of
from assessments.battery.robustness._encoding import Encoding
from assessments.battery.robustness._goal import Goal, goal_of
from assessments.battery.robustness._gradients import Differentiable, NoGradient
from assessments.battery.robustness._legality import known_categories, violations
from assessments.battery.robustness._lockstep import Flags, Floats, Rows
from assessments.battery.robustness._microbatch import Answer
from assessments.battery.robustness._sample import stratified_sample
from assessments.battery.robustness._verify import original_answers
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject

ALMOST = 1e-6  # below the goal


@dataclass(frozen=True)
class Target:
    """rows (n,): the sample, positions in subject.frame. of (m,): those among the n that are attacked, in the order of
    the rows of `encoding`."""

    subject: Subject
    rows: Rows
    goal: Goal
    of: Rows
    encoding: Encoding

    @classmethod
    def of_sample(cls, subject: Subject, params: dict[str, Any], rng: np.random.Generator) -> "Target":
        """A sample in the proportions of the classes. Raises NotApplicable where nothing can be moved."""
        return cls.of_rows(subject, sampled(subject, params["rows"], rng), params)

    @classmethod
    def of_rows(cls, subject: Subject, rows: Rows, params: dict[str, Any]) -> "Target":
        try:
            goal = goal_of(subject, rows, params)
        except ValueError as error:
            raise NotApplicable(str(error)) from error
        of = np.flatnonzero(goal.eligible)
        frame = subject.frame[subject.features].take(rows[of])
        encoding = Encoding.of(frame, movable(subject), subject.coder, known_categories(subject))
        if not encoding.d:
            raise NotApplicable("No column that a person could change: an attack has nothing to move.")
        return cls(subject, rows, goal, of, encoding)

    @property
    def is_regression(self) -> bool:
        return self.subject.task == "regression"

    @property
    def before(self) -> Any:
        """The attacked rows as a table."""
        return self.encoding.space.frame

    def achieved(self, codes: Codes, rows: Rows) -> Flags:
        """(m,) whether codes, made from `rows` of the encoding, achieve the goal and keep the relations."""
        codes, kept = self.repaired(codes, rows)
        return np.asarray(self.goal.achieved(codes, self.of[rows]) & kept)

    def margin(self, codes: Codes, rows: Rows) -> Floats:
        """(m,) from -1 to 1, above 0 where the goal is achieved. Raises NotApplicable without scores."""
        if not self.goal.has_margin:
            raise NotApplicable("The model gives hard labels only: this attack needs scores.")
        unit = getattr(self.goal, "shift", 0.0) or 1.0
        codes, kept = self.repaired(codes, rows)
        margin = np.clip(self.goal.margin(codes, self.of[rows]) / unit, -1.0, 1.0)
        return np.asarray(np.where(kept, margin, np.minimum(margin, -ALMOST)))

    @cached_property
    def _fixer(self) -> Fixer:
        return fixer_of(self.subject, self.encoding.base, self.rows[self.of])

    def repaired(self, codes: Codes, rows: Rows) -> tuple[Codes, Flags]:
        """codes with the columns that relations derive, and which of them keep every relation."""
        if not self.subject.relations:
            return codes, np.ones(len(codes), dtype=bool)
        return self._fixer.repair(codes, rows)

    def verified(self, codes: Codes, rows: Rows) -> tuple[Flags, Flags]:
        """Whether codes are legal, and whether they achieve the goal on the estimator itself, asked as a table."""
        subject = self.subject
        before, after = frames_of(subject, self.rows[self.of[rows]], codes)
        columns = {name: subject.columns[name] for name in subject.features}
        legal = violations(before, after, columns, subject.relations, categories=known_categories(subject)).legal
        return legal, self.goal.met(original_answers(subject, after), self.of[rows])

    def answers(self) -> dict[str, Answer]:
        """What a black box tells: see `_art.decisions` and `_art.scores`."""
        decode = self.encoding.decode

        def decided(classes: int) -> Answer:
            return lambda x, rows: np.eye(classes)[self.achieved(decode(x, rows), rows).astype(int)]

        def scored(x: NDArray[Any], rows: Rows) -> NDArray[Any]:
            share = (1 + self.margin(decode(x, rows), rows)) / 2
            return np.column_stack([1 - share, share])

        return {"decisions 2": decided(2), "decisions 3": decided(3), "scores": scored}

    def gradient_answers(self, rng: np.random.Generator) -> dict[str, Answer]:
        """What a model with a gradient tells: see `_art.sloped`. Raises NotApplicable."""
        try:
            model = Differentiable.of(self.subject, self.encoding, rng)
        except NoGradient as error:
            raise NotApplicable(f"This attack follows the gradient, and the model shows none: {error}.") from error

        def flat(slopes: Floats) -> Floats:
            return slopes.reshape(len(slopes), -1)

        return {
            "logits": model.logits,
            "probabilities": lambda x, rows: softmax(model.logits(x, rows)),
            "logits slopes": lambda x, rows: flat(model.slopes(x, rows)),
            "probabilities slopes": lambda x, rows: flat(softmax_slopes(model.logits(x, rows), model.slopes(x, rows))),
        }


def movable(subject: Subject) -> dict[str, Column]:
    """The columns of the subject; those that a relation derives from others move with these only."""
    derived = Fixer(subject.relations, subject.coder, np.empty((0, len(subject.coder.names))), {}, {}).derived
    free = subject.columns.items()
    return {name: replace(column, mutable="fixed") if name in derived else column for name, column in free}


def sampled(subject: Subject, rows: int, rng: np.random.Generator) -> Rows:
    """Rows to attack: in the proportions of the classes, or any where the model predicts a number."""
    if subject.task == "regression":
        return np.sort(rng.choice(len(subject.y), min(rows, len(subject.y)), replace=False))
    return stratified_sample(subject.y, rows, rng)
