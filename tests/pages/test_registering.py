"""Register and upload through the pages: what is right is kept, what is wrong comes back with what to do."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from registry.models import Artifact, AuditEvent, Column, Dataset, DatasetVersion, MLModel, ModelVersion
from tests import small
from tests.pages.page import read


@pytest.fixture
def model_url(registered_model):
    return reverse("model", args=[registered_model.slug])


@pytest.fixture
def columns_url(dataset_version):
    return reverse("dataset-version", args=[dataset_version.dataset.slug, 1])


def columns_as_shown(client, url: str) -> dict:
    """What a browser would post back unchanged."""
    form = client.get(url).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in shown.items() if value not in (None, False)}


def test_a_model_is_registered(as_owner, owner, developer):
    answer = as_owner.post(
        reverse("register-model"), {"name": "Fraud score", "tier": "1", "developers": [developer.pk], "domain": "Cards"}
    )
    model = MLModel.objects.get()
    assert (answer.status_code, answer.url) == (302, reverse("model", args=["fraud-score"]))
    assert (model.owner, model.tier, model.domain, list(model.developers.all())) == (owner, 1, "Cards", [developer])


def test_a_taken_name_comes_back_with_everything_typed(as_owner, registered_model):
    answer = as_owner.post(
        reverse("register-model"), {"name": "credit SCORE", "tier": "3", "purpose": "A purpose that took an hour."}
    )
    page = read(answer)
    assert answer.status_code == 400
    assert "There is already a model named credit SCORE." in page.text
    assert "Choose another name" in page.text
    assert "A purpose that took an hour." in page.text
    assert page.fields["name"]["value"] == "credit SCORE"
    assert page.fields["name"]["aria-invalid"] == "true"
    assert MLModel.objects.count() == 1


def test_a_version_is_uploaded(as_developer, model_url, developer, small_model):
    answer = as_developer.post(model_url, {"file": small.upload(small_model), "notes": "First."}, follow=True)
    version = ModelVersion.objects.get()
    assert answer.redirect_chain == [(reverse("version", args=["credit-score", 1]), 302)]
    assert (version.created_by, version.notes, version.estimator["task"]) == (developer, "First.", "binary")
    assert "LogisticRegression" in read(answer).text


BAD_MODELS = {
    "not a joblib": ("model.joblib", b"PK\x03\x04 a zip", "is not a joblib file"),
    "another format": ("model.h5", b"\x89HDF", ".h5 files are not supported as models"),
    "empty": ("model.joblib", b"", "is empty"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_MODELS.values(), ids=BAD_MODELS.keys())
def test_a_bad_model_file_leaves_no_trace(as_developer, model_url, name, content, message):
    answer = as_developer.post(model_url, {"file": SimpleUploadedFile(name, content), "notes": "Kept notes."})
    page = read(answer)
    assert answer.status_code == 400
    assert message in page.text
    assert "Kept notes." in page.text
    assert (ModelVersion.objects.count(), Artifact.objects.count()) == (0, 0)


def test_a_truncated_model_says_what_to_do(as_developer, model_url, small_model):
    half = small_model.read_bytes()[:900]
    answer = as_developer.post(model_url, {"file": SimpleUploadedFile("model.joblib", half)})
    problem = answer.context["form"].problem
    assert (answer.status_code, problem.code) == (400, "refused_file")
    assert [reason["code"] for reason in problem.detail["scan"]["reasons"]] == ["truncated"]
    assert problem.hint in " ".join(answer.context["form"].problem.hint.split())
    assert " ".join(problem.hint.split()) in read(answer).text
    assert ModelVersion.objects.count() == 0


def test_a_file_over_the_limit_is_413(as_developer, model_url, small_model, settings):
    settings.MODELRISK_MAX_UPLOAD_BYTES = 100
    answer = as_developer.post(model_url, {"file": small.upload(small_model)})
    assert answer.status_code == 413
    assert "the limit is" in read(answer).text
    assert ModelVersion.objects.count() == 0


def test_the_same_file_twice_is_told_from_which_version(as_developer, model_version, model_url, small_model):
    answer = as_developer.post(model_url, {"file": small.upload(small_model)})
    assert answer.status_code == 400
    assert "This file is already Credit score v1." in read(answer).text


def test_who_may_not_upload_sees_why_and_no_form(sign_in, validator, model_url, small_model):
    client = sign_in(validator)
    page = read(client.get(model_url))
    assert "file" not in page.fields
    assert "Only the owner or a developer of Credit score may add versions to it." in page.text
    assert client.post(model_url, {"file": small.upload(small_model)}).status_code == 403
    assert AuditEvent.objects.filter(refused=True, action="version.upload").count() == 1


def test_a_dataset_is_registered_and_filled(as_owner, small_data):
    as_owner.post(reverse("dataset-register"), {"name": "Applicants 2026"})
    dataset = Dataset.objects.get()
    answer = as_owner.post(
        reverse("dataset", args=[dataset.slug]),
        {"file": small.upload(small_data), "target": "decision", "favourable": "approved"},
    )
    version = DatasetVersion.objects.get()
    assert answer.url == reverse("dataset-version", args=[dataset.slug, 1])
    assert (version.rows, version.target.name, version.favourable) == (240, "decision", "approved")


def test_a_target_that_is_not_there_names_the_columns(as_owner, dataset, small_data):
    answer = as_owner.post(
        reverse("dataset", args=[dataset.slug]), {"file": small.upload(small_data), "target": "outcome"}
    )
    page = read(answer)
    assert answer.status_code == 400
    assert "The data has no column 'outcome'." in page.text
    assert "age, income, housing, sex, decision" in page.text
    assert page.fields["target"]["value"] == "outcome"
    assert (DatasetVersion.objects.count(), Artifact.objects.count()) == (0, 0)


def test_the_columns_are_edited(as_owner, dataset_version, columns_url):
    column = dataset_version.columns.get(name="housing")
    shown = columns_as_shown(as_owner, columns_url)
    answer = as_owner.post(columns_url, {**shown, f"c{column.pk}-role": "sensitive", f"c{column.pk}-mutable": "fixed"})
    column.refresh_from_db()
    assert (answer.status_code, column.role, column.mutable) == (302, "sensitive", "fixed")


def test_saving_the_columns_unchanged_changes_nothing(as_owner, dataset_version, columns_url):
    before = list(dataset_version.columns.values())
    answer = as_owner.post(columns_url, columns_as_shown(as_owner, columns_url))
    assert answer.status_code == 302
    assert list(Column.objects.filter(dataset_version=dataset_version).values()) == before


def test_bounds_the_wrong_way_round_come_back_as_typed(as_owner, dataset_version, columns_url):
    column = dataset_version.columns.get(name="age")
    shown = columns_as_shown(as_owner, columns_url)
    wrong = {f"c{column.pk}-minimum": "90", f"c{column.pk}-maximum": "20"}
    answer = as_owner.post(columns_url, {**shown, **wrong})
    page = read(answer)
    assert answer.status_code == 400
    assert "Column age: the minimum 90 is above the maximum 20." in page.text
    assert "Swap them." in page.text
    assert page.fields[f"c{column.pk}-minimum"]["value"] == "90"
    column.refresh_from_db()
    assert column.minimum != 90


def test_a_stored_file_comes_back_byte_by_byte(as_owner, model_version, small_model):
    answer = as_owner.get(reverse("version-file", args=["credit-score", 1]))
    assert b"".join(answer.streaming_content) == small_model.read_bytes()
    assert answer["Content-Disposition"] == 'attachment; filename="credit-score-v1.joblib"'
    assert answer["X-Content-Type-Options"] == "nosniff"
