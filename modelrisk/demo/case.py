"""The case of one version, told through the same steps as on the pages, up to the vote that waits for its approver.

Each step looks how far the case is: told again on the same state, nothing is added. What is signed is signed in a web
session of the person, on the page: no program signs.
"""

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from assessments.actions.findings import raise_finding, steps
from assessments.evidence import deciding
from assessments.findings.states import Event as FindingEvent
from assessments.models import Finding, Verdict
from modelrisk.components.texts import group_text
from modelrisk.demo.visit import Visitor
from registry.approvals import actions
from registry.approvals.states import Status
from registry.models import ModelVersion

NOTE = "The better of the two models. The assessment is attached; please mind the impact ratio of sex."
SCOPE = (
    "The whole battery on the hold-out table: performance, robustness, fairness, explainability, privacy and data. Not "
    "the pipeline that will feed it, nor its monitoring."
)
PLAN = "Collect the label again from a source that does not favour men, train on it, and assess the new version."
UNFAIR = (
    "{title} failed on the hold-out table. The census labels women who merit it as below 50,000 more often; a model "
    "that learns from it repeats that."
)
STANDS = (
    "{title} failed on the hold-out table. It may stand for this use: an offer is sent once, nobody gains by changing "
    "their answers to get one, and no decision about a person follows from it."
)
REPORT = (
    "Fit for choosing whom an offer is sent to, and for nothing else. It separates well and is calibrated. {failed} of "
    "its criteria failed, and each has a finding: {grave} of unequal treatment, which the owner has accepted with a "
    "plan and a day, and observations that say why the others may stand. Restrict its use to the offer until the "
    "findings have ended, and watch the selection rates of men and women each month."
)
Sign = Callable[[ModelVersion, str, dict[str, str]], None]


def walk(version: ModelVersion, people: dict[str, Any], sign: Sign) -> ModelVersion:
    """From the draft to the decision that waits; on a case that is there already, from where it is."""
    acts: dict[str, Callable[..., None]] = {
        Status.DRAFT: _submit,
        Status.SUBMITTED: _assign,
        Status.IN_VALIDATION: _validate,
        Status.VALIDATED: _put_to_decision,
    }
    version.refresh_from_db()
    while act := acts.pop(version.approval_status, None):
        act(version, people, sign)
        version.refresh_from_db()
    return version


def signing_at(url: str, password: str, validator: str) -> Sign:
    """Sign on the page of the version, in a session of the validator."""

    def sign(version: ModelVersion, event: str, given: dict[str, str]) -> None:
        page = reverse("version", args=[version.model.slug, version.number])
        step = reverse("version-step", args=[version.model.slug, version.number, event])
        Visitor(url, validator, password).send(page, step, given)

    return sign


def _submit(version: ModelVersion, people: dict[str, Any], _sign: Sign) -> None:
    actions.submit(version, actor=people["owner"], note=NOTE)


def _assign(version: ModelVersion, people: dict[str, Any], _sign: Sign) -> None:
    actions.start_validation(version, actor=people["mrm_lead"], validator=people["validator"], scope=SCOPE)


def _validate(version: ModelVersion, people: dict[str, Any], sign: Sign) -> None:
    """A finding for each criterion that failed, accepted by the owner; then the signed report."""
    failed = list(deciding(version).verdicts.filter(verdict=Verdict.Word.FAIL).select_related("assessment"))
    for verdict in failed:
        _find(version, people, verdict)
    grave = sum(verdict.family == "fairness" for verdict in failed)
    sign(version, "validate", {"report": REPORT.format(failed=len(failed), grave=grave)})


def _find(version: ModelVersion, people: dict[str, Any], verdict: Verdict) -> None:
    """Unequal treatment is to be remedied; of the rest it is written down why it may stand."""
    unfair = verdict.family == "fairness"
    title = f"{_title(verdict)} misses the policy's limit"
    if not Finding.objects.filter(version=version, title=title).exists():
        raise_finding(
            version,
            actor=people["validator"],
            title=title,
            description=(UNFAIR if unfair else STANDS).format(title=_title(verdict)),
            severity=Finding.Severity.MEDIUM if unfair else Finding.Severity.OBSERVATION,
            verdict=verdict,
        )
    finding = Finding.objects.get(version=version, title=title)
    if finding.state == Finding.State.ISSUED:
        text = PLAN if unfair else "Accepted as it is, for this use."
        steps[FindingEvent.ACCEPT](finding, actor=people["owner"], text=text)


def _title(verdict: Verdict) -> str:
    return f"{verdict.title}, {group_text(verdict.group)}" if verdict.group else verdict.title


def _put_to_decision(version: ModelVersion, people: dict[str, Any], _sign: Sign) -> None:
    actions.put_to_decision(version, actor=people["mrm_lead"])
