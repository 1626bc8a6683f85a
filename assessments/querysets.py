"""Reads of assessments. The only place where they are filtered by who asks."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from registry import access
from registry.changes import RecordedQuerySet
from registry.models import ModelVersion


def _of_seen(user) -> Q:
    """About a version that the user sees."""
    return Q(version__in=ModelVersion.objects.visible_to(user).order_by().values("pk"))


class AssessmentQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the model version sees its assessments."""
        if access.sees_everything(user):
            return self
        return self.filter(_of_seen(user))

    def running(self):
        return self.filter(state__in=["queued", "running"])


class FindingQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the model version sees its findings; those that are not issued yet, the second line alone."""
        if access.sees_everything(user):
            return self
        return self.filter(_of_seen(user)).exclude(state="draft")

    def standing(self):
        """Those that are on record and have not ended."""
        return self.exclude(state__in=["draft", *self.model.ENDED])

    def open_ones(self):
        """Those that have not ended, drafts too."""
        return self.exclude(state__in=self.model.ENDED)

    def overdue(self):
        return self.standing().filter(due__lt=timezone.localdate())

    def of_model(self, model):
        """Of every version: a finding is not got rid of by uploading another file."""
        return self.filter(version__model=model)


class PolicyExceptionQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the model version sees its exceptions."""
        if access.sees_everything(user):
            return self
        return self.filter(_of_seen(user))

    def in_force(self, at=None):
        """Those that hold on a day (a date; today where None)."""
        return self.filter(state="active", expiry__gte=at or timezone.localdate())

    def expiring(self, within: timedelta, at=None):
        """Those in force that end within so many days."""
        today = at or timezone.localdate()
        return self.in_force(today).filter(expiry__lte=today + within)

    def run_out(self, at=None):
        """Those past their last day, whether or not the night has marked them yet."""
        return self.filter(state__in=["active", "expired"], expiry__lt=at or timezone.localdate())

    def still_relied_on(self, at=None):
        """Run out, on a version that is in use, with nothing in their place: what an auditor asks for first."""
        today = at or timezone.localdate()
        newer = self.model.objects.in_force(today).filter(
            version=OuterRef("version"), subject_key=OuterRef("subject_key")
        )
        used = self.run_out(today).filter(version__use_status__in=["in_use", "restricted"])
        return used.exclude(Exists(newer)).exclude(finding__state__in=["verified_closed", "withdrawn"])
