"""Findings whose move is this person's side's."""

from collections.abc import Iterator

from django.urls import reverse

from assessments.findings.rules import CHALLENGE
from assessments.findings.states import Side, waits_for
from assessments.models import Finding
from modelrisk.pages.waiting.row import AT_MOST, Waiting
from registry import access
from registry.models import ModelVersion

# What the side whose move it is has to do.
STEPS = {
    Finding.State.DRAFT: "Issue a finding",
    Finding.State.ISSUED: "Answer a finding",
    Finding.State.UPHELD: "Answer a finding",
    Finding.State.OPEN: "Remedy a finding",
    Finding.State.REBUTTED: "Judge a rebuttal",
    Finding.State.SUBMITTED: "Verify a remedy",
}


def found(user) -> Iterator[Waiting]:
    for finding in _of(user):
        yield Waiting.of(
            finding.version,
            kind="finding",
            what=STEPS[Finding.State(finding.state)],
            note=finding.title,
            since=finding.raised_at,
            due=finding.due,
            url=reverse("finding", args=[finding.pk]),
            finding=finding,
        )


def _of(user) -> list[Finding]:
    standing = Finding.objects.select_related("version__model").order_by("due", "pk")
    built = ModelVersion.objects.built_by(user).order_by().values("pk")
    mine = list(standing.filter(version__in=built, state__in=_waiting_for(Side.BUILDING))[:AT_MOST])
    if not access.roles_of(user) & CHALLENGE:
        return mine
    uploaded = ModelVersion.objects.filter(created_by=user).order_by().values("model")
    others = standing.filter(state__in=_waiting_for(Side.VALIDATING)).exclude(version__in=built)
    return mine + list(others.exclude(version__model__in=uploaded)[:AT_MOST])


def _waiting_for(side: Side) -> list[str]:
    return [state for state in STEPS if waits_for(state) == side]
