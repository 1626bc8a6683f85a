"""Who has which role: asked for by one person, granted by another, ended, and known for any moment of the past."""

import importlib
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.utils import timezone

from registry import access, assignments, people
from registry.models import ApprovalRequest, Artifact, AuditEvent, MLModel, RoleGrant
from registry.refusals import BadInput, Conflict, Refused
from registry.roles import system_user
from tests.conftest import give_roles, make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db
WHY = "Needed for the retail committee."


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


@pytest.fixture
def admin(db):
    return make_user("root", access.ADMIN)


def fresh(user):
    """The same person in another request."""
    return type(user).objects.get(pk=user.pk)


def asked(user, role=access.APPROVER, by=None) -> RoleGrant:
    return people.request_role(user, actor=by or user, role=role, reason=WHY)


def granted(grant, by):
    with signed_in(by):
        return people.grant_role(grant, actor=by)


# --- four eyes ------------------------------------------------------------------------------------
def test_a_role_asked_for_by_one_and_granted_by_another_is_in_force(outsider, lead):
    grant = asked(outsider)
    assert access.roles_of(fresh(outsider)) == set()
    granted(grant, lead)
    assert access.roles_of(fresh(outsider)) == {access.APPROVER}
    grant.refresh_from_db()
    assert (grant.requested_by, grant.granted_by, grant.state) == (outsider, lead, "in_force")


def test_nobody_grants_a_role_to_themselves(lead):
    grant = asked(lead, access.OWNER)
    with pytest.raises(Refused, match="The role is for you, lead; someone else must grant it"):
        granted(grant, lead)


def test_who_asked_does_not_grant(outsider, lead):
    grant = asked(outsider, by=lead)
    with pytest.raises(Refused, match="You asked for it, lead; a second person must grant it"):
        granted(grant, lead)
    assert access.roles_of(fresh(outsider)) == set()


@pytest.mark.parametrize("role", sorted(set(access.ROLES) - access.GRANTORS))
def test_only_an_mrm_lead_or_an_admin_grants(outsider, role):
    with pytest.raises(Refused, match="takes the role MRM lead or admin"):
        granted(asked(outsider), make_user("other", role))


def test_a_token_grants_nothing(outsider, lead):
    with pytest.raises(Refused, match="web session"):
        people.grant_role(asked(outsider), actor=lead)


def test_an_admin_grants_but_does_not_decide(outsider, admin):
    granted(asked(outsider), admin)
    assert access.roles_of(fresh(outsider)) == {access.APPROVER}


def test_nobody_asks_for_another_but_those_who_grant(outsider, owner):
    with pytest.raises(Refused, match="asked for by the person who needs it"):
        asked(outsider, by=owner)


def test_what_was_refused_is_not_granted_later(outsider, lead):
    grant = asked(outsider)
    people.refuse_role(grant, actor=lead, reason="Not in your department.")
    with pytest.raises(Conflict, match="is refused"):
        granted(grant, lead)
    grant.refresh_from_db()
    assert grant.granted_at is None
    assert not people.had_role_at(outsider, access.APPROVER, timezone.now())


def test_who_asked_takes_it_back(outsider):
    grant = asked(outsider)
    people.refuse_role(grant, actor=outsider, reason="I asked for the wrong one.")
    assert asked(outsider).state == "requested"


@pytest.mark.parametrize("given", [{"role": "king"}, {"reason": "soon"}])
def test_what_cannot_be_asked_for(outsider, given):
    with pytest.raises(BadInput) as found:
        people.request_role(outsider, actor=outsider, **{"role": access.OWNER, "reason": WHY, **given})
    assert found.value.field == next(iter(given))


def test_a_role_is_asked_for_once(outsider):
    asked(outsider)
    with pytest.raises(BadInput, match="waits for a second person already"):
        asked(outsider)


def test_each_step_is_an_event_that_names_both(outsider, lead):
    grant = granted(asked(outsider), lead)
    people.end_role(grant, actor=lead, reason="Left the department.")
    events = AuditEvent.objects.filter(action__startswith="role.").order_by("pk")
    assert [(e.action, e.actor_name) for e in events] == [
        ("role.request", "outsider"), ("role.grant", "lead"), ("role.end", "lead"),
    ]  # fmt: skip


# --- ended, and the past --------------------------------------------------------------------------
def test_an_ended_role_counts_until_it_ended(approver, lead):
    before = timezone.now()
    people.end_role(RoleGrant.objects.get(user=approver), actor=lead, reason="Left the department.")
    assert access.roles_of(fresh(approver)) == set()
    assert people.had_role_at(approver, access.APPROVER, before)
    assert not people.had_role_at(approver, access.APPROVER, timezone.now())
    assert not people.had_role_at(approver, access.APPROVER, before - timedelta(days=400))


def test_a_role_lost_since_the_page_was_drawn_is_seen_at_the_moment_of_signing(approver, lead):
    assert access.roles_of(approver) == {access.APPROVER}
    people.end_role(RoleGrant.objects.get(user=approver), actor=lead, reason="Left the department.")
    assert access.roles_of(approver) == {access.APPROVER}  # as the request began
    assert access.roles_now(approver) == set()


def test_one_gives_up_ones_own_role_and_nobody_elses(approver, validator):
    grant = RoleGrant.objects.get(user=approver)
    with pytest.raises(Refused):
        people.end_role(grant, actor=validator, reason="I would rather not.")
    people.end_role(grant, actor=approver, reason="I would rather not.")


def test_a_role_may_be_granted_again_after_its_end(approver, lead):
    people.end_role(RoleGrant.objects.get(user=approver), actor=lead, reason="Left the department.")
    granted(asked(fresh(approver)), lead)
    assert access.roles_of(fresh(approver)) == {access.APPROVER}
    assert RoleGrant.objects.filter(user=approver).count() == 2


def test_an_inactive_person_has_no_role(approver):
    type(approver).objects.update(is_active=False)
    assert access.roles_now(approver) == set()


# --- roles that exclude each other ----------------------------------------------------------------
PAIRS = [(access.AUDITOR, other) for other in access.ROLES if other != access.AUDITOR]
PAIRS += [(access.ADMIN, role) for role in sorted(access.DECIDING)]
PAIRS += [(access.SERVICE_ACCOUNT, role) for role in sorted(access.DECIDING)]


@pytest.mark.parametrize(("one", "other"), PAIRS + [(b, a) for a, b in PAIRS])
def test_roles_that_exclude_each_other_are_not_asked_for(one, other):
    person = make_user("person", one)
    with pytest.raises(BadInput, match="has no"):
        asked(person, other, by=make_user("lead", access.MRM_LEAD))


def test_of_two_requests_that_exclude_each_other_the_second_is_not_made(outsider):
    asked(outsider, access.ADMIN)
    with pytest.raises(BadInput, match="An admin runs the system and decides nothing"):
        asked(outsider, access.APPROVER)


def test_a_grant_that_came_in_between_is_seen(outsider, lead):
    grant = asked(outsider)
    give_roles(outsider, access.ADMIN)
    with pytest.raises(Conflict, match="decides nothing"):
        granted(grant, lead)


@pytest.mark.parametrize(
    ("had", "counts"),
    [
        ({access.AUDITOR, access.OWNER}, {access.AUDITOR}),
        ({access.ADMIN, access.APPROVER, access.OWNER}, {access.ADMIN, access.OWNER}),
        ({access.SERVICE_ACCOUNT, access.MRM_LEAD}, {access.SERVICE_ACCOUNT}),
        ({access.VALIDATOR, access.APPROVER}, {access.VALIDATOR, access.APPROVER}),
    ],
)
def test_whatever_was_granted_only_what_goes_together_counts(had, counts):
    assert access.roles_of(make_user("both", *had)) == counts


def test_a_superuser_decides_nothing(approver):
    type(approver).objects.update(is_superuser=True)
    assert access.roles_of(fresh(approver)) == set()
    with pytest.raises(BadInput, match="superuser"):
        asked(fresh(approver), access.VALIDATOR)


# --- the first people -----------------------------------------------------------------------------
def test_the_system_grants_until_two_people_can(db):
    first, second, third = (make_user(name) for name in ("first", "second", "third"))
    people.grant_first(first, actor=system_user(), role=access.ADMIN)
    people.grant_first(second, actor=system_user(), role=access.MRM_LEAD)
    with pytest.raises(Conflict, match="2 people can grant roles"):
        people.grant_first(third, actor=system_user(), role=access.OWNER)
    assert RoleGrant.objects.get(user=second).granted_by == system_user()


def test_nobody_else_grants_as_the_system(outsider, admin):
    with signed_in(admin), pytest.raises(Refused, match="Only the system"):
        people.grant_first(outsider, actor=admin, role=access.OWNER)


# --- what was before grants -----------------------------------------------------------------------
def test_who_was_in_a_group_has_a_grant_by_the_system_and_the_group_is_gone(outsider, owner):
    migration = importlib.import_module("registry.migrations.0010_people")
    outsider.groups.set([Group.objects.create(name="reviewer"), Group.objects.create(name="validator")])
    owner.groups.add(Group.objects.create(name="owner"))  # has it by a grant already
    migration.groups_become_grants(apps, None)
    assert access.roles_of(fresh(outsider)) == {access.APPROVER, access.VALIDATOR}
    assert RoleGrant.objects.filter(user=owner).count() == 1
    assert set(RoleGrant.objects.filter(user=outsider).values_list("granted_by", flat=True)) == {system_user().pk}
    assert not Group.objects.exists()


def test_owner_and_developers_become_parts_from_the_day_of_registration(owner, developer):
    model = MLModel.objects.create(name="Old", slug="old", owner=owner)
    model.developers.add(developer)
    migration = importlib.import_module("registry.migrations.0010_people")
    for _ in range(2):
        migration.parts_become_assignments(apps, None)
    assert {(a.user, a.part, a.since) for a in model.assignments.all()} == {
        (owner, "owner", model.created_at),
        (developer, "developer", model.created_at),
    }


# --- the lineage ----------------------------------------------------------------------------------
def test_everyone_who_ever_had_a_hand_is_of_the_lineage(registered_model, owner, developer, validator):
    versions = {"number": 1, "format": "joblib", "original_name": "m.joblib"}
    artifact = Artifact.objects.create(sha256="a" * 64, size=1)
    uploaded = registered_model.versions.create(**versions, artifact=artifact, created_by=validator)
    submitter = make_user("submitter")
    ApprovalRequest.objects.create(version=uploaded, requested_by=submitter)
    assignments.end_assignment(registered_model.assignments.get(user=developer), actor=owner)
    assert people.lineage(registered_model) == {
        owner.pk: {"owner"}, developer.pk: {"developer"}, validator.pk: {"uploader"}, submitter.pk: {"submitter"},
    }  # fmt: skip
    assert people.conflict(developer, registered_model) == (
        "You owned or developed Credit score before; someone independent must decide."
    )
    for person in (owner, developer, validator, submitter):
        assert MLModel.objects.ever_built_by(person).get() == registered_model
        assert "someone independent must decide" in people.conflict(person, registered_model)
    assert people.conflict(make_user("independent", access.APPROVER), registered_model) is None


def test_a_validator_is_named_by_the_mrm_lead_and_is_of_no_lineage(registered_model, owner, lead, validator, developer):
    with pytest.raises(Refused, match="takes the role MRM lead"):
        assignments.assign_validator(registered_model, actor=owner, user=validator)
    give_roles(developer, access.VALIDATOR)
    with pytest.raises(BadInput, match="has or had a hand"):
        assignments.assign_validator(registered_model, actor=lead, user=developer)
    assignments.assign_validator(registered_model, actor=lead, user=validator)
    assert validator.pk not in people.lineage(registered_model)
    give_roles(validator, access.DEVELOPER)
    with pytest.raises(BadInput, match="validates Credit score and cannot build it"):
        assignments.assign_developer(registered_model, actor=owner, user=validator)


def test_a_model_is_never_without_an_owner(registered_model, owner):
    with pytest.raises(Conflict, match="never without an owner"):
        assignments.end_assignment(registered_model.assignments.get(user=owner), actor=owner)


def test_the_owner_changed_and_the_one_before_stays_of_the_lineage(registered_model, owner, lead):
    heir = make_user("heir", access.OWNER)
    assignments.change_owner(registered_model, actor=lead, user=heir)
    registered_model.refresh_from_db()
    assert registered_model.owner == heir
    assert people.lineage(registered_model)[owner.pk] == {"owner"}
    assert not MLModel.objects.visible_to(fresh(owner)).exists()
    event = AuditEvent.objects.get(action="model.change_owner")
    assert (event.detail["from"], event.detail["to"]) == ("owner", "heir")
