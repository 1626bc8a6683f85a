"""The subject of an assessment: one model and one table, as every test sees them."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import banding
from assessments.battery.answers import Answers, ClassAnswers, NumberAnswers
from assessments.battery.coder import Coder, Codes
from assessments.battery.errors import LoadError, ModelLost, listed
from assessments.battery.introspection import identity, is_remote, predicts_numbers
from assessments.battery.labels import as_text
from assessments.battery.plan import Column, Target
from assessments.battery.relations.checking import Relation, refuse_wrong, relations_of
from assessments.battery.relations.language import BadRelation
from assessments.battery.tables import MINIMUM_ROWS, is_number, too_few

MOST_GROUPS = 200


class Subject:
    """task: binary, multiclass or regression. y and predicted: positions in `labels`, the classes as text, ordered;
    for regression numbers in the units of the target, and there are no labels.

    frame: the rows as loaded, all columns; features: the columns the model is given, in its order;
    reference: rows of the training data where they are known; queries: rows the model was asked about
    since `count_afresh`, rows answered from the cache included once.
    """

    def __init__(
        self,
        estimator: Any,
        frame: pd.DataFrame,
        target: Target,
        columns: tuple[Column, ...] = (),
        *,
        reference: pd.DataFrame | None = None,
        task: str = "auto",
        seed: int = 0,
        relations: tuple[str, ...] = (),
    ) -> None:
        """Raises LoadError where model and data do not belong together."""
        self.seed = seed
        self.notes: list[str] = []
        self.target = target.column
        self.answers: Answers = self._take_rows(estimator, frame, target, task)
        self.model = self.answers.model
        self.reference = reference
        self.declared = {column.name: column for column in columns}  # as the plan says, nothing filled in
        self.columns = _resolved(self.frame, reference, columns, target.column)
        self.sensitive = [name for name in self.frame if self.columns[name].role == "sensitive"]
        self._check_sensitive()
        self.relations = self._checked_relations(relations)
        self.model.bind(self.frame, self._candidates())
        self.features = self.model.features
        self.answers.settle(self.frame)
        self.notes += self.answers.notes + self.model.notes
        if target.column in self.features:
            self.notes.append(f"The model is given the column {target.column!r}, which is the one to predict.")
        self.queries = 0
        self._charged: set[str] = set()

    @property
    def estimator(self) -> Any:
        """The loaded object, for tests that look inside; where estimator.is_remote(it), there is nothing to see."""
        return self.model.estimator

    @property
    def lost(self) -> ModelLost | None:
        """Why the process that holds the model cannot be asked any more; None where it can, or there is none."""
        return self.estimator.lost if is_remote(self.estimator) else None

    def _take_rows(self, estimator: Any, frame: pd.DataFrame, target: Target, task: str) -> Answers:
        if target.column not in frame.columns:
            raise LoadError(
                "no_target",
                f"The data has no column {target.column!r} to predict.",
                f"Name the column that holds the true outcome. The data has {listed(list(frame))}.",
            )
        truth = frame[target.column]
        numbers = task == "regression" or (task == "auto" and predicts_numbers(estimator))
        answers: Answers = (
            NumberAnswers(estimator, truth, target) if numbers else ClassAnswers(estimator, truth, target, task)
        )
        if dropped := int((~answers.known).sum()):
            self.notes.append(f"{dropped:,} rows without a value in {target.column!r} were left out.")
        self.frame = frame if not dropped else frame[answers.known].reset_index(drop=True)
        if len(self.frame) < MINIMUM_ROWS:
            raise too_few(len(self.frame))
        return answers

    def _check_sensitive(self) -> None:
        for name in self.sensitive:
            if (found := len(self.groups(name)[0])) > MOST_GROUPS:
                raise LoadError(
                    "bad_plan",
                    f"The sensitive column {name!r} has {found:,} groups; at most {MOST_GROUPS} can be compared.",
                    "Join its values into fewer groups, or mark it as ignored.",
                )

    def _checked_relations(self, texts: tuple[str, ...]) -> list[Relation]:
        """What the plan says of columns, as far as the training data, or else the data, bears it out."""
        source = self.frame if self.reference is None else self.reference
        kinds = {name: str(column.kind) for name, column in self.columns.items() if name in source}
        try:
            found = relations_of(texts, kinds)
            tallies = [refuse_wrong(relation, source) for relation in found]
        except BadRelation as error:
            raise LoadError("bad_relation", error.message, error.hint) from error
        where = "data" if self.reference is None else "training data"
        self.notes += [f"Relation in the {where}: {tally.said()}." for tally in tallies if tally.broken]
        return found

    def _candidates(self) -> list[list[str]]:
        """Columns to give a model that knows no names: without ignored ones, features alone, all."""
        names = [name for name in self.frame if name != self.target]
        role = {name: self.columns[name].role for name in names}
        return [
            [name for name in names if role[name] != "ignored"],
            [name for name in names if role[name] == "feature"],
            names,
        ]

    # What the tests ask

    def count_afresh(self) -> None:
        """Start a new count of queries, for the next test."""
        self.queries = 0
        self._charged = set()

    def _charge(self, what: str) -> None:
        if what not in self._charged:
            self._charged.add(what)
            self.queries += len(self.frame)

    @property
    def task(self) -> str:
        return self.answers.task

    @property
    def labels(self) -> list[str]:
        return self.answers.labels

    @property
    def favourable(self) -> str:
        """The label an applicant would want; empty for regression."""
        return self.answers.favourable

    @property
    def y(self) -> NDArray[Any]:
        return self.answers.y

    @property
    def has_scores(self) -> bool:
        return bool(self.answers.scores_from)

    @property
    def scores_are_probabilities(self) -> bool:
        """False where the scores come from decision_function: good for ranking only."""
        return self.answers.scores_from == "predict_proba"

    @property
    def favourable_index(self) -> int:
        """Raises ValueError for regression."""
        return self.labels.index(self.favourable)

    @cached_property
    def y_favourable(self) -> NDArray[np.bool_]:
        return np.asarray(self.y == self.favourable_index)

    @property
    def predicted(self) -> NDArray[Any]:
        """The model's answers on all rows: positions in `labels`, or numbers."""
        self._charge("predicted")
        return self.answers.predicted

    @property
    def scores(self) -> NDArray[np.floating[Any]] | None:
        """(rows, labels): the model's scores on all rows, in its own precision; None without scores."""
        if not self.has_scores:
            return None
        self._charge("scores")
        return self._scores

    @cached_property
    def _scores(self) -> NDArray[np.floating[Any]]:
        return self.answers.scores(self.frame)

    @property
    def favourable_score(self) -> NDArray[np.floating[Any]] | None:
        scores = self.scores
        return None if scores is None else scores[:, self.favourable_index]

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Positions in `labels`, or numbers, for any rows that hold the feature columns."""
        self.queries += len(frame)
        return self.answers.predict(frame)

    def predict_scores(self, frame: pd.DataFrame) -> NDArray[np.floating[Any]]:
        """(rows, labels). Raises ValueError for a model that gives hard labels only."""
        if not self.has_scores:
            raise ValueError("the model gives hard labels only")
        self.queries += len(frame)
        return self.answers.scores(frame)

    @property
    def coder(self) -> Coder:
        """The model's columns as a matrix of numbers and back: `coder.encode(frame)`, `coder.decode(codes)`.

        A number is itself, a category its position in `coder.categories[name]`, a missing value NaN.
        """
        return self.model.coder

    def predict_codes(self, codes: Codes) -> NDArray[Any]:
        """As `predict` of the decoded rows, without the detour over a DataFrame where the model allows it."""
        self.queries += len(codes)
        return self.answers.predict_codes(codes)

    def predict_scores_codes(self, codes: Codes) -> NDArray[np.floating[Any]]:
        """As `predict_scores` of the decoded rows. Raises ValueError for a model that gives hard labels only."""
        if not self.has_scores:
            raise ValueError("the model gives hard labels only")
        self.queries += len(codes)
        return self.answers.scores_codes(codes)

    def groups(self, column: str) -> tuple[list[str], NDArray[np.int64]]:
        """The groups of a column and each row's position in them; numbers with more than ten values are banded."""
        return banding.groups(self.frame[column], banded=self.columns[column].kind == "number")

    def facts(self) -> dict[str, Any]:
        """What the report says of model and data."""
        return {
            **identity(self.estimator),
            "task": self.task,
            **self.answers.facts(),
            "target": self.target,
            "scores": self.answers.scores_from or "none",
            "rows": len(self.frame),
            "predictor": self.model.form,
            "reference_rows": None if self.reference is None else len(self.reference),
            "features": self.features,
            "sensitive": {name: self._group_counts(name) for name in self.sensitive},
            "notes": list(self.notes),
        }

    def _group_counts(self, column: str) -> list[dict[str, Any]]:
        names, codes = self.groups(column)
        counts = np.bincount(codes, minlength=len(names))
        return [{"name": name, "n": int(n)} for name, n in zip(names, counts, strict=True)]


def _resolved(
    frame: pd.DataFrame, reference: pd.DataFrame | None, planned: tuple[Column, ...], target: str
) -> dict[str, Column]:
    """Every column of the frame, with kind, integer, min and max filled in from the reference or the data."""
    given = {column.name: column for column in planned}
    unknown = [name for name, column in given.items() if name not in frame and column.role != "ignored"]
    if unknown:
        raise LoadError(
            "missing_column",
            f"The plan names {listed(unknown)}, which the data does not have.",
            f"The data has {listed(list(frame))}.",
        )
    columns = {}
    for name in frame.columns:
        column = given.get(name, Column(name))
        if name == target:
            column = replace(column, role="target")
        source = reference[name] if reference is not None and name in reference else frame[name]
        columns[name] = _filled(column, source)
    return columns


def _filled(column: Column, values: pd.Series) -> Column:
    numeric = is_number(values)
    kind = column.kind or ("number" if numeric else "category")
    if kind == "number" and not numeric and column.role != "ignored":
        text = next((value for value in values if not isinstance(value, int | float)), values.iloc[0])
        raise LoadError(
            "bad_plan",
            f"The plan says that {column.name!r} holds numbers, and it holds {as_text(text)!r}.",
            "Call it a category, or clean its values.",
        )
    if kind == "category" or not numeric:
        return replace(column, kind=kind, integer=bool(column.integer))
    numbers = values.to_numpy(dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    whole = bool((numbers == np.round(numbers)).all()) if len(numbers) else False
    filled = replace(
        column,
        kind=kind,
        integer=whole if column.integer is None else column.integer,
        min=float(numbers.min()) if column.min is None and len(numbers) else column.min,
        max=float(numbers.max()) if column.max is None and len(numbers) else column.max,
    )
    if filled.min is not None and filled.max is not None and filled.min > filled.max:
        raise LoadError(
            "bad_plan",
            f"The bounds of {column.name!r} leave nothing between {filled.min:g} and {filled.max:g}.",
            "Give a smallest value that is not above the largest.",
        )
    return filled
