"""Each step of a case tells the people whose move it is, and those whom it concerns."""

import pytest

from registry.models import Notification
from tests import cases

pytestmark = pytest.mark.django_db


def told(version, event: str) -> dict[str, str]:
    """{who: subject} of what was told about the case of this version."""
    found = Notification.objects.filter(key__startswith=f"case.{event}:").select_related("recipient")
    return {one.recipient.username: one.subject for one in found}


def test_each_step_of_a_case_tells_those_whose_move_it_is(no_gates, model_version, cast):
    version = cases.bring(model_version, "approved")
    assert told(version, "submitted") == {"mrm_lead": f"{version} was submitted for validation"}
    assert told(version, "assigned") == {"validator": f"You validate {version}"}
    assert set(told(version, "validated")) == {"mrm_lead", "owner", "developer"}
    assert set(told(version, "pending")) == {"approver", "committee_chair", "compliance"}
    assert set(told(version, "decided")) == {"mrm_lead", "validator", "owner", "developer"}
    assert told(version, "decided")["owner"] == f"{version} was approved"


def test_who_returns_a_version_tells_its_builders_why(no_gates, model_version, cast):
    version = cases.bring(model_version, "returned")
    assert set(told(version, "returned")) == {"owner", "developer"}
    assert cases.REASON in Notification.objects.filter(key__startswith="case.returned").first().body


def test_who_had_a_hand_in_the_model_is_not_asked_to_decide(no_gates, model_version, cast):
    model_version.model.developers.add(cast["approver"])
    version = cases.bring(model_version, "pending_approval")
    assert set(told(version, "pending")) == {"committee_chair", "compliance"}
