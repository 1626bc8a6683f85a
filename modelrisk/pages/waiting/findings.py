"""Findings whose move is this person's side's."""

from collections.abc import Iterator

from django.urls import reverse

from assessments.findings.rules import CHALLENGE
from assessments.findings.states import Side, waits_for
from assessments.models import Finding
from modelrisk.pages.waiting.row import Waiting
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
    standing = Finding.objects.open_ones().select_related("version__model").order_by("pk")
    building = standing.filter(version__in=ModelVersion.objects.built_by(user).values("pk"))
    mine = [one for one in building if waits_for(one.state) == Side.BUILDING]
    if not access.roles_of(user) & CHALLENGE:
        return mine
    uploaded = ModelVersion.objects.filter(created_by=user).values("model")
    others = standing.exclude(pk__in=building.values("pk")).exclude(version__model__in=uploaded)
    return mine + [one for one in others if waits_for(one.state) == Side.VALIDATING]
