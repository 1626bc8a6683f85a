"""Every bad file gets an error that says what is wrong and what to do."""

import gzip

import joblib
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.errors import LoadError
from assessments.battery.introspection import check_classifier
from assessments.battery.loading import check_digest, load_model
from assessments.battery.plan import File

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def refused_model(path, trust="restricted") -> LoadError:
    with pytest.raises(LoadError) as refused:
        check_classifier(load_model(path, trust=trust)[0])
    assert refused.value.message
    assert refused.value.hint
    return refused.value


def a_tree():
    return DecisionTreeClassifier(random_state=0).fit(np.random.default_rng(0).random((500, 3)), np.arange(500) % 2)


@pytest.mark.parametrize("content", [b"", b"hello, world\n", PNG, b"\x80 no pickle", gzip.compress(b"text", mtime=0)])
def test_what_is_no_joblib_is_not_a_model(tmp_path, content):
    path = tmp_path / "model.joblib"
    path.write_bytes(content)
    assert refused_model(path).code in {"not_a_model", "truncated"}
    if not content.startswith(b"\x80"):
        assert refused_model(path).code == "not_a_model"


@pytest.mark.parametrize("trust", ["restricted", "waived"])
@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.999])
def test_a_joblib_cut_off_anywhere_is_truncated(tmp_path, share, compress, trust):
    path = tmp_path / "model.joblib"
    joblib.dump(a_tree(), path, compress=compress)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert refused_model(path, trust).code == "truncated"


def test_a_model_of_a_missing_library_names_the_library(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x80\x04cabsent_library.models\nForest\n.")
    assert "absent_library.models.Forest" in refused_model(path).message
    error = refused_model(path, "waived")
    assert error.code == "missing_library"
    assert "absent_library" in error.message
    assert "install absent_library" in error.hint


def test_a_class_that_a_library_no_longer_has_names_the_version(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x80\x04csklearn.ensemble.forest\nRandomForestClassifier\n.")
    assert refused_model(path).code == "needs_waiver"
    error = refused_model(path, "waived")
    assert error.code == "missing_library"
    assert "another version of sklearn" in error.hint


def test_a_class_from_a_notebook_is_explained(tmp_path):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"\x80\x04c__main__\nMyNotebookModel\n.")
    assert "MyNotebookModel" in refused_model(path).message
    error = refused_model(path, "waived")
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


@pytest.mark.parametrize("trust", ["restricted", "waived"])
def test_another_scikit_learn_version_is_a_note(tmp_path, trust, monkeypatch):
    monkeypatch.setattr("sklearn.base.__version__", "1.2.0")
    joblib.dump(a_tree(), tmp_path / "model.joblib")
    monkeypatch.undo()
    model, notes = load_model(tmp_path / "model.joblib", trust=trust)
    assert model.predict([[0.5, 0.5, 0.5]]).shape == (1,)
    assert "saved with scikit-learn 1.2.0" in notes[0]


def test_a_changed_file_is_not_the_one_of_the_plan(tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n")
    with pytest.raises(LoadError, match="is not the file that the plan names"):
        check_digest(tmp_path / "data.csv", File("data.csv", "csv", "0" * 64))
