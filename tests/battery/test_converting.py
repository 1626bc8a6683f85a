"""A pickled table becomes the Parquet file that the same table would have been saved as."""

import io

import joblib
import numpy as np
import pandas as pd
import pytest

from assessments.battery.converting import CONVERTED, convert
from assessments.battery.errors import LoadError
from assessments.battery.tables import plain, read_frame
from tests.assessments.hostile import hostile_model
from tests.battery.applicants import applicants


def converted(thing, folder, **options) -> pd.DataFrame:
    joblib.dump(thing, folder / "data.joblib", **options)
    convert(folder / "data.joblib", folder)
    return read_frame(folder / CONVERTED, "parquet")[0]


@pytest.mark.parametrize("compress", [0, 3, ("lzma", 1)])
def test_a_table_is_the_same_after_the_conversion(tmp_path, compress):
    frame = applicants(60).astype({"job": "category", "sex": "str"})
    pd.testing.assert_frame_equal(converted(frame, tmp_path, compress=compress), applicants(60))


def test_odd_columns_are_converted_as_they_would_be_read(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None] * 20, dtype="Int64"),
            "flag": pd.array([True, None] * 20, dtype="boolean"),
            "day": pd.to_datetime(["2026-01-01", None] * 20),
            "band": pd.Categorical([3, 1] * 20),
            "small": np.arange(40, dtype=np.float32),
        },
        index=np.arange(40) * 7,
    )
    pd.testing.assert_frame_equal(converted(frame, tmp_path), plain(frame))


def test_the_same_table_gives_the_same_bytes(tmp_path):
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        converted(applicants(60), tmp_path / name)
        files.append((tmp_path / name / CONVERTED).read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ([1, 2], "holds a list"),
        (applicants(10), "at least 30"),
        (pd.DataFrame({"mixed": [1, "a"] * 20}), "cannot be saved as Parquet"),
        (pd.DataFrame({"x": [{1: 2}] * 40}), ""),
        (pd.DataFrame(), "no rows"),
    ],
    ids=["list", "few rows", "mixed", "dicts", "empty"],
)
def test_what_is_no_plain_table_is_refused(tmp_path, thing, said):
    with pytest.raises(LoadError) as refused:
        converted(thing, tmp_path)
    assert said in refused.value.message
    assert refused.value.hint


def test_what_is_known_to_be_bad_is_not_opened(tmp_path):
    frame = io.BytesIO()
    joblib.dump(applicants(60), frame)
    code = f"open({str(tmp_path / 'opened')!r}, 'w')"
    (tmp_path / "data.joblib").write_bytes(hostile_model(code, frame.getvalue()))
    with pytest.raises(LoadError) as refused:
        convert(tmp_path / "data.joblib", tmp_path)
    assert (refused.value.code, (tmp_path / "opened").exists()) == ("refused_file", False)
