"""Accounts and roles are changed in the admin, and each change is in the audit trail."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from registry.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def edited(admin_client, owner):
    """edited(roles, **fields): post the form of the owner's account; the event."""

    def post(roles, **fields):
        form = {"username": "owner", "is_active": "on", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        groups = [Group.objects.get(name=role).pk for role in roles]
        url = reverse("admin:auth_user_change", args=[owner.pk])
        answer = admin_client.post(url, {**form, "groups": groups, **fields})
        assert answer.status_code == 302, answer.context["errors"]
        return AuditEvent.objects.first()

    return post


def test_a_granted_role_is_recorded_with_before_and_after(edited, owner):
    event = edited(["owner", "approver"])
    (change,) = event.changes
    assert (event.action, event.actor_name, event.object_id) == ("user.edit", "admin", str(owner.pk))
    assert [[role["name"] for role in side] for side in change["fields"]["groups"]] == [
        ["owner"],
        ["owner", "approver"],
    ]
    assert set(change["fields"]) == {"groups"}
    assert event.session.startswith("session ")


def test_what_did_not_change_is_no_change(edited):
    assert edited(["owner"]).changes == []


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
