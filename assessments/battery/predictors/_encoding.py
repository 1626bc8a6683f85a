"""From coded rows to the matrix that the last step of the model sees, equal to what its transformers make.

The table is coded once; scaling and one-hot columns are made here, by each transformer's own sums or own answers. The
matrix is laid out in memory as the transformers lay it out (rows or columns together, or sparse), because that decides
in which order BLAS adds up.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Coder, Codes
from assessments.battery.predictors._columns import Array, Numbers, Part, Table, formula, is_known, made_of
from assessments.battery.predictors._unsupported import AskTheEstimator, Unsupported

DISCRETE = {"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"}
COLUMNWISE = DISCRETE | {"SimpleImputer", "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"}
LARGEST = 1e30  # larger numbers may be refused as too large for float32
FLOAT32_MAX = float(np.finfo(np.float32).max)
REFERENCE_ROWS = 60


class Encoder:
    """parts: in the order of the matrix's columns. steps: transformers that see the whole matrix."""

    def __init__(self, parts: Sequence[Part], steps: Sequence[Any], reference: Any, coder: Coder) -> None:
        self.parts = parts
        self.steps = steps
        self.width = sum(part.width for part in parts)
        self.sparse = hasattr(reference, "tocsr")
        self.kind = type(reference)
        plain = reference if self.sparse else np.asarray(reference)
        self.dtype = plain.dtype
        self.order = "F" if not self.sparse and plain.flags.f_contiguous and not plain.flags.c_contiguous else "C"
        self.numbers = [coder.position(name) for name in coder.numbers]
        self.others = [coder.position(name) for name in coder.categories]
        self.flags = [coder.position(name) for name in coder.names if coder.is_flag(name)]
        self.is_the_codes = (
            not self.sparse and len(parts) == 1 and isinstance(parts[0], Numbers) and parts[0].are_all(len(coder.names))
        )
        self.refuses = np.zeros(len(coder.names), dtype=bool)  # columns in which the estimator takes no missing value

    def check(self, codes: Codes) -> float:
        """Raise AskTheEstimator for what the estimator refuses, or might. The size of the largest number, or NaN."""
        given = codes if len(self.numbers) == codes.shape[1] else codes[:, self.numbers]
        largest = float(max(given.max(), -given.min())) if given.size else 0.0
        if not largest <= LARGEST:
            missing = np.isnan(given)
            if (np.abs(given[~missing]) > LARGEST).any() or missing[:, self.refuses[self.numbers]].any():
                raise AskTheEstimator
        if any(self.refuses[at] and np.isnan(codes[:, at]).any() for at in self.others):
            raise AskTheEstimator
        if self.flags and not (codes[:, self.flags].max(initial=0.0) <= 1):
            raise AskTheEstimator  # with a third value the column is of another type
        return largest

    def forget(self) -> None:
        """Forget categories that were seen in trials only."""
        for part in self.parts:
            if isinstance(part, Table):
                part.forget()

    def origins(self) -> NDArray[np.int64] | None:
        """(features,) the column of the codes that each column of the matrix is made of; None where it is of several.

        A category's one-hot columns are all of one: so whoever explains the matrix can explain the table.
        """
        found: list[int] = []
        for part in self.parts:
            origin = part.origin if isinstance(part, Numbers) else [part.source] * part.width
            if origin is None or len(origin) != part.width:
                return None
            found += origin
        followed = _followed(self.steps, found)
        return None if followed is None else np.array(followed, dtype=np.int64)

    def dense(self, codes: Codes) -> Any:
        """(rows, features) float64, rows together; the codes themselves where they are the matrix: do not change it."""
        if self.is_the_codes:
            return self._after(np.ascontiguousarray(codes, dtype=float))
        if self.sparse and self.steps:
            return np.asarray(self.as_trained(codes).toarray())
        return self._after(self._filled(codes, "C"))

    def as_trained(self, codes: Codes) -> Any:
        """The matrix in the type and layout that the transformers give."""
        if self.sparse:
            return self._after(self._csr(codes))
        matrix = self._filled(codes, self.order)
        if self.dtype.kind == "f" or np.array_equal(matrix, np.rint(matrix)):  # whole numbers stay so until one is not
            matrix = matrix.astype(self.dtype, copy=False)
        return self._after(matrix)

    def _filled(self, codes: Codes, order: Any) -> Array:
        matrix, at = np.empty((len(codes), self.width), order=order), 0
        positions = self._positions(codes)
        for number, part in enumerate(self.parts):
            into = matrix[:, at : at + part.width]
            if isinstance(part, Table):
                into[:] = part.rows()[positions[number]]
            else:
                part.fill(codes, into)
            at += part.width
        return matrix

    def _positions(self, codes: Codes) -> dict[int, Array]:
        """For each table among the parts, the row that each code is."""
        tables = {number: part for number, part in enumerate(self.parts) if isinstance(part, Table)}
        plain = [number for number, table in tables.items() if table.known is None and not table.refused.any()]
        found: dict[int, Array] = {}
        if plain:  # all at once where they are what they should be
            given = codes[:, [tables[number].source for number in plain]]
            with np.errstate(invalid="ignore"):
                at = given.astype(np.intp)
            sizes = np.array([len(tables[number].values) for number in plain])
            if (at == given).all() and (at >= 0).all() and (at < sizes).all():
                found = dict(zip(plain, at.T, strict=True))
        return found | {number: table.positions(codes) for number, table in tables.items() if number not in found}

    def _after(self, matrix: Any) -> Any:
        """What the later transformers make of the matrix."""
        for step in self.steps:
            matrix = step.transform(matrix)
        return np.asarray(matrix) if hasattr(matrix, "iloc") else matrix

    def _csr(self, codes: Codes) -> Any:
        """What is not zero, row by row: at most one number of each table, and the numbers themselves."""
        values, where, at = [], [], 0
        positions = self._positions(codes)
        for number, part in enumerate(self.parts):
            if isinstance(part, Table):
                singles = part.singles()
                if singles is None:
                    return self.kind(self._filled(codes, "C"))
                values.append(singles[1][positions[number]][:, None])
                where.append((at + singles[0][positions[number]])[:, None])
            else:
                block = np.empty((len(codes), part.width))
                part.fill(codes, block)
                values.append(block)
                where.append(np.broadcast_to(np.arange(at, at + part.width), block.shape))
            at += part.width
        numbers, columns = np.concatenate(values, axis=1), np.concatenate(where, axis=1)
        there = numbers != 0
        begins = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
        return self.kind((numbers[there], columns[there].astype(np.int32), begins), shape=(len(codes), self.width))


def check_single(matrix: Array) -> None:
    """Raise AskTheEstimator where a number is too large for float32, which libraries refuse."""
    inside = matrix.max(initial=0.0) < FLOAT32_MAX and matrix.min(initial=0.0) > -FLOAT32_MAX
    if not inside and (np.abs(matrix[matrix == matrix]) >= FLOAT32_MAX).any():
        raise AskTheEstimator


class Reader:
    """Finds the parts of a model's first transformers. model: a FittedModel."""

    def __init__(self, model: Any, coder: Coder) -> None:
        """coder: what probes decode with; it may be exchanged later for one with the same codes."""
        self.model = model
        self.coder = coder
        self.base = self.coder.encode(model.sample(1))
        for name in self.coder.numbers:
            if getattr(self.coder.dtypes[name], "itemsize", 8) < 8 and self.coder.dtypes[name].kind == "f":
                raise Unsupported(f"the column {name!r} holds numbers of single precision")

    def encoder(self, steps: Sequence[Any]) -> Encoder:
        """steps: the transformers before the last step, none for a model that takes the table itself."""
        prepared = self.model.prepared(self.model.sample(REFERENCE_ROWS))
        if not steps:
            types = [self.coder.dtypes[name] for name in self.coder.names]
            whole = all(isinstance(each, np.dtype) and each.kind in "iu" for each in types)
            dtype = np.result_type(*types) if whole else float
            return Encoder(self._bare(), [], np.empty((2, len(types)), order="F", dtype=dtype), self.coder)
        first, *rest = steps
        everything = list(range(len(self.coder.names)))
        if type(first).__name__ == "ColumnTransformer":
            parts = [part for branch, columns in _branches(first) for part in self._branch(branch, columns)]
        else:
            parts = self._branch([first], everything)
        reference = first.transform(prepared)
        encoder = Encoder(parts, rest, reference, self.coder)
        if encoder.width != reference.shape[1]:
            raise Unsupported("its first step makes other columns than expected")
        return encoder

    def _bare(self) -> list[Part]:
        """The table itself: numbers as they are, categories as the positions that a booster counts."""
        parts: list[Part] = []
        for at, name in enumerate(self.coder.names):
            if name not in self.coder.categories:
                parts.append(Numbers([at], [], 1, origin=[at]))
            elif name in self.model.booster_categories or self.coder.is_flag(name):
                parts.append(self._table(at, 1, lambda codes, at=at: self._position_of(at, codes)))
            else:
                raise Unsupported(f"it takes the text of {name!r} itself")
        return _merged(parts)

    def _position_of(self, at: int, codes: Array) -> tuple[Array, Array]:
        name = self.coder.names[at]
        if name not in self.model.booster_categories:
            return codes[:, None], np.isnan(codes) | (codes > 1)
        known = {value: float(place) for place, value in enumerate(self.model.booster_categories[name])}
        values = [np.nan if np.isnan(code) else known.get(self.coder.categories[name][int(code)]) for code in codes]
        return np.array(values, dtype=float)[:, None], np.zeros(len(codes), dtype=bool)

    def _table(self, at: int, width: int, probe: Any, known: Array | None = None) -> Table:
        name = self.coder.names[at]
        size = len(self.coder.categories[name]) if name in self.coder.categories else 0
        strange = 0.0 if known is None or not len(known) else float(np.floor(known.max()) + 1)
        return Table(at, width, probe, size, known, strange)

    def _branch(self, branch: Sequence[Any], columns: Sequence[int]) -> list[Part]:
        names = [self.coder.names[at] for at in columns]
        discrete = [step for step in branch if type(step).__name__ in DISCRETE]
        if not columns:
            return []
        if not discrete and not any(name in self.coder.categories for name in names):
            width, by_column = self._width(branch, columns), not all(is_known(step) for step in branch)
            origin = _followed(branch, list(columns))
            return [Numbers(list(columns), [formula(step) for step in branch], width, by_column, origin)]
        if not branch:
            return [self._table(at, 1, lambda codes, at=at: self._position_of(at, codes)) for at in columns]
        if unknown := [type(step).__name__ for step in branch if not _columnwise(step)]:
            raise Unsupported(f"{unknown[0]} on categories has no compiled form")
        parts: list[Part] = []
        begin = 0
        for place, (at, width) in enumerate(zip(columns, self._widths(branch, len(columns)), strict=True)):
            known = None
            if self.coder.names[at] not in self.coder.categories:
                known = _known_numbers(branch, place)
            parts.append(self._table(at, width, self._probe(branch, columns, at, slice(begin, begin + width)), known))
            begin += width
        return parts

    def _width(self, branch: Sequence[Any], columns: Sequence[int]) -> int:
        block = np.array(self.base[:, columns])
        for step in branch:
            block = formula(step)(block)
        return int(block.shape[1])

    def _widths(self, branch: Sequence[Any], count: int) -> list[int]:
        for step in branch:
            if type(step).__name__ == "OneHotEncoder":
                return [int(width) for width in step._n_features_outs]
        return [1] * count

    def _probe(self, branch: Sequence[Any], columns: Sequence[int], at: int, out: slice) -> Any:
        """What the branch makes of codes of the column `at`: columns `out` of its result, and which it refuses."""

        name = self.coder.names[at]
        kinds = {type(value) for value in self.coder.categories.get(name, [])}

        def probe(codes: Array) -> tuple[Array, Array]:
            if name in self.coder.categories:
                values = [self.coder.categories[name][int(code)] for code in codes if code == code]
                if not {type(value) for value in values} <= kinds:  # another type may be taken otherwise beside it
                    return np.zeros((len(codes), out.stop - out.start)), np.ones(len(codes), dtype=bool)
            rows = np.repeat(self.base, len(codes), axis=0)
            rows[:, at] = codes
            try:
                given = self.model.prepared(self.coder.decode(rows))
                given = given[:, columns] if isinstance(given, np.ndarray) else given.iloc[:, list(columns)]
                for step in branch:
                    given = step.transform(given)
                made = given.toarray() if hasattr(given, "toarray") else np.asarray(given)
                return np.asarray(made[:, out], dtype=float), np.zeros(len(codes), dtype=bool)
            except Exception:
                if len(codes) <= 1:
                    return np.zeros((len(codes), out.stop - out.start)), np.ones(len(codes), dtype=bool)
            singly = [probe(codes[k : k + 1]) for k in range(len(codes))]
            return np.concatenate([made for made, _ in singly]), np.concatenate([refused for _, refused in singly])

        return probe


def _branches(transformer: Any) -> list[tuple[list[Any], list[int]]]:
    """Each branch of a ColumnTransformer: its transformers and the positions of its columns, in the order of output."""
    found = []
    for name, step, _ in transformer.transformers_:
        columns = [int(at) for at in transformer._transformer_to_input_indices.get(name, [])]
        if isinstance(step, str) and step == "drop":
            continue
        found.append((_flat(step), columns))
    return found


def _flat(step: Any) -> list[Any]:
    if step is None or isinstance(step, str):
        return []
    if getattr(step, "steps", None):
        return [inner for _, each in step.steps for inner in _flat(each)]
    if type(step).__name__ == "FunctionTransformer":
        inner = getattr(step.func, "func", None)  # HistGradientBoosting checks its numbers with one
        if step.func is None or getattr(inner, "__name__", "") == "check_array":
            return []
    return [step]


def _columnwise(step: Any) -> bool:
    """Whether each column comes out the same whatever the others hold."""
    name = type(step).__name__
    if not type(step).__module__.startswith("sklearn.") or name not in COLUMNWISE:
        return False
    if name == "SimpleImputer":
        kept = not any(value != value for value in step.statistics_) or step.keep_empty_features
        return not step.add_indicator and kept
    return not (name == "TargetEncoder" and step.target_type_ == "multiclass")


def _followed(steps: Sequence[Any], columns: list[int]) -> list[int] | None:
    """What the columns that come out of the steps are made of, one each; None where of several."""
    for step in steps:
        places = made_of(step, len(columns))
        if places is None:
            return None
        columns = [columns[place] for place in places]
    return columns


def _known_numbers(branch: Sequence[Any], place: int) -> Array:
    """The numbers that the first discrete step tells apart."""
    for step in branch:
        name = type(step).__name__
        if name in DISCRETE:
            try:
                values = np.array(step.categories_[place], dtype=float)
            except (TypeError, ValueError):
                raise Unsupported("numbers are compared with text") from None
            return np.unique(values[~np.isnan(values)])
        if name != "SimpleImputer" or np.asarray(step.statistics_).dtype.kind != "f":
            break
    raise Unsupported("numbers become categories in a way that is not known")


def _merged(parts: list[Part]) -> list[Part]:
    """Neighbouring numbers in one block."""
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, Numbers) and isinstance(last, Numbers) and not part.steps and not last.steps:
            sources = [*last.sources, *part.sources]
            merged[-1] = Numbers(sources, [], len(sources), origin=sources)
        else:
            merged.append(part)
    return merged
