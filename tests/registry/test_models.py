"""Registering models and uploading their versions."""

import hashlib

import joblib
import pytest

from registry import actions, storage
from registry.models import Artifact, AuditEvent, Dataset, MLModel, ModelVersion
from registry.refusals import BadInput, Refused, Unavailable
from tests import small


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    """Each file is read in the real sandbox, the first time."""
    settings.MODELRISK_FILE_READER = "tests.read_once"


def test_the_one_who_registers_a_model_owns_it(owner, developer):
    model = actions.register_model(MLModel, actor=owner, name="  Credit   score ", tier=1, developers=[developer])
    assert (model.name, model.slug, model.tier, model.owner) == ("Credit score", "credit-score", 1, owner)
    assert list(model.developers.all()) == [developer]
    assert AuditEvent.objects.about(model).get().detail["developers"] == ["developer"]


def test_registering_takes_a_role(auditor, outsider):
    for person in (auditor, outsider):
        with pytest.raises(Refused, match="takes the role"):
            actions.register_model(MLModel, actor=person, name="Credit score")
    assert not MLModel.objects.exists()
    assert AuditEvent.objects.filter(refused=True).count() == 2


@pytest.mark.parametrize("name", ["Credit score", "credit SCORE", " Credit  score"])
def test_a_name_is_taken_whatever_its_case(registered_model, owner, name):
    with pytest.raises(BadInput, match="already a model named") as told:
        actions.register_model(MLModel, actor=owner, name=name)
    assert told.value.field == "name"


@pytest.mark.parametrize(("name", "slug"), [("Credit-score", "credit-score-2"), ("信用", "mlmodel")])
def test_each_model_has_an_address_of_its_own(registered_model, owner, name, slug):
    assert actions.register_model(MLModel, actor=owner, name=name).slug == slug


@pytest.mark.parametrize("given", [{"name": " "}, {"name": "x" * 121}, {"name": "Score", "tier": 4}])
def test_a_model_needs_a_name_and_a_tier_that_exist(owner, given):
    with pytest.raises(BadInput):
        actions.register_model(MLModel, actor=owner, **given)
    assert not MLModel.objects.exists()


def test_a_version_says_what_the_sandbox_read(registered_model, developer, small_model):
    version = actions.upload_version(registered_model, actor=developer, file=small.upload(small_model), notes="First")
    assert (version.number, version.format, version.original_name) == (1, "joblib", "model.joblib")
    assert version.estimator["classes"] == ["approved", "declined"]
    assert version.estimator["features"] == small.FEATURES
    assert "scikit-learn" in version.estimator["libraries"]
    assert version.artifact.size == small_model.stat().st_size
    assert stored(small_model.read_bytes())


def test_versions_are_counted(model_version, developer, tmp_path):
    changed = small.write_model(tmp_path / "model.joblib", seed=1)
    second = actions.upload_version(model_version.model, actor=developer, file=small.upload(changed))
    assert (second.number, second.approval_status) == (2, "draft")


def test_the_same_file_is_refused_with_the_version_that_has_it(model_version, developer, small_model):
    with pytest.raises(BadInput, match="This file is already Credit score v1"):
        actions.upload_version(model_version.model, actor=developer, file=small.upload(small_model, "other.joblib"))
    assert ModelVersion.objects.count() == 1


def test_two_models_may_share_a_file_which_is_stored_once(model_version, owner, small_model):
    other = actions.register_model(MLModel, actor=owner, name="Other")
    twin = actions.upload_version(other, actor=owner, file=small.upload(small_model))
    assert twin.artifact == model_version.artifact
    assert Artifact.objects.count() == 1


def test_the_owner_writes_down_the_intended_use_later(registered_model, owner):
    actions.edit_context(registered_model, actor=owner, purpose="Limits of credit cards.")
    actions.edit_context(registered_model, actor=owner, use_case="credit")
    registered_model.refresh_from_db()
    assert (registered_model.purpose, registered_model.use_case) == ("Limits of credit cards.", "credit")


def test_only_the_builders_add_versions(registered_model, approver, validator, small_model):
    for person in (approver, validator):
        with pytest.raises(Refused, match="Only the owner or a developer"):
            actions.upload_version(registered_model, actor=person, file=small.upload(small_model))
    assert not ModelVersion.objects.exists()


UNUSABLE = {
    "empty_file": ("model.joblib", lambda good: b""),
    "refused_file": ("model.joblib", lambda good: good[: len(good) // 2]),
    "not_a_model": ("model.joblib", lambda good: b"a,b\n1,2\n"),
    "unsupported_format": ("model.h5", lambda good: good),
}


@pytest.mark.parametrize("code", UNUSABLE)
def test_an_unusable_file_leaves_nothing_behind(registered_model, developer, tmp_path, code):
    name, spoil = UNUSABLE[code]
    content = spoil(small.write_model(tmp_path / "good.joblib", seed=9).read_bytes())
    with pytest.raises(BadInput) as told:
        actions.upload_version(registered_model, actor=developer, file=small.SimpleUploadedFile(name, content))
    assert (told.value.code, told.value.field) == (code, "file")
    assert told.value.hint
    assert (ModelVersion.objects.count(), Artifact.objects.count(), stored(content)) == (0, 0, False)


def test_an_object_that_is_no_model_is_refused(registered_model, developer, tmp_path):
    joblib.dump({"weights": [1, 2]}, tmp_path / "model.joblib")
    with pytest.raises(BadInput) as told:
        actions.upload_version(registered_model, actor=developer, file=small.upload(tmp_path / "model.joblib"))
    assert told.value.code == "not_an_estimator"


def test_the_limit_holds_for_every_door(registered_model, developer, small_model, settings):
    settings.MODELRISK_MAX_UPLOAD_BYTES = 1000
    with pytest.raises(BadInput, match="1,000") as told:
        actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))
    assert told.value.code == "too_big"


def test_a_failure_after_storing_takes_the_file_back(registered_model, developer, tmp_path, monkeypatch):
    changed = small.write_model(tmp_path / "model.joblib", seed=2)
    monkeypatch.setattr(actions, "_next_number", lambda versions: None)  # the row cannot be written
    with pytest.raises(Exception, match="(?i)null"):
        actions.upload_version(registered_model, actor=developer, file=small.upload(changed))
    assert (Artifact.objects.count(), stored(changed.read_bytes())) == (0, False)


def test_a_failure_after_storing_keeps_a_file_that_another_version_has(model_version, owner, small_model, monkeypatch):
    other = actions.register_model(MLModel, actor=owner, name="Other")
    monkeypatch.setattr(actions, "_next_number", lambda versions: None)
    with pytest.raises(Exception, match="(?i)null"):
        actions.upload_version(other, actor=owner, file=small.upload(small_model))
    assert stored(small_model.read_bytes())


def test_a_file_store_that_is_away_leaves_no_rows(registered_model, developer, small_model, monkeypatch):
    def away(*_args, **_kwargs):
        raise Unavailable("The file store does not answer.")

    monkeypatch.setattr("registry.storage.put", away)
    with pytest.raises(Unavailable):
        actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))
    assert (ModelVersion.objects.count(), Artifact.objects.count()) == (0, 0)


def stored(content: bytes) -> bool:
    return storage.is_stored(hashlib.sha256(content).hexdigest())


def test_a_file_store_that_falls_silent_after_the_commit_is_no_failure(
    registered_model, developer, small_model, monkeypatch
):
    """To answer "nothing was changed" would have the person send it again, to be told that it is there already."""

    def away(*_args):
        raise Unavailable("The file store does not answer. Nothing was changed.")

    monkeypatch.setattr("registry.storage.is_stored", away)
    version = actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))
    assert ModelVersion.objects.get() == version


def test_no_model_hides_behind_the_page_that_registers_models(owner, client):
    model = actions.register_model(MLModel, actor=owner, name="Register")
    dataset = actions.register_dataset(Dataset, actor=owner, name="register")
    client.force_login(owner)
    assert client.get(f"/models/{model.slug}/").context["model"] == model
    assert client.get(f"/datasets/{dataset.slug}/").context["dataset"] == dataset
