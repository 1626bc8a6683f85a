"""Every bad data file gets an error that says what is wrong and what to do."""

import json
import subprocess
import sys

import joblib
import pandas as pd
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


@pytest.mark.parametrize("format", ["parquet", "joblib"])
def test_text_is_neither_parquet_nor_joblib(tmp_path, format):
    (tmp_path / "data").write_text("a,b\n1,2\n")
    assert refused_data(tmp_path / "data", format).code == "unreadable_data"


def test_a_joblib_of_something_else_is_no_data(tmp_path):
    joblib.dump([1, 2], tmp_path / "data.joblib")
    assert "holds a list" in refused_data(tmp_path / "data.joblib", "joblib").message


@pytest.mark.parametrize("format", ["csv", "parquet", "joblib"])
def test_too_many_rows_or_columns_are_refused(tmp_path, format):
    path = written(applicants(50), tmp_path, format)
    assert refused_data(path, format, max_rows=49).code == "too_many_rows"
    assert refused_data(path, format, max_columns=3).code == "too_big"


def written(frame: pd.DataFrame, folder, format: str):
    path = folder / f"data.{format}"
    if format == "csv":
        frame.to_csv(path, index=False)
    elif format == "parquet":
        frame.to_parquet(path)
    else:
        joblib.dump(frame, path)
    return path


@pytest.mark.parametrize("format", ["csv", "parquet", "joblib"])
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
    joblib.dump(frame, tmp_path / "data.joblib")
    found, _ = read_frame(tmp_path / "data.joblib", "joblib")
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
