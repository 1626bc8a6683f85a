"""Every bad data file gets an error that says what is wrong and what to do."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assessments.battery.errors import LoadError
from assessments.battery.plan import Limits
from assessments.battery.tables import read_frame
from tests.battery.applicants import applicants

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def refused_data(path, format="csv", **limits) -> LoadError:
    with pytest.raises(LoadError) as refused:
        read_frame(path, format, Limits(**limits))
    assert refused.value.message
    assert refused.value.hint
    return refused.value


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_data"),
        (b"\n\n", "empty_data"),
        (b"a,b\n", "empty_data"),
        (b"a,b\n" + b"1,2\n" * 10, "too_few_rows"),
        (b"a,b,a\n" + b"1,2,3\n" * 40, "unreadable_data"),
        (b"a,b\n" + b"1,2\n" * 40 + b"1,2,3\n", "unreadable_data"),
        (b"a,b\n" + b"1,2,3\n" * 40, "unreadable_data"),
        (PNG, "unreadable_data"),
    ],
    ids=["empty", "blank", "no rows", "ten rows", "same name", "ragged", "all ragged", "png"],
)
def test_a_bad_csv_is_refused(tmp_path, content, code):
    (tmp_path / "data.csv").write_bytes(content)
    assert refused_data(tmp_path / "data.csv").code == code


@pytest.mark.parametrize("format", ["parquet", "joblib", "xlsx"])
def test_what_is_no_table_of_the_format_is_refused(tmp_path, format):
    (tmp_path / "data").write_text("a,b\n1,2\n")
    assert refused_data(tmp_path / "data", format).code == "unreadable_data"


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_too_many_rows_or_columns_are_refused(tmp_path, format):
    path = written(applicants(50), tmp_path, format)
    assert refused_data(path, format, max_rows=49).code == "too_many_rows"
    assert refused_data(path, format, max_columns=3).code == "too_big"


def written(frame: pd.DataFrame, folder, format: str):
    path = folder / f"data.{format}"
    if format == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_each_format_gives_the_same_plain_table(tmp_path, format):
    frame = applicants(60)
    path = written(frame.astype({"job": "category", "sex": "str"}), tmp_path, format)
    found, _ = read_frame(path, format)
    pd.testing.assert_frame_equal(found, frame)
    assert (found["job"] == "?").any()
    assert found["income"].isna().any()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_delimiter_and_encoding_are_found(tmp_path, delimiter, encoding):
    rows = [["name", "größe"]] + [[f"Zoë, no. {i}" if delimiter != "," else f"Zoë {i}", str(i)] for i in range(40)]
    (tmp_path / "data.csv").write_text("\n".join(delimiter.join(row) for row in rows), encoding=encoding)
    frame, notes = read_frame(tmp_path / "data.csv", "csv")
    assert list(frame) == ["name", "größe"]
    assert frame["größe"].tolist() == list(range(40))
    assert frame["name"][3].startswith("Zoë")
    assert any("Latin-1" in note for note in notes) is (encoding == "latin-1")


def test_nullable_and_date_columns_become_plain(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None] * 20, dtype="Int64"),
            "full": pd.array([1, 2] * 20, dtype="Int64"),
            "flag": pd.array([True, None] * 20, dtype="boolean"),
            "day": pd.to_datetime(["2026-01-01", None] * 20),
            "band": pd.Categorical([3, 1] * 20),
        }
    )
    frame.to_parquet(tmp_path / "data.parquet")
    found, _ = read_frame(tmp_path / "data.parquet", "parquet")
    assert found.dtypes.astype(str).tolist() == ["float64", "int64", "object", "object", "int64"]
    assert found["day"][0] == "2026-01-01"
    assert found.isna().sum().tolist() == [20, 0, 20, 20, 0]


def test_a_profile_needs_only_pandas(tmp_path):
    path = written(applicants(60), tmp_path, "csv")
    code = (
        "import sys, runpy; sys.argv = ['battery', '--profile', sys.argv[1], '--format', 'csv']\n"
        "from assessments.battery.__main__ import main\n"
        "assert main(sys.argv[1:], sys.stdout) == 0\n"
        "assert not {'sklearn', 'art', 'shap', 'django'} & set(sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    profile = json.loads(answer.stdout)
    income = next(column for column in profile["columns"] if column["name"] == "income")
    frame = applicants(60)
    assert profile["rows"] == 60
    assert income["missing"] == frame["income"].isna().sum()
    assert income["mean"] == pytest.approx(frame["income"].mean(), abs=1e-12)
    assert income["std"] == pytest.approx(frame["income"].std(), abs=1e-12)
    job = next(column for column in profile["columns"] if column["name"] == "job")
    assert dict(job["top"]) == frame["job"].value_counts().to_dict()
    assert job["kind"] == "category"


# Files that are made to exhaust their reader


def test_rows_times_columns_are_bounded_by_the_footer(tmp_path):
    pq.write_table(pa.table({f"c{i}": pa.nulls(2000) for i in range(50)}), tmp_path / "data.parquet")
    assert refused_data(tmp_path / "data.parquet", "parquet", max_cells=99_999).code == "too_big"
    (tmp_path / "data.csv").write_text("a,b\n" + "1,2\n" * 60)
    assert refused_data(tmp_path / "data.csv", max_cells=119).code == "too_big"


def test_a_small_file_that_grows_is_stopped_while_it_is_read(tmp_path, monkeypatch):
    """Dictionary encoding: one text of 50 kB, 40,000 times, in some hundred kilobytes."""
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(40_000, dtype=np.int32)), pa.array(["x" * 50_000]))
    pq.write_table(pa.table({"text": text.cast(pa.large_string())}), tmp_path / "data.parquet", compression="zstd")
    assert (tmp_path / "data.parquet").stat().st_size < 1_000_000
    monkeypatch.setattr("assessments.battery.tables.MOST_BYTES", 1 << 30)
    assert "grows to more than 1 GB" in refused_data(tmp_path / "data.parquet", "parquet").message


NO_PLAIN_TYPES = {
    "list": pa.array([[1]] * 40),
    "struct": pa.array([{"a": 1}] * 40),
    "map": pa.array([[("a", 1)]] * 40, pa.map_(pa.string(), pa.int64())),
    "bytes": pa.array([b"a"] * 40),
    "fixed bytes": pa.array([b"ab"] * 40, pa.binary(2)),
    "list in a dictionary": pa.array([[1.5, 2.5]] * 40, pa.list_(pa.float64(), 2)),
}


@pytest.mark.parametrize("kind", NO_PLAIN_TYPES)
def test_a_column_of_no_plain_values_is_refused(tmp_path, kind):
    pq.write_table(pa.table({"good": np.arange(40), "odd": NO_PLAIN_TYPES[kind]}), tmp_path / "data.parquet")
    error = refused_data(tmp_path / "data.parquet", "parquet")
    assert (error.code, "'odd'" in error.message) == ("unreadable_data", True)


def test_an_extension_type_is_refused(tmp_path):
    """None of its Python code is asked for: pandas has such types for periods and intervals."""
    frame = pd.DataFrame({"month": pd.period_range("2020-01", periods=40, freq="M"), "x": range(40)})
    frame.to_parquet(tmp_path / "data.parquet")
    assert "'month'" in refused_data(tmp_path / "data.parquet", "parquet").message


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_cell_without_end_is_refused(tmp_path, format):
    frame = pd.DataFrame({"a": range(40), "text": ["short"] * 39 + ["x" * 100_001]})
    assert refused_data(written(frame, tmp_path, format), format).code == "too_big"


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_column_s_name_has_an_end(tmp_path, format):
    frame = pd.DataFrame({"a": range(40), "n" * 300: range(40)})
    assert "300 characters" in refused_data(written(frame, tmp_path, format), format).message


ODD_CSV = {
    "a quote that never ends": b'a,b\n"' + b"1,2\n" * 60_000,
    "a first line without end": b"a" * 3_000_000,
    "a field over the limit of csv": b'a,"' + b"b" * 200_000 + b'"\n' + b"1,2\n" * 40,
    "half a character of UTF-16": b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8",
    "a million columns": b",".join(b"c%d" % i for i in range(200_000)) + b"\n",
}


@pytest.mark.parametrize("content", ODD_CSV.values(), ids=ODD_CSV)
def test_an_odd_csv_is_refused_with_what_to_do(tmp_path, content):
    (tmp_path / "data.csv").write_bytes(content)
    assert refused_data(tmp_path / "data.csv").code in {"unreadable_data", "too_big", "empty_data", "too_few_rows"}
