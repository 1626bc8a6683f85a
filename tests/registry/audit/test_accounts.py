"""Accounts and roles are changed in the admin, and each change is in the audit trail."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from registry import access, people
from registry.approvals import rules
from registry.approvals.states import Who
from registry.models import AuditEvent
from registry.roles import system_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def edited(admin_client, owner):
    """edited(**fields): post the form of the owner's account; the event."""

    def post(**fields):
        form = {"username": "owner", "is_active": "on", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        url = reverse("admin:auth_user_change", args=[owner.pk])
        answer = admin_client.post(url, {**form, **fields})
        assert answer.status_code == 302, answer.context["errors"]
        return AuditEvent.objects.first()

    return post


def test_what_an_admin_changes_is_recorded_with_before_and_after(edited, owner):
    event = edited(is_staff="on")
    (change,) = event.changes
    assert (event.action, event.actor_name, event.object_id) == ("user.edit", "admin", str(owner.pk))
    assert change["fields"] == {"is_staff": [False, True]}
    assert event.session.startswith("session ")


def test_what_did_not_change_is_no_change(edited):
    assert edited().changes == []


def test_roles_are_not_given_in_the_admin(admin_client, edited, owner):
    role = Group.objects.create(name="approver")
    edited(groups=[role.pk])
    assert not owner.groups.exists()
    assert access.roles_of(type(owner).objects.get(pk=owner.pk)) == {"owner"}
    page = admin_client.get(reverse("admin:auth_user_change", args=[owner.pk])).content.decode()
    assert 'name="groups"' not in page


def test_a_new_account_is_recorded_without_its_password(admin_client):
    secret = "a-very-long-passphrase"
    given = {"username": "newcomer", "password1": secret, "password2": secret, "usable_password": "true"}
    answer = admin_client.post(reverse("admin:auth_user_add"), given)
    assert answer.status_code == 302, answer.context["errors"]
    event = AuditEvent.objects.first()
    assert event.changes[0]["change"] == "made"
    assert "pass" not in str(event.changes)


def test_a_password_set_by_an_admin_is_recorded(admin_client, owner):
    secret = "a-very-long-passphrase"
    given = {"password1": secret, "password2": secret, "usable_password": "true"}
    answer = admin_client.post(reverse("admin:auth_user_password_change", args=[owner.pk]), given)
    assert answer.status_code == 302
    event = AuditEvent.objects.first()
    assert (event.action, event.object_label, event.detail) == ("user.password", "owner", {})


def test_accounts_are_not_removed_and_roles_not_renamed(admin_client, owner):
    assert admin_client.post(reverse("admin:auth_user_delete", args=[owner.pk]), {"post": "yes"}).status_code == 403
    assert not admin.site.is_registered(Group)


def test_a_name_stays_and_the_account_of_jobs_is_nobodys(admin_client, owner):
    """The trail knows people by their names; and who signs in as the system could act as it."""
    url = reverse("admin:auth_user_change", args=[owner.pk])
    assert 'name="username"' not in admin_client.get(url).content.decode()
    jobs = system_user()
    for name in ("auth_user_change", "auth_user_password_change"):
        given = {"password1": "a-long-enough-word", "password2": "a-long-enough-word", "is_active": "on"}
        assert admin_client.post(reverse(f"admin:{name}", args=[jobs.pk]), given).status_code == 403
    jobs.refresh_from_db()
    assert (jobs.is_active, jobs.has_usable_password()) == (False, False)


def test_a_person_of_that_name_is_not_the_system(owner):
    jobs = system_user()
    jobs.is_active = True
    assert people.grant_first.refusal(owner, jobs, role="admin") is not None
    assert not rules.is_one(Who.SYSTEM, jobs, None, None)
