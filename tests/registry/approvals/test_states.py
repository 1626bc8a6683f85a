"""The two tables, against what governance.md 3.1 says; and the actions, against the tables."""

import pytest

from registry.approvals.states import Status, Use
from tests import cases

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", Status)
def test_every_state_of_an_approval_is_reached_through_the_actions(model_version, state):
    assert cases.bring(model_version, state).approval_status == state


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_each_tier_is_approved_by_its_quorum(model_version, tier):
    type(model_version.model).objects.update(tier=tier)
    model_version.model.refresh_from_db()
    assert cases.bring(model_version, "approved").approval_status == Status.APPROVED


@pytest.mark.parametrize("state", Use)
def test_every_state_of_a_use_is_reached_through_the_actions(model_version, state):
    assert cases.bring(model_version, state).use_status == state
