"""What the gate allows is loaded by its own loader, and answers as joblib's would."""

import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from assessments.battery.gate import loader, scan, states
from assessments.battery.loading import load_model
from tests.battery.gate import tampered
from tests.battery.gate.assembler import dumped
from tests.battery.gate.legitimate import MODELS, numbers

COMPRESSORS = ["raw", "zlib", "gzip", "bz2", "lzma", "xz", "lz4"]


@pytest.fixture(autouse=True)
def _quiet():
    """Libraries' remarks about the rows are not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def answers(model, rows) -> np.ndarray:
    return np.asarray(model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows))


def check_same(path, rows) -> None:
    found = scan.scan_model(path)
    assert (found["verdict"], found["reasons"]) == ("allowed", [])
    np.testing.assert_array_equal(answers(load_model(path)[0], rows), answers(joblib.load(path), rows))


@pytest.mark.parametrize("name", MODELS)
def test_a_legitimate_model_is_allowed_and_answers_the_same(tmp_path, name):
    model, rows = MODELS[name]()
    joblib.dump(model, tmp_path / "model.joblib")
    check_same(tmp_path / "model.joblib", rows)


def test_the_corpus_covers_what_people_use():
    assert len(MODELS) + len(COMPRESSORS) >= 30


@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_every_compressor_of_joblib_is_read(tmp_path, compressor):
    model, rows = MODELS["random_forest"]()
    path = tmp_path / "model.joblib"
    joblib.dump(model, path, compress=0 if compressor == "raw" else (compressor, 3))
    assert scan.scan_model(path)["container"] == compressor
    check_same(path, rows)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_pickles_of_every_binary_protocol_are_read(tmp_path, protocol):
    model, rows = MODELS["gradient_boosting"]()
    (tmp_path / "model.joblib").write_bytes(pickle.dumps(model, protocol=protocol))
    check_same(tmp_path / "model.joblib", rows)


def load(tmp_path, content: bytes):
    (tmp_path / "model.joblib").write_bytes(content)
    return loader.load(tmp_path / "model.joblib")


@pytest.mark.parametrize(
    "thing",
    [
        np.random.RandomState(3),
        np.random.default_rng(3),
        {"a": (1, [2.5, None, {3, 4}], b"x" * 300, frozenset("ab"), 1 << 90, complex(1, 2), slice(1, 2))},
        np.array([1, "b", None, [2]], dtype=object),
        np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        np.array(["2026-11-24"], dtype="M8[D]"),
        np.zeros(3, dtype=[("a", "<f8"), ("b", "u1")]),
        np.arange(6, dtype=">i4").reshape(2, 3),
        [np.float64(1.5), np.str_("abc"), np.bool_(True), np.datetime64(3, "s")],
        sparse.csr_matrix(np.eye(3)),
        sparse.coo_array(np.eye(3)),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_plain_data_come_back_as_they_were(tmp_path, thing):
    content = dumped(thing)
    ours, theirs = load(tmp_path, content), joblib.load(io.BytesIO(content))
    assert type(ours) is type(theirs)
    if isinstance(thing, np.ma.MaskedArray):  # which joblib cannot hash
        ours, theirs = ((each.data, each.mask, each.fill_value) for each in (ours, theirs))
    assert joblib.hash(ours) == joblib.hash(theirs)


def test_what_is_shared_stays_shared_and_what_holds_itself_does(tmp_path):
    inner = [1]
    thing = {"a": inner, "b": inner}
    thing["self"] = thing
    found = load(tmp_path, dumped(thing))
    assert found["a"] is found["b"]
    assert found["self"] is found


def test_jobs_are_fewer_than_a_file_asks_for(tmp_path):
    assert load(tmp_path, tampered.forest(n_jobs=500)).n_jobs == states.MOST_JOBS
    assert load(tmp_path, tampered.forest(n_jobs=2)).n_jobs == 2
    assert load(tmp_path, tampered.forest(n_jobs=None)).n_jobs is None
    assert load(tmp_path, tampered.centres(_n_threads=-5))._n_threads == states.MOST_JOBS


def test_no_constructor_runs(tmp_path, monkeypatch):
    content = dumped(RandomForestClassifier(2, random_state=0).fit(*numbers()))
    monkeypatch.setattr(RandomForestClassifier, "__init__", lambda *_: pytest.fail("__init__ ran"))
    assert len(load(tmp_path, content).estimators_) == 2


def test_nothing_is_imported_to_read_a_file(tmp_path):
    """In a process of its own: the scan of a model of xgboost leaves xgboost and scikit-learn out."""
    import subprocess
    import sys

    from tests.battery.test_run import ROOT

    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    code = (
        "import sys; from pathlib import Path; from assessments.battery.gate.scan import scan_model;"
        "found = scan_model(Path(sys.argv[1])); print(found['verdict'], 'sklearn' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.joblib")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["allowed", "False"]
