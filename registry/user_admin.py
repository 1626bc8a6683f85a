"""Accounts in the admin: each change is an event of the audit trail, with the values before and after.

Django's own log there has no values and can be deleted. Roles are not given here but on the page of people, by two
persons; a superuser runs the system and decides nothing.
"""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import reverse

from registry import audit
from registry.changes import as_json
from registry.models import AuditEvent
from registry.notifying import notify
from registry.roles import is_system

FIELDS = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")
User = get_user_model()


def picture_of(user) -> dict:
    """What is kept of an account: never its password."""
    fields = {name: as_json(getattr(user, name)) for name in FIELDS}
    rights = [{"id": right.pk, "name": right.codename} for right in user.user_permissions.order_by("codename")]
    return fields | {"user_permissions": rights}


class RecordedUserAdmin(UserAdmin):
    """Accounts are ended by taking their activity, not by removing them: the trail names them for ever."""

    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Personal info", {"fields": ("first_name", "last_name", "email")}),
        ("Running the system", {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        ("Important dates", {"fields": ("last_login", "date_joined")}),
    )
    list_filter = ("is_staff", "is_superuser", "is_active")
    filter_horizontal = ("user_permissions",)

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        """The account that jobs act as is nobody's to sign in with."""
        return (obj is None or not is_system(obj)) and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request, obj=None):
        """A name stays: the trail knows people by it."""
        return [*super().get_readonly_fields(request, obj), *(["username"] if obj else [])]

    @transaction.atomic
    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        kept = User.objects.filter(pk=object_id).first() if object_id and str(object_id).isdecimal() else None
        request.account_before = picture_of(kept) if kept else None
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_related(self, request, form, formsets, change) -> None:
        """The last step of saving: fields and permissions are there."""
        super().save_related(request, form, formsets, change)
        before, after = request.account_before if change else None, picture_of(form.instance)
        fields = {name: [before and before[name], after[name]] for name in after}
        fields = {name: pair for name, pair in fields.items() if before is None or pair[0] != pair[1]}
        done = "Changed" if change else "Made"
        _record(request, form.instance, "user.edit", f"{done} the account {form.instance}", fields, made=not change)

    @transaction.atomic
    def user_change_password(self, request, id, form_url=""):
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = self.get_object(request, id)
            event = _record(request, user, "user.password", f"Set the password of {user}", {}, made=False)
            if user != request.user:
                told = "Choose one of your own now: until then two people can sign as you."
                notify(
                    [user],
                    f"account.password:{event.pk}",
                    f"{request.user} set your password",
                    told,
                    reverse("password"),
                )
        return response


def _record(request, user, action: str, summary: str, fields: dict, *, made: bool) -> AuditEvent:
    told = {"type": user._meta.label_lower, "id": str(user.pk), "label": str(user), "fields": fields}
    changes = [told | {"change": "made" if made else "changed"}] if fields else []
    return audit.record(actor=request.user, action=action, obj=user, summary=summary, changes=changes)


admin.site.unregister(User)
admin.site.unregister(Group)  # roles are grants
admin.site.register(User, RecordedUserAdmin)
