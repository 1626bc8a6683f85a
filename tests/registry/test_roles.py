"""The system user and the admin."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import authenticate
from django.urls import reverse
from knox.models import AuthToken

from registry import access, roles
from registry.models import AuditEvent

REGISTRY_MODELS = list(apps.get_app_config("registry").get_models())


@pytest.mark.django_db
def test_nobody_signs_in_as_the_system():
    system = roles.system_user()
    assert roles.system_user() == system
    assert not system.is_active
    assert not system.has_usable_password()
    assert authenticate(username=roles.SYSTEM, password="") is None
    assert access.roles_of(system) == frozenset()


# Columns and relations are shown with their dataset version.
INSIDE = {"Column", "Relation", "MLModel_developers"}


@pytest.mark.parametrize("model", [m for m in REGISTRY_MODELS if m.__name__ not in INSIDE])
def test_evidence_cannot_be_changed_in_the_admin(admin_client, model, model_version, dataset_version):
    name = f"admin:registry_{model._meta.model_name}"
    assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200
    assert admin_client.get(reverse(f"{name}_add")).status_code == 403
    for row in model.objects.all()[:1]:
        assert admin_client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
        assert admin_client.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        assert admin_client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_the_queue_is_not_in_the_admin():
    queue = {m for m in admin.site._registry if m._meta.app_label == "django_q"}
    assert queue == set()


def test_an_admin_action_cannot_delete_evidence(admin_client, model_version):
    before = AuditEvent.objects.count()
    admin_client.post(
        reverse("admin:registry_auditevent_changelist"),
        {"action": "delete_selected", "_selected_action": [AuditEvent.objects.first().pk], "post": "yes"},
    )
    assert AuditEvent.objects.count() == before


def test_the_admin_makes_no_tokens():
    """A token made there, for anybody, would leave no event in the audit trail."""
    assert not admin.site.is_registered(AuthToken)
