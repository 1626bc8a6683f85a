"""Reads of assessments. The only place where they are filtered by who asks."""

from django.db.models import Q
from django.utils import timezone

from registry import access
from registry.changes import RecordedQuerySet


class AssessmentQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the model version sees its assessments."""
        if access.sees_everything(user):
            return self
        return self.filter(Q(version__model__owner=user) | Q(version__model__developers=user)).distinct()

    def running(self):
        return self.filter(state__in=["queued", "running"])


class FindingQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the model version sees its findings."""
        if access.sees_everything(user):
            return self
        return self.filter(Q(version__model__owner=user) | Q(version__model__developers=user)).distinct()

    def standing(self):
        """Those that have not ended."""
        return self.exclude(state__in=self.model.ENDED)

    def overdue(self):
        return self.standing().filter(due__lt=timezone.localdate())

    def of_model(self, model):
        """Of every version: a finding is not got rid of by uploading another file."""
        return self.filter(version__model=model)
