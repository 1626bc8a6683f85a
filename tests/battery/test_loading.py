"""Every bad file gets an error that says what is wrong and what to do."""

import gzip
import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.errors import LoadError
from assessments.battery.estimator import check_classifier
from assessments.battery.loading import check_digest, load_model, read_frame
from assessments.battery.plan import File, Limits
from tests.battery.applicants import applicants

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def refused_model(path) -> LoadError:
    with pytest.raises(LoadError) as refused:
        check_classifier(load_model(path)[0])
    assert refused.value.message
    assert refused.value.hint
    return refused.value


def refused_data(path, format="csv", **limits) -> LoadError:
    with pytest.raises(LoadError) as refused:
        read_frame(path, format, Limits(**limits))
    assert refused.value.message
    assert refused.value.hint
    return refused.value


def a_tree():
    return DecisionTreeClassifier(random_state=0).fit(np.random.default_rng(0).random((500, 3)), np.arange(500) % 2)


@pytest.mark.parametrize("content", [b"", b"hello, world\n", PNG, b"\x80 no pickle", gzip.compress(b"text")])
def test_what_is_no_joblib_is_not_a_model(tmp_path, content):
    path = tmp_path / "model.joblib"
    path.write_bytes(content)
    assert refused_model(path).code in {"not_a_model", "truncated"}
    if not content.startswith(b"\x80"):
        assert refused_model(path).code == "not_a_model"


@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.999])
def test_a_joblib_cut_off_anywhere_is_truncated(tmp_path, share, compress):
    path = tmp_path / "model.joblib"
    joblib.dump(a_tree(), path, compress=compress)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert refused_model(path).code == "truncated"


def test_a_model_of_a_missing_library_names_the_library(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x80\x04cabsent_library.models\nForest\n.")
    error = refused_model(path)
    assert error.code == "missing_library"
    assert "absent_library" in error.message
    assert "install absent_library" in error.hint


def test_a_class_that_a_library_no_longer_has_names_the_version(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x80\x04csklearn.ensemble.forest\nRandomForestClassifier\n.")
    error = refused_model(path)
    assert error.code == "missing_library"
    assert "another version of sklearn" in error.hint


def test_a_class_from_a_notebook_is_explained(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x80\x04c__main__\nMyNotebookModel\n.")
    error = refused_model(path)
    assert error.code == "missing_library"
    assert "MyNotebookModel" in error.message
    assert "notebook" in error.hint


@pytest.mark.parametrize(
    ("thing", "code"),
    [
        ({"model": 1}, "not_an_estimator"),
        (LogisticRegression(), "not_an_estimator"),
        (LogisticRegression, "not_an_estimator"),
        (LinearRegression().fit([[1], [2]], [1, 2]), "unsupported_task"),
        (KMeans(1, n_init=1).fit([[1], [2]]), "unsupported_task"),
        (DecisionTreeClassifier().fit([[1], [2]], [[1, 0], [0, 1]]), "unsupported_task"),
        (DecisionTreeClassifier().fit([[1], [2]], [1, 1]), "unsupported_task"),
    ],
    ids=["dict", "unfitted", "class", "regressor", "clusterer", "two outputs", "one class"],
)
def test_what_is_no_fitted_classifier_is_refused(tmp_path, thing, code):
    joblib.dump(thing, tmp_path / "model.joblib")
    assert refused_model(tmp_path / "model.joblib").code == code


def test_another_scikit_learn_version_is_a_note(tmp_path):
    tree = a_tree()
    state = tree.__getstate__() | {"_sklearn_version": "1.2.0"}
    (tmp_path / "model.joblib").write_bytes(pickle.dumps(_Restored(type(tree), state)))
    model, notes = load_model(tmp_path / "model.joblib")
    assert model.predict([[0.5, 0.5, 0.5]]).shape == (1,)
    assert "saved with scikit-learn 1.2.0" in notes[0]


class _Restored:
    def __init__(self, kind, state):
        self.kind, self.state = kind, state

    def __reduce__(self):
        return self.kind, (), self.state


def test_a_changed_file_is_not_the_one_of_the_plan(tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n")
    with pytest.raises(LoadError, match="is not the file that the plan names"):
        check_digest(tmp_path / "data.csv", File("data.csv", "csv", "0" * 64))


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
