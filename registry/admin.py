"""A look at the rows. They are evidence and change through actions only, so nothing is editable here."""

import django.contrib.auth.admin  # noqa: F401 - registers what user_admin replaces
import django_q.admin  # noqa: F401 - registers its tables, which are taken away below
import knox.admin  # noqa: F401 - the same
from django.apps import apps
from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success
from knox.models import AuthToken

from registry import user_admin  # noqa: F401 - registers itself
from registry.models import (
    ApprovalRequest,
    Artifact,
    AuditCheck,
    AuditCheckpoint,
    AuditEvent,
    AuditKey,
    AuditLeaf,
    AuditMention,
    AuditSeal,
    Column,
    Dataset,
    DatasetVersion,
    Decision,
    Delivery,
    MLModel,
    ModelVersion,
    Notification,
    Relation,
    Scan,
    Waiver,
    Webhook,
)

INSIDE = {"Column", "Relation"}  # shown with their dataset version
# Rows of the queue hold pickles, and their admin unpickles them to show them: who may write a row could run code here.
# A token is made by its person and leaves an event; made here, for anybody, it would leave none.
for taken_away in (Failure, OrmQ, Schedule, Success, AuthToken):
    if admin.site.is_registered(taken_away):
        admin.site.unregister(taken_away)


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(MLModel)
class MLModelAdmin(ReadOnly):
    list_display = ["name", "tier", "domain", "owner", "created_at"]
    list_filter = ["tier"]
    search_fields = ["name", "domain"]


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["model", "number", "approval_status", "created_by", "created_at"]
    list_filter = ["approval_status"]
    search_fields = ["model__name", "artifact__sha256"]


@admin.register(Dataset)
class DatasetAdmin(ReadOnly):
    list_display = ["name", "owner", "created_at"]
    search_fields = ["name"]


class ColumnInline(admin.TabularInline):
    model = Column
    extra = 0
    can_delete = False
    fields = ["name", "role", "kind", "mutable", "minimum", "maximum", "integer", "swap_price"]

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class RelationInline(ColumnInline):
    model = Relation
    fields = ["text", "state", "rows", "broken"]


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnly):
    list_display = ["dataset", "number", "format", "rows", "created_by", "created_at"]
    search_fields = ["dataset__name", "artifact__sha256"]
    inlines = [ColumnInline, RelationInline]


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly):
    list_display = ["sha256", "size", "created_at"]
    search_fields = ["sha256"]


@admin.register(Scan)
class ScanAdmin(ReadOnly):
    list_display = ["artifact", "verdict", "allow_list", "scanned_by", "scanned_at"]
    list_filter = ["verdict", "allow_list"]
    search_fields = ["artifact__sha256"]


@admin.register(Waiver)
class WaiverAdmin(ReadOnly):
    list_display = ["artifact", "state", "granted_by", "granted_at", "expires_at", "revoked_by"]
    search_fields = ["sha256", "reason"]


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnly):
    list_display = ["version", "requested_by", "requested_at", "closed_at"]


@admin.register(Decision)
class DecisionAdmin(ReadOnly):
    list_display = ["request", "outcome", "decided_by", "decided_at", "valid_until"]
    list_filter = ["outcome"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    list_display = ["at", "actor_name", "action", "refused", "object_label", "summary"]
    list_filter = ["refused", "action", "object_type"]
    search_fields = ["object_label", "actor_name", "summary"]
    date_hierarchy = "at"


@admin.register(AuditMention)
class AuditMentionAdmin(ReadOnly):
    list_display = ["event", "object_type", "object_id"]


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnly):
    list_display = ["number", "at", "count", "first_event", "last_event", "root"]


@admin.register(AuditLeaf)
class AuditLeafAdmin(ReadOnly):
    list_display = ["serial", "seal", "event", "leaf"]


@admin.register(AuditKey)
class AuditKeyAdmin(ReadOnly):
    list_display = ["key_id", "public_key", "since", "endorsed_by"]


@admin.register(AuditCheckpoint)
class AuditCheckpointAdmin(ReadOnly):
    list_display = ["number", "at", "events", "key", "place"]


@admin.register(AuditCheck)
class AuditCheckAdmin(ReadOnly):
    list_display = ["asked_by", "asked_at", "finished_at", "holds"]


@admin.register(Notification)
class NotificationAdmin(ReadOnly):
    list_display = ["subject", "recipient", "made_at", "read_at"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnly):
    list_display = ["name", "url", "active", "made_by"]
    exclude = ["nonce"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["key", "channel", "state", "attempts", "answer"]
    list_filter = ["state"]


# Every other table of the registry shows its rows as they are.
for kind in apps.get_app_config("registry").get_models():
    if not admin.site.is_registered(kind) and kind.__name__ not in INSIDE:
        admin.site.register(kind, ReadOnly)
