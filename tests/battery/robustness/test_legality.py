"""What no person could do to a row is found, one kind at a time."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.plan import Column
from assessments.battery.robustness import _legality as legality
from tests.battery.subjects import Rule, subject_of

COLUMNS = {
    "age": Column("age", kind="number", mutable="fixed", integer=True, min=17, max=90),
    "gain": Column("gain", kind="number", integer=True, min=0, max=1000),
    "study": Column("study", kind="number", mutable="up", integer=True, min=1, max=16),
    "debt": Column("debt", kind="number", mutable="down", integer=False, min=0.0, max=7.0),
    "job": Column("job", kind="category"),
    "sex": Column("sex", kind="category", mutable="fixed"),
}


class GainAtLeastAge:
    text = "gain >= age"

    def holds(self, frame):
        return (frame["gain"] >= frame["age"]).to_numpy()


@pytest.fixture
def before():
    return pd.DataFrame(
        {
            "age": [20, 30, 95],
            "gain": [50, 500, 1200],
            "study": [3, 16, 9],
            "debt": [2.5, 6.3, np.nan],
            "job": ["a", "b", None],
            "sex": ["f", "m", "f"],
        }
    )


def changed(before, row, **values):
    after = before.copy()
    for name, value in values.items():
        after[name] = after[name].astype(object)
        after.loc[row, name] = value
        if COLUMNS[name].kind == "number":
            after[name] = after[name].astype(float)
    return after


def kinds_of(before, after, **options):
    found = legality.violations(before, after, COLUMNS, **options)
    assert (found.legal == ~np.any(list(found.kinds.values()), axis=0)).all()
    return {kind: np.flatnonzero(rows).tolist() for kind, rows in found.kinds.items() if rows.any()}


def test_untouched_rows_are_legal_even_outside_the_bounds(before):
    assert kinds_of(before, before.copy()) == {}


@pytest.mark.parametrize(
    ("row", "values", "kind"),
    [
        (0, {"age": 21}, legality.FIXED),
        (0, {"sex": "m"}, legality.FIXED),
        (0, {"study": 2}, legality.DIRECTION),
        (1, {"debt": 6.4}, legality.DIRECTION),
        (0, {"gain": 1001}, legality.BOUNDS),
        (0, {"gain": -1}, legality.BOUNDS),
        (2, {"gain": 1201}, legality.BOUNDS),
        (0, {"gain": float("inf")}, legality.BOUNDS),
        (0, {"gain": 50.5}, legality.INTEGER),
        (0, {"job": "z"}, legality.UNKNOWN_CATEGORY),
        (2, {"debt": 1.0}, legality.MISSING),
        (0, {"debt": np.nan}, legality.MISSING),
        (2, {"job": "a"}, legality.MISSING),
    ],
)
def test_each_impossible_change_is_named(before, row, values, kind):
    assert kinds_of(before, changed(before, row, **values)) == {kind: [row]}


@pytest.mark.parametrize(
    ("row", "values"),
    [(0, {"gain": 1000}), (0, {"study": 16}), (1, {"debt": 0.0}), (0, {"job": "b"}), (2, {"gain": 1100})],
)
def test_what_a_person_could_change_is_legal(before, row, values):
    assert kinds_of(before, changed(before, row, **values)) == {}


def test_filling_a_fixed_missing_value_counts_as_changing_it(before):
    gone = changed(before, 0, sex=None)
    assert kinds_of(gone, before)[legality.FIXED] == [0]


def test_categories_may_come_from_elsewhere(before):
    after = changed(before, 0, job="z")
    assert kinds_of(before, after, categories={"job": ["a", "b", "z"]}) == {}


def test_a_relation_counts_where_the_row_kept_it_before(before):
    after = changed(before, 0, gain=10)
    found = legality.violations(before, after, COLUMNS, [GainAtLeastAge()])
    assert found.broken["gain >= age"].tolist() == found.kinds[legality.RELATION].tolist()
    assert found.kinds[legality.RELATION].tolist() == [True, False, False]
    assert not legality.violations(after, after, COLUMNS, [GainAtLeastAge()]).kinds[legality.RELATION].any()


def test_shares_are_of_all_rows(before):
    found = legality.violations(before, changed(before, 0, age=21), COLUMNS)
    assert found.shares()[legality.FIXED] == pytest.approx(1 / 3)
    assert legality.violations(before[:0], before[:0], COLUMNS).shares()[legality.FIXED] == 0


def test_known_categories_are_those_of_the_data_and_the_training_data():
    rows = pd.DataFrame({"job": ["a", "b"] * 40, "y": [0, 1] * 40})
    reference = pd.DataFrame({"job": ["a", "c"], "y": [0, 1]})
    model = Rule(lambda frame: frame["job"] == "b", ["job"])
    subject = subject_of(rows, model, reference=reference)
    assert sorted(legality.known_categories(subject)["job"]) == ["a", "b", "c"]
