"""From coded rows to the ranks that trees are run with, without the matrix between.

What a category's columns are, one-hot or whatever else, is known beforehand: so are their ranks. A row's rank in such a
column is looked up by its category; only numbers are scaled and searched for.
"""

import numpy as np

from assessments.battery.coder import Codes
from assessments.battery.predictors._columns import Array, Numbers, Table
from assessments.battery.predictors._encoding import Encoder, check_single
from assessments.battery.predictors._ensemble import Ensemble


def can_run(encoder: Encoder) -> bool:
    return not encoder.steps and all(isinstance(part, Numbers) or part.known is None for part in encoder.parts)


class Direct:
    """absent_is_missing: a zero of a sparse matrix is a missing value."""

    def __init__(self, encoder: Encoder, ensemble: Ensemble, absent_is_missing: bool) -> None:
        self.encoder, self.ensemble = encoder, ensemble
        self.blank = absent_is_missing and encoder.sparse
        self.starts = np.cumsum([0, *(part.width for part in encoder.parts)])
        self.home = np.searchsorted(self.starts, ensemble.source, side="right") - 1  # the part that a column is of
        self.blocks = {at: part for at, part in enumerate(encoder.parts) if isinstance(part, Numbers)}
        self.tables = {at: part for at, part in enumerate(encoder.parts) if isinstance(part, Table)}
        self._take_numbers()
        self._take_tables()

    def _take_numbers(self) -> None:
        """The columns of numbers get a matrix of their own."""
        begins = np.zeros(len(self.encoder.parts) + 1, dtype=np.int64)
        self.width = 0
        for at, part in self.blocks.items():
            begins[at], self.width = self.width, self.width + part.width
        mine = np.flatnonzero(np.isin(self.home, list(self.blocks)))
        source = self.ensemble.source[mine] - self.starts[self.home[mine]] + begins[self.home[mine]]
        self.searched = (source, *self.ensemble.searched(mine), mine)

    def _take_tables(self) -> None:
        """Look up what the ranks of each category are. Again when there are new ones."""
        self.sizes = {at: len(table.values) for at, table in self.tables.items()}
        source, place, size, begin = [], [], [], []
        ranks: list[Array] = [np.zeros(0, dtype=self.ensemble.code_type)]
        for at, table in self.tables.items():
            for column, own in zip(*self._ranks(at, table), strict=True):
                source.append(table.source)
                place.append(column)
                size.append(self.sizes[at])
                begin.append(sum(map(len, ranks)))
                ranks.append(own)
        where = [np.array(each, dtype=np.int64) for each in (source, place, size)]
        self.looked_up = (*where, np.concatenate(ranks), np.array(begin, dtype=np.int64))
        self.refused = [table for table in self.tables.values() if table.refused.any() or table.missing_refused.any()]

    def _ranks(self, at: int, table: Table) -> tuple[Array, list[Array]]:
        """The columns of the trees that are of the table, and for each the ranks of its categories."""
        from assessments.battery.predictors import _kernel

        mine = np.flatnonzero(self.home == at)
        rows = table.rows()
        rows = np.ascontiguousarray(np.where(rows == 0, np.nan, rows) if self.blank else rows)
        codes = np.zeros((len(rows), len(mine)), dtype=self.ensemble.code_type)
        source = self.ensemble.source[mine] - self.starts[at]
        _kernel.rank(rows, 0, len(rows), source, *self.ensemble.searched(mine), np.arange(len(mine)), codes)
        return mine, list(codes.T)

    def sums(self, codes: Codes) -> Array:
        """As the ensemble's sums of the matrix. Raises AskTheEstimator."""
        if any(len(table.values) != self.sizes[at] for at, table in self.tables.items()):
            self._take_tables()
        codes = np.require(codes, np.float64, ("C", "W"))
        for table in self.refused:
            table.positions(codes)
        numbers = self._numbers(codes)
        try:
            return self.ensemble.sums_of_ranks(len(codes), lambda *lot: self._rank(codes, numbers, *lot))
        except _Strange:
            for table in self.tables.values():
                table.positions(codes)  # learns new categories, or refuses
            return self.sums(codes)

    def _rank(self, codes: Codes, numbers: Array, first: int, last: int, into: Array) -> None:
        from assessments.battery.predictors import _kernel

        _kernel.rank(numbers, first, last, *self.searched, into)
        if not _kernel.look_up(codes, first, last, *self.looked_up, into):
            raise _Strange

    def _numbers(self, codes: Codes) -> Array:
        if self.encoder.is_the_codes:  # none is larger than `Encoder.check` allows, which float32 holds
            return codes
        found, at = np.empty((len(codes), self.width)), 0
        for part in self.blocks.values():
            part.fill(codes, found[:, at : at + part.width])
            at += part.width
        if self.ensemble.single:
            check_single(found)
        return np.where(found == 0, np.nan, found) if self.blank else found


class _Strange(Exception):
    """A number that is no category known so far."""
