"""The planted bias is as documented, and it is the only one."""

import numpy as np
import pytest

from modelrisk.demo import census as demo
from modelrisk.demo.census import FAVOURABLE, PLANTED_FLIP, TARGET


@pytest.fixture(scope="module")
def table():
    return demo.census(rows=60_000, seed=7)


def rate(rows) -> float:
    return float((rows[TARGET] == FAVOURABLE).mean())


def distance(a, b) -> float:
    """Difference of two groups' rates of the favourable label, in standard errors."""
    spread = sum(rate(g) * (1 - rate(g)) / len(g) for g in (a, b))
    return abs(rate(a) - rate(b)) / np.sqrt(spread)


def test_women_hold_the_label_as_rarely_as_planted(table):
    women, men = table[table.sex == "Female"], table[table.sex == "Male"]
    expected = rate(men) * (1 - PLANTED_FLIP)
    assert abs(rate(women) - expected) < 4 * np.sqrt(expected * (1 - expected) / len(women))
    assert distance(women, men) > 10


def test_merit_knows_no_sex():
    rng = np.random.default_rng(7)
    table = demo.people(60_000, rng)
    table[TARGET] = np.where(demo.merit(table, rng), FAVOURABLE, "<=50K")
    assert distance(table[table.sex == "Female"], table[table.sex == "Male"]) < 4


def test_no_bias_is_planted_on_race(table):
    assert distance(table[table.race == "Black"], table[table.race == "White"]) < 4


def test_no_fact_but_the_label_depends_on_sex(table):
    women, men = table[table.sex == "Female"], table[table.sex == "Male"]
    for column in ["age", "education_num", "hours_per_week"]:
        error = np.sqrt(women[column].var() / len(women) + men[column].var() / len(men))
        assert abs(women[column].mean() - men[column].mean()) < 4 * error


def test_the_same_seed_gives_the_same_table():
    assert demo.census(500, seed=3).equals(demo.census(500, seed=3))
    assert not demo.census(500, seed=3).equals(demo.census(500, seed=4))
