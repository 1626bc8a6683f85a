"""Who sees what, and who may do what: role by object."""

import pytest

from registry import access, actions
from registry.models import Dataset, DatasetVersion, MLModel, ModelVersion
from tests.conftest import give_roles

EVERYONE = ["owner", "developer", "validator", "approver", "security_officer", "auditor", "outsider"]
SEES_MODELS = {"owner", "developer", "validator", "approver", "security_officer", "auditor"}
SEES_DATA = SEES_MODELS
SECOND_AND_THIRD_LINE = {"validator", "approver", "security_officer", "auditor"}


@pytest.mark.parametrize("name", EVERYONE)
def test_who_sees_a_model_and_its_versions(model_version, cast, name):
    person = cast[name]
    assert MLModel.objects.visible_to(person).exists() == (name in SEES_MODELS)
    assert ModelVersion.objects.visible_to(person).exists() == (name in SEES_MODELS)


@pytest.mark.parametrize("name", EVERYONE)
def test_a_model_of_others_is_seen_by_the_second_and_third_line_only(cast, django_user_model, name):
    stranger = django_user_model.objects.create(username="stranger")
    give_roles(stranger, access.OWNER)
    actions.register_model(MLModel, actor=stranger, name="Not yours")
    assert MLModel.objects.visible_to(cast[name]).exists() == (name in SECOND_AND_THIRD_LINE)


@pytest.mark.parametrize("name", EVERYONE)
def test_who_sees_datasets(dataset_version, cast, name):
    assert Dataset.objects.visible_to(cast[name]).exists() == (name in SEES_DATA)
    assert DatasetVersion.objects.visible_to(cast[name]).exists() == (name in SEES_DATA)


def test_a_model_with_several_developers_is_listed_once(registered_model, owner, developer, validator):
    registered_model.developers.set([owner, developer, validator])
    assert MLModel.objects.visible_to(owner).count() == 1


def test_someone_who_left_sees_nothing(model_version, approver):
    approver.is_active = False
    assert not MLModel.objects.visible_to(approver).exists()


MAY = {
    "register": {"owner", "developer", "validator"},
    "upload_version": {"owner", "developer"},
    "edit_dataset": {"owner", "validator"},
    "assess": {"owner", "developer", "validator"},
    "rescan": {"owner", "developer", "validator", "security_officer"},
}


@pytest.mark.parametrize("name", EVERYONE)
@pytest.mark.parametrize("act", MAY)
def test_who_may_do_what(model_version, dataset, cast, act, name):
    subject = {
        "register": MLModel,
        "upload_version": model_version.model,
        "edit_dataset": dataset,
        "assess": model_version,
        "rescan": model_version,
    }[act]
    reason = getattr(access, f"may_{act}")(subject, cast[name])
    assert (reason is None) == (name in MAY[act])
    assert reason is None or reason.endswith(".")


def test_what_is_in_use_is_what_was_approved(model_version):
    for status in ModelVersion.ApprovalStatus:
        ModelVersion.objects.update(approval_status=status)
        assert ModelVersion.objects.in_use().exists() == status.startswith("approved")
