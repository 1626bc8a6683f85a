"""Files whose time is over, for the tests of retention."""

from datetime import timedelta

from django.utils import timezone

from registry import access
from registry.audit import triggers
from registry.models import Artifact, AuditEvent, ModelVersion
from registry.retention import purging
from tests import cases
from tests.conftest import make_user
from tests.signing import signed_in

REASON = "Nothing depends on it any more."


def ended(version: ModelVersion, *, years: float, state: str = "withdrawn") -> ModelVersion:
    """The life of the version ended so many years ago."""
    return aged(cases.bring(version, state), years=years)


def aged(version: ModelVersion, *, years: float) -> ModelVersion:
    """All that happened to it is so long ago."""
    then = timezone.now() - timedelta(days=round(365.25 * years) + 1)
    with triggers.suspended():
        AuditEvent.objects.about(version).update(at=then)
    Artifact.objects.filter(pk=version.artifact_id).update(created_at=then)
    return ModelVersion.objects.select_related("artifact", "model").get(pk=version.pk)


def asked(artifact: Artifact, **given):
    """A purge that one of two people has asked for."""
    return purging.ask_for_purge(artifact, actor=cases.people().mrm_lead, reason=REASON, **given)


def confirmed(purge):
    """Said yes to by the other, and carried out."""
    officer = cases.people().compliance
    with signed_in(officer):
        return purging.confirm_purge(purge, actor=officer)


def keeper(name: str = "another_lead"):
    return make_user(name, access.MRM_LEAD)
