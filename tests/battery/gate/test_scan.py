"""What the gate says of hostile files, of files that need a waiver, and of the ways to ask it."""

import hashlib
import json
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from assessments.battery.errors import LoadError
from assessments.battery.formats import _scan as formats_scan
from assessments.battery.gate import reader, refusal
from assessments.battery.gate.reader import read_file
from assessments.battery.gate.scan import scan_model
from assessments.battery.loading import load_model
from tests.battery.gate.assembler import call, dumped, file_of, made, name
from tests.battery.gate.hostile import CASES


def double(values):
    return values * 2


def scan_of(tmp_path, content: bytes) -> dict:
    path = tmp_path / "model.joblib"
    path.write_bytes(content)
    return scan_model(path)


def codes(scan: dict) -> set[str]:
    return {reason["code"] for reason in scan["reasons"]}


def uses(scan: dict) -> dict[str, list[str]]:
    return {entry["name"]: entry["uses"] for entry in scan["imports"]}


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_file_is_seen_through_and_not_run(tmp_path, case):
    marker = tmp_path / "marker"
    found = scan_of(tmp_path, CASES[case].make(marker))
    assert (found["verdict"], set(CASES[case].codes) - codes(found)) == (CASES[case].verdict, set())
    if found["verdict"] != "allowed":
        with pytest.raises(LoadError) as refused:
            load_model(tmp_path / "model.joblib")
        assert refused.value.hint
    assert not marker.exists()


def test_every_group_of_the_corpus_is_there():
    groups = [case.group for case in CASES.values()]
    assert len(groups) >= 60
    assert {group: groups.count(group) >= 6 for group in groups} == dict.fromkeys(set(groups), True)
    assert len([case for case in CASES.values() if case.fires == "load"]) >= 49


def test_each_use_of_a_name_is_told(tmp_path):
    chain = call(call(name("own.module", "factory"), 1), 2)
    kind = made(name("own.module", "Kind"), state={"a": 1})
    found = uses(scan_of(tmp_path, file_of([chain, kind, name("own.module", "held")])))
    assert found["own.module:factory"] == ["call", "call-of-result", "import"]
    assert found["own.module:Kind"] == ["build", "import", "new"]
    assert found["own.module:held"] == ["import"]


def test_a_custom_function_in_a_pipeline_needs_a_waiver_that_names_it(tmp_path):
    model = make_pipeline(FunctionTransformer(double, validate=True), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    joblib.dump(model, tmp_path / "model.joblib")
    found = scan_model(tmp_path / "model.joblib")
    assert (found["verdict"], codes(found)) == ("needs_waiver", {"custom_class"})
    with pytest.raises(LoadError, match=r"needs a waiver.*tests\.battery\.gate\.test_scan\.double") as refused:
        load_model(tmp_path / "model.joblib")
    assert refused.value.code == "needs_waiver"
    assert load_model(tmp_path / "model.joblib", trust="waived")[0].predict([[5.0]]) == [1]


def test_the_libraries_of_a_file_are_told_without_loading_it(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=2).fit([[0.0], [1.0]], [0, 1])
    found = scan_of(tmp_path, dumped([model, LogisticRegression().fit([[0.0], [1.0]], [0, 1])]))
    assert found["libraries"] == {"scikit-learn": __import__("sklearn").__version__, "xgboost": xgboost.__version__}


def test_a_name_of_another_version_says_so(tmp_path):
    old = made(name("sklearn.linear_model.logistic", "LogisticRegression"), state={"_sklearn_version": "0.21.3"})
    found = scan_of(tmp_path, file_of(old))
    assert (found["verdict"], codes(found)) == ("needs_waiver", {"unknown_version"})
    assert "0.21.3" in found["reasons"][0]["message"]


def test_a_table_needs_a_waiver(tmp_path):
    import pandas as pd

    found = scan_of(tmp_path, dumped(pd.DataFrame({"a": [1.0, 2.0]})))
    assert found["verdict"] == "needs_waiver"
    assert "dataframe" in codes(found)


@pytest.mark.parametrize("content", [b"", b"hello, world\n", b"\x80 no pickle", b"\x80\x04.", b"\x80\x04]]."])
def test_what_is_no_pickle_is_refused(tmp_path, content):
    found = scan_of(tmp_path, content)
    assert found["verdict"] == "refused"
    assert codes(found) & {"unparseable", "truncated"}


def test_the_scan_of_one_file_is_always_the_same(tmp_path):
    content = dumped(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    first, second = scan_of(tmp_path, content), scan_of(tmp_path, content)
    assert json.dumps(first) == json.dumps(second)
    pairs = sorted([entry["name"], sorted(entry["uses"])] for entry in first["imports"])
    text = json.dumps(pairs, sort_keys=True, separators=(",", ":"))
    assert first["imports_sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_of_imports_changes_with_a_use(tmp_path):
    held = scan_of(tmp_path, file_of(name("own", "thing")))["imports_sha256"]
    called = scan_of(tmp_path, file_of(call(name("own", "thing"))))["imports_sha256"]
    assert held != called


def test_arrays_between_the_instructions_are_skipped_byte_for_byte(tmp_path):
    tricky = [np.frombuffer(b"cos\nsystem\n." * 50, dtype=np.uint8), np.asfortranarray(np.eye(3)), np.array(7.0)]
    path = tmp_path / "model.joblib"
    joblib.dump([*tricky, np.array(["a", None], dtype=object), np.zeros((0, 3))], path)
    reading = read_file(path)
    assert not reading.reasons
    assert set(reading.globals) == {
        *(
            "joblib.numpy_pickle:NumpyArrayWrapper",
            "numpy:ndarray",
            "numpy:dtype",
            "numpy._core.multiarray:_reconstruct",
        )
    }
    for ours, theirs in zip(load_model(path)[0], joblib.load(path), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.flags.f_contiguous == theirs.flags.f_contiguous


def test_running_out_of_memory_is_said_as_such(tmp_path, monkeypatch):
    def read(path, found):
        raise MemoryError

    monkeypatch.setattr(reader.Machine, "load", lambda machine: read(None, None))
    joblib.dump(LogisticRegression(), tmp_path / "model.joblib")
    pickled = scan_model(tmp_path / "model.joblib")
    other = formats_scan.scan(tmp_path / "model.joblib", "onnx", read)
    for scan in (pickled, other):
        (reason,) = scan["reasons"]
        assert (scan["verdict"], reason["code"]) == ("refused", "out_of_memory")
        assert "memory" in reason["message"]
        assert "MODELRISK_CHILD_MEMORY_MB" in reason["hint"]


def test_every_reason_has_a_verdict_a_hint_and_atlas_ids():
    document = json.loads(Path(refusal.__file__).with_name("reasons.json").read_text())
    assert document["atlas_version"] == "5.6.0"
    for reason in document["reasons"].values():
        assert reason["verdict"] in {"needs_waiver", "refused"}
        assert reason["hint"].endswith(".")
        assert reason["atlas"]
        assert set(reason["atlas"]) <= set(document["atlas_names"])
