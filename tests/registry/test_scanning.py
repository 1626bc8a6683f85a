"""What a model file is, by its name and its first bytes."""

import pytest

from registry import scanning
from registry.refusals import BadInput

STARTS = {
    "model.skops": (b"PK\x03\x04", "skops"),
    "model.onnx": (b"\x08\x0a\x12\x04", "onnx"),
    "model.json": (b'{"learner": {}}', "xgboost"),
    "model.UBJ": (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "xgboost"),
    "model.txt": (b"tree\nversion=v4\n", "lightgbm"),
    "model.joblib": (b"\x80\x04\x95", "joblib"),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_format_is_found_by_name_and_content(tmp_path, name):
    content, format = STARTS[name]
    (tmp_path / "file").write_bytes(content)
    assert scanning.model_format(tmp_path / "file", name) == format


# What begins with unknown bytes may still be a joblib file, which the gate then reads.
OTHERS = [b"%PDF-1.7", b"a,b\n1,2\n", b"\x89PNG\r\n\x00", b"MZ\x90\x00"]
WRONG = [(name, other) for name in STARTS for other in OTHERS[: 2 if name == "model.joblib" else None]]


@pytest.mark.parametrize(("name", "other"), WRONG)
def test_a_name_that_its_content_belies_is_refused(tmp_path, name, other):
    (tmp_path / "file").write_bytes(other)
    with pytest.raises(BadInput) as refused:
        scanning.model_format(tmp_path / "file", name)
    assert (refused.value.code, bool(refused.value.hint)) == ("not_a_model", True)


def test_a_pickle_by_another_name_is_no_onnx(tmp_path):
    (tmp_path / "file").write_bytes(b"\x80\x04\x95")
    with pytest.raises(BadInput, match="not an onnx file: it is joblib"):
        scanning.model_format(tmp_path / "file", "model.onnx")
