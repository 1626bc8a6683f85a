"""What may be written as a relation, and what the parser says of the rest."""

import pytest

from assessments.battery.relations.language import BadRelation, parse

KINDS = {
    "a": "number",
    "b": "number",
    "job": "category",
    "town": "category",
    "hours per week": "number",
    "log": "number",
}

GOOD = [
    "a <= b",
    "a ≤ b",
    "a = b + 2 * log(b) - 1",
    "a = -b ^ 2",
    "a × b ÷ 2 ≥ 0",
    "a = b * `hours per week` within 0.01",
    "a = b within 1%",
    "(a + b) * 2 = 4",
    "(a = b) and (a > 0 or b > 0)",
    "((a + b)) / 2 < 3",
    "not a = b",
    "a in {1, 2, -3}",
    "job in {'x', 'y'}",
    "job not in {'x'}",
    "job = town",
    "job = 1",
    "if job = 'x' then a > 0",
    "if job = 'x' then if town = 'y' then a = 1",
    "count(a > 0, b > 0, job = 'x') <= 2",
    "divide(a, b, 0) <= 1",
    "a = map(job, {'x': 1, 'y': 2})",
    "town = map(job, {'x': 'p', 'y': 'q'})",
    "town = map(a, {1: 'p', 2: 'q'})",
    "min(a, b) < max(a, b, 3) + sum(a, b)",
    "a mod 2 = 0",
    'job = "it\'s"',
    "log > 1",
    "IF a = 1 THEN b = 2",
]


@pytest.mark.parametrize("text", GOOD)
def test_is_understood(text):
    assert parse(text, KINDS).columns


BAD = [
    ("", "empty"),
    ("a", "a comparison"),
    ("a <", "at the end"),
    ("a <= c", "no column 'c'"),
    ("a <= b c", "nothing more was expected at character 8"),
    ("a + job = 2", "computes with job, which is text"),
    ("job < 'x'", "Text has no order"),
    ("a = 'x'", "compares text with a number"),
    ("job = 'x' within 1", "tolerance is for numbers"),
    ("a = b within -1", "tolerance from 0"),
    ("a in {1, 'x'}", "of another type"),
    ("a = map(job, {'x': 1, 'x': 2})", "each value once"),
    ("a = map(job, {'x': 1, 'y': 'z'})", "one type"),
    ("a = log(1, 2)", "log takes 1 values, not 2"),
    ("1 = 1", "speaks of no column"),
    ("a = b; drop", "not understood"),
    ("a.__class__ = 1", "not understood"),
    ("a = __import__('os')", "no column '__import__'"),
    ("(a = b", "')' was expected"),
    ("(" * 60 + "a" + ")" * 60 + " = 1", "nested too deeply"),
    ("a = " + "1 + " * 2000 + "1", "characters"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_is_refused_with_a_reason(text, said):
    with pytest.raises(BadRelation, match=said.replace("(", r"\(").replace(")", r"\)")):
        parse(text, KINDS)


def test_brackets_that_could_be_read_in_many_ways_end_quickly():
    text = "count((" * 18 + "a = 1" + "))" * 18 + " = 1"
    with pytest.raises(BadRelation):
        parse("(" + text + " and", KINDS)


def test_names_the_columns_in_order_of_mention():
    assert parse("if job = 'x' then `hours per week` <= a + a", KINDS).columns == ("job", "hours per week", "a")


def test_precedence_is_that_of_arithmetic():
    same = [
        ("a = 1 + 2 * b ^ 2", "a = 1 + (2 * (b ^ 2))"),
        ("a = -b ^ 2", "a = -(b ^ 2)"),
        ("a = 2 ^ -b", "a = 2 ^ (-b)"),
    ]
    for one, other in same:
        assert parse(one, KINDS).tree == parse(other, KINDS).tree
    assert parse("a = 1 or a = 2 and b = 3", KINDS).tree == parse("a = 1 or (a = 2 and b = 3)", KINDS).tree
