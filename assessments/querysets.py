"""Reads of assessments. The only place where they are filtered by who asks."""

from django.db import models
from django.db.models import Q

from registry import access


class AssessmentQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Whoever sees the model version sees its assessments."""
        if access.sees_everything(user):
            return self
        return self.filter(Q(version__model__owner=user) | Q(version__model__developers=user)).distinct()

    def running(self):
        return self.filter(state__in=["queued", "running"])
