"""Rows arrive as they were sent: types, bits, order in memory, missing values."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.oracle import rows

FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 2**53],
        "real": [0.1, float("nan"), -0.0],
        "small": np.array([1.5, 2.5, np.inf], dtype=np.float32),
        "flag": [True, False, True],
        "text": pd.Series(["a", float("nan"), "ü\n"], dtype=object),
        "mixed": pd.Series([1, 1.0, True], dtype=object),
        "words": pd.Series(["a", None, "ü"], dtype="str"),
        "none": pd.Series([None, "x", float("nan")], dtype=object),
        "band": pd.Categorical(["low", None, "high"], categories=["high", "low"], ordered=True),
        "level": pd.Categorical([3, 1, 3]),
    }
)


def sent(given):
    header, body = rows.written(given)
    return rows.read(header, body)


def test_a_table_arrives_with_the_same_types_and_values():
    found = sent(FRAME)
    pd.testing.assert_frame_equal(found, FRAME, check_exact=True)
    assert [type(value) for value in found["mixed"]] == [int, float, bool]
    assert np.signbit(found["real"][2])


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "?", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_arrives_bit_for_bit(dtype, order):
    array = np.asarray(np.arange(12).reshape(4, 3), dtype=dtype, order=order)
    found = sent(array)
    assert found.dtype == array.dtype
    assert (found.flags.c_contiguous, found.flags.f_contiguous) == (array.flags.c_contiguous, array.flags.f_contiguous)
    assert np.array_equal(found, array)


def test_an_array_of_objects_arrives_with_each_its_type():
    array = np.array([[1, "a"], [2.5, None], [True, float("nan")]], dtype=object)
    found = sent(array)
    assert found.shape == (3, 2)
    assert [type(value) for value in found.ravel()] == [type(value) for value in array.ravel()]


@pytest.mark.parametrize("given", [pd.DataFrame({"day": pd.to_datetime(["2026-01-01"])}), np.array(["2026"], "M8[D]")])
def test_other_types_are_not_sent(given):
    with pytest.raises(TypeError, match="cannot be asked about"):
        rows.written(given)


@pytest.mark.parametrize("value", [["float", "0x1p99999"], ["code", "x"], ["int", 5], ["none", 1], ["text", None]])
def test_a_value_that_is_none_is_refused(value):
    with pytest.raises((ValueError, OverflowError)):
        rows.untagged([value])
