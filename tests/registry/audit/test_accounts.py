"""Accounts and roles are changed in the admin, and each change is in the audit trail."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from registry import access
from registry.models import AuditEvent

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
