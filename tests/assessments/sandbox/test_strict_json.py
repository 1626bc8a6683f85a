"""What a hostile process may write, and what of it gets through."""

import pytest

from assessments.sandbox import strict_json
from assessments.sandbox.plain_text import plain


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", '{"a": Infinity}', "[1e999]", '{"a": 1, "a": 2}', "9" * 5000, str(2**64), "[" * 20 + "]" * 20]
    + ["[" * 100_000, "[" + "0," * 500_001 + "0]"],
    ids=lambda text: text[:12] or "nothing",
)
def test_what_is_not_fit_is_refused(text):
    with pytest.raises(strict_json.NotFit):
        strict_json.parse(text)


def test_ordinary_values_come_through_as_they_are():
    assert strict_json.parse('{"a": [1, 2.5, null, true, "é\\n"]}') == {"a": [1, 2.5, None, True, "é\n"]}


def test_texts_are_cleaned_everywhere():
    assert strict_json.parse('{"a\\u0000": ["\\ud800b", "\\u202edcba"]}') == {"a": ["b", "dcba"]}


def test_long_text_is_cut_and_says_so():
    assert plain("x" * 50, 10) == "x" * 9 + "…"


def test_terminal_colours_are_removed():
    assert plain("\x1b[1;31mred\x1b[0m") == "red"
