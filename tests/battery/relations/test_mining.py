"""Planted relations are found, and noise suggests nothing."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.relations.checking import relations_of
from assessments.battery.relations.mining import suggest


def kinds_of(frame):
    return {c: "number" if pd.api.types.is_numeric_dtype(frame[c]) else "category" for c in frame}


def texts_of(frame):
    return [each.text for each in suggest(frame, kinds_of(frame))]


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    n = 600
    grade = rng.integers(0, 4, n)
    total = rng.integers(1, 30, n)
    fee, price = rng.integers(1, 50, n), rng.integers(100, 999, n)
    return pd.DataFrame(
        {
            "grade": np.array(["low", "mid", "high", "it's top"])[grade],
            "grade number": grade * 3 + 1,
            "open": (total * rng.random(n)).astype(int),
            "total": total,
            "fee": fee,
            "price": price,
            "paid": fee + price,
            "monthly": price * 1.0,
            "yearly": price * 12.0,
            "noise": rng.normal(size=n),
            "plan": np.where(grade == 3, "gold", np.where(rng.random(n) < 0.5, "blue", "red")),
        }
    )


def test_planted_relations_are_found(people):
    found = texts_of(people)
    assert "`grade number` = map(grade, {'low': 1, 'mid': 4, 'high': 7, 'it\\'s top': 10})" in found
    assert "open <= total" in found
    assert "yearly = 12 * price" in found or "yearly = 12 * monthly" in found
    assert "paid = fee + price" in found
    assert "if grade = 'it\\'s top' then plan = 'gold'" in found


def test_all_that_is_suggested_is_a_relation_of_the_data(people):
    found = suggest(people, kinds_of(people))
    for each, relation in zip(found, relations_of([s.text for s in found], kinds_of(people)), strict=True):
        assert each.broken == int((~relation.holds(people)).sum()) <= 0.001 * len(people)
        assert each.columns == list(relation.columns)
        assert each.why


def test_noise_suggests_nothing():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {f"n{i}": rng.normal(size=500) for i in range(6)} | {f"c{i}": rng.choice(list("abc"), 500) for i in range(4)}
    )
    assert texts_of(frame) == []


def test_a_column_that_is_lower_by_its_unit_alone_suggests_nothing():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"share": rng.random(500), "income": rng.integers(1000, 9000, 500)})
    assert texts_of(frame) == []


def test_the_same_data_gives_the_same_suggestions(people):
    assert suggest(people, kinds_of(people)) == suggest(people, kinds_of(people))


def test_education_and_its_number_are_found_in_adult(adult_csv):
    frame = pd.read_csv(adult_csv)
    (text,) = [text for text in texts_of(frame) if text.startswith("education_num")]
    assert "'Bachelors': 13" in text
