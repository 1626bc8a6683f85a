"""How numbers are written, and where they stand on the bullet bar."""

from types import SimpleNamespace

import pytest

from modelrisk import numerals


def row(value, low=None, high=None, better="higher", warn=None, fail=None):
    return SimpleNamespace(value=value, low=low, high=high, better=better, warn=warn, fail=fail, unit="ratio")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.92731, "0.927"),
        (0.99962, "1.00"),
        (0.0123456, "0.0123"),
        (12.345, "12.3"),
        (4570.2, "4,570"),
        (-0.0061, "−0.00610"),
        (0, "0"),
        (3.33e-16, "3.33e-16"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_three_significant_digits(value, text):
    assert numerals.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.583, "58\u202f%"), (0.012, "1.2\u202f%"), (0, "0\u202f%"), (None, "–")])
def test_shares_as_percentages(value, text):
    assert numerals.percent(value) == text


def test_an_interval_needs_both_ends():
    assert numerals.interval(row(0.3, 0.28, 0.34)) == "[0.280, 0.340]"
    assert numerals.interval(row(0.3, 0.28)) == ""


@pytest.mark.parametrize(("better", "text"), [("higher", "≥ 0.80"), ("lower", "≤ 0.80")])
def test_the_threshold_is_the_limit_of_failing(better, text):
    assert numerals.threshold(row(0.3, better=better, warn=0.9, fail=0.8)) == text


def zones(value, better, warn, fail):
    found = numerals.bullet_geometry(value, None, None, better, warn, fail)["zones"]
    return [(zone["look"], zone["x"], round(zone["x"] + zone["width"], 2)) for zone in found]


def test_zones_of_higher_is_better_run_from_fail_to_pass():
    assert zones(0.31, "higher", 0.9, 0.8) == [("fail", 6, 156.4), ("warn", 156.4, 175.2), ("pass", 175.2, 194)]


def test_zones_of_lower_is_better_run_from_pass_to_fail():
    looks = [look for look, _, _ in zones(0.5, "lower", 0.1, 0.2)]
    assert looks == ["pass", "warn", "fail"]


@pytest.mark.parametrize("value", [0.0, 0.05, 0.3, 1.0, 7.5, -2.0])
def test_the_dot_and_the_zones_stay_on_the_bar(value):
    drawn = numerals.bullet_geometry(value, value - 0.01, value + 0.01, "lower", 0.1, 0.2)
    places = [drawn["x"], drawn["low"], drawn["high"]] + [z["x"] for z in drawn["zones"]]
    assert all(0 <= place <= numerals.WIDTH for place in places)
    assert sum(z["width"] for z in drawn["zones"]) == pytest.approx(numerals.WIDTH - 2 * numerals.INSET)


def test_the_sentence_says_what_the_picture_shows():
    drawn = numerals.bullet_geometry(0.31, 0.28, 0.34, "higher", 0.9, 0.8)
    assert drawn["sentence"] == (
        "Measured 0.310, 95 % interval 0.280 to 0.340, must be at least 0.80, should be at least 0.90"
    )


def test_a_change_within_both_intervals_is_chance():
    assert numerals.change(row(0.50, 0.46, 0.54), row(0.53, 0.49, 0.57))["word"] == "not significant"
    assert numerals.change(row(0.50, 0.49, 0.51), row(0.53, 0.52, 0.54))["way"] == "better"
    assert numerals.change(row(0.5, 0.49, 0.51, "lower"), row(0.53, 0.52, 0.54, "lower"))["way"] == "worse"
