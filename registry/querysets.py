"""Reads. The only place where rows are filtered by who asks."""

from django.db import models
from django.db.models import Q

from registry import access


def _seen_models(user, path: str = "") -> Q:
    """Models that the user owns or develops; `path` leads from the row to its model."""
    return Q(**{f"{path}owner": user}) | Q(**{f"{path}developers": user})


class MLModelQuerySet(models.QuerySet):
    def visible_to(self, user):
        if access.sees_everything(user):
            return self
        return self.filter(_seen_models(user)).distinct()


class ModelVersionQuerySet(models.QuerySet):
    def visible_to(self, user):
        if access.sees_everything(user):
            return self
        return self.filter(_seen_models(user, "model__")).distinct()

    def waiting_for(self, user):
        """Versions on which this user may decide now."""
        if access.REVIEWER not in access.roles_of(user):
            return self.none()
        pending = self.filter(approval_status="pending_approval")
        return pending.exclude(model__owner=user).exclude(model__developers=user).exclude(created_by=user)

    def built_by(self, user):
        """Versions of the models that this user owns or develops."""
        return self.filter(_seen_models(user, "model__")).distinct()

    def newest(self):
        """The last version of each model."""
        later = self.model.objects.filter(model=models.OuterRef("model"), number__gt=models.OuterRef("number"))
        return self.filter(~models.Exists(later))

    def in_use(self):
        return self.filter(approval_status__in=["approved", "approved_with_conditions"])


class DatasetQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Everyone with a role sees the datasets; their content is behind the same sign-in."""
        if access.roles_of(user) or getattr(user, "is_superuser", False):
            return self
        return self.filter(owner=user)


class DatasetVersionQuerySet(models.QuerySet):
    def visible_to(self, user):
        if access.roles_of(user) or getattr(user, "is_superuser", False):
            return self
        return self.filter(dataset__owner=user)


class AuditEventQuerySet(models.QuerySet):
    def about(self, obj):
        """The history of one object."""
        return self.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))
