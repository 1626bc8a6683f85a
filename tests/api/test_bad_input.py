"""What cannot be used is refused with a sentence and a hint, and leaves nothing behind."""

import io

import joblib
import pandas
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from assessments.models import Assessment
from registry.models import Artifact, Column, DatasetVersion, ModelVersion

pytestmark = [pytest.mark.processes, pytest.mark.django_db]

TABLE = "age,sex,income\n" + "".join(f"{20 + n % 40},{'FM'[n % 2]},{'no' if n % 3 else 'yes'}\n" for n in range(60))


def dumped(thing) -> bytes:
    written = io.BytesIO()
    joblib.dump(thing, written)
    return written.getvalue()


def rows_of_everything() -> list[int]:
    return [kind.objects.count() for kind in (Artifact, ModelVersion, DatasetVersion, Column)]


def refused(answer, *, code: str, status: int = 400) -> dict:
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert told["message"].endswith(".")
    assert told["hint"].endswith(".")
    return told


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("model.joblib", b"this is a letter, not a model\n" * 20, "not_a_model"),
        ("model.joblib", b"", "empty_file"),
        ("model.joblib", dumped({"not": "a model"}), "not_an_estimator"),
        ("model.h5", b"\x89HDF", "unsupported_format"),
    ],
)
def test_a_file_that_is_no_model_leaves_nothing(call, scene, owner, name, content, code):
    before = rows_of_everything()
    api = call(owner)
    answer = api.post(
        f"/api/v1/models/{scene.model.pk}/versions/", {"file": SimpleUploadedFile(name, content)}, format="multipart"
    )
    assert refused(answer, code=code)["field"] == "file"
    assert rows_of_everything() == before


def test_a_truncated_model_leaves_nothing(call, scene, owner, tiny_files):
    before = rows_of_everything()
    file = SimpleUploadedFile("model.joblib", tiny_files.model[: len(tiny_files.model) // 2])
    answer = call(owner).post(f"/api/v1/models/{scene.model.pk}/versions/", {"file": file}, format="multipart")
    told = refused(answer, code="refused_file")
    assert [reason["code"] for reason in told["detail"]["scan"]["reasons"]] == ["truncated"]
    assert rows_of_everything() == before


@pytest.mark.parametrize(
    ("content", "given", "code"),
    [
        (TABLE.encode(), {"target": "wealth"}, "no_target"),
        (TABLE.encode(), {"target": "income", "favourable": "perhaps"}, "label_mismatch"),
        (b"", {}, "empty_file"),
        (b"\x00\x01\x02\x03" * 50, {}, "unreadable_data"),
        ("".join(TABLE.splitlines(keepends=True)[:11]).encode(), {"target": "income"}, "too_few_rows"),
    ],
    ids=["no target", "no such label", "empty", "not text", "ten rows"],
)
def test_data_that_cannot_be_used_leaves_nothing(call, scene, owner, content, given, code):
    before = rows_of_everything()
    file = SimpleUploadedFile("table.csv", content)
    dataset = scene.dataset_version.dataset_id
    answer = call(owner).post(f"/api/v1/datasets/{dataset}/versions/", {"file": file, **given}, format="multipart")
    refused(answer, code=code)
    assert rows_of_everything() == before


def test_an_upload_over_the_limit_is_too_big(call, scene, owner, settings):
    settings.MODELRISK_MAX_UPLOAD_BYTES = 100_000
    before = rows_of_everything()
    file = SimpleUploadedFile("model.joblib", b"\x80" * 300_000)
    answer = call(owner).post(f"/api/v1/models/{scene.model.pk}/versions/", {"file": file}, format="multipart")
    told = refused(answer, code="too_big", status=413)
    assert "limit" in told["message"]
    assert rows_of_everything() == before


def test_a_form_without_its_file_says_so(call, scene, owner):
    answer = call(owner).post(f"/api/v1/models/{scene.model.pk}/versions/", {"notes": "x"}, format="multipart")
    assert list(refused(answer, code="invalid")["fields"]) == ["file"]


@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (lambda frame: frame.drop(columns="hours"), "missing_column", "hours"),
        (lambda frame: frame[frame["income"] == ">50K"], "one_class", "income"),
    ],
    ids=["a column that the model needs is missing", "one class"],
)
def test_data_that_does_not_fit_the_model_starts_nothing(call, scene, owner, tiny_files, spoil, code, word):
    api = call(owner)
    spoiled = spoil(pandas.read_csv(io.BytesIO(tiny_files.data)))
    file = SimpleUploadedFile("spoiled.csv", spoiled.to_csv(index=False).encode())
    given = {"file": file, "target": "income", "favourable": ">50K"}
    data = api.post(f"/api/v1/datasets/{scene.dataset_version.dataset_id}/versions/", given, format="multipart").json()
    asked = {"version": scene.version.pk, "dataset_version": data["id"], "plan": "quick"}
    before = Assessment.objects.count()
    told = refused(api.post("/api/v1/assessments/", asked), code=code)
    assert word in told["message"]
    assert Assessment.objects.count() == before
