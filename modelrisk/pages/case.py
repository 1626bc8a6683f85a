"""The case of a version on its page: how far it is, whose move it is, and the forms of the steps that are open now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry import case_forms as forms
from registry import revalidation
from registry.approvals import actions, quorum, reinstating, rules, use
from registry.approvals.deciding import counted
from registry.approvals.states import STANDING, Event, Status, Use
from registry.approvals.states import step as step_now
from registry.models import ApprovalRequest, ModelVersion
from registry.refusals import PasswordNeeded


@dataclass(frozen=True)
class Step:
    """One event as people meet it. done: what the page says after it."""

    event: Event
    action: Callable
    form: type[forms.StepForm]
    label: str
    done: str
    danger: bool = False


_ALL = (
    Step(Event.SUBMIT, actions.submit, forms.SubmitForm, "Submit for validation", "is submitted"),
    Step(
        *(Event.START_VALIDATION, actions.start_validation, forms.StartValidationForm),
        *("Start the validation", "is in validation"),
    ),
    Step(Event.VALIDATE, actions.validate, forms.ReportForm, "Sign the validation", "is validated"),
    Step(Event.FAIL_VALIDATION, actions.fail_validation, forms.ReportForm, "Fail the validation", "failed", True),
    Step(Event.RETURN, actions.send_back, forms.ReturnForm, "Return to the owner", "is returned"),
    Step(Event.PUT_TO_DECISION, actions.put_to_decision, forms.NothingForm, "Put to decision", "awaits its decision"),
    Step(Event.DEPLOY, use.deploy, forms.DeployForm, "Deploy", "is in use"),
    Step(Event.RESTRICT, use.restrict, forms.ReasonForm, "Restrict the use", "is restricted"),
    Step(Event.REINSTATE, reinstating.reinstate, forms.ReinstateForm, "Reinstate", "has a vote for its use again"),
    Step(Event.SUSPEND, use.suspend, forms.ReasonForm, "Suspend the use", "is suspended", True),
    Step(Event.DECOMMISSION, use.decommission, forms.DecommissionForm, "Decommission", "is being decommissioned", True),
    Step(Event.RETIRE, use.retire, forms.RetireForm, "Retire", "is retired", True),
    Step(Event.WITHDRAW, actions.withdraw, forms.ReasonForm, "Withdraw", "is withdrawn", True),
)
STEPS: dict[str, Step] = {str(one.event): one for one in _ALL}
OF_USE = {Event.DEPLOY, Event.RESTRICT, Event.REINSTATE, Event.SUSPEND, Event.DECOMMISSION, Event.RETIRE}


@dataclass(frozen=True)
class Drawn:
    """A step that the state allows: its form, or why this person may not take it.

    Where the password alone is missing, the form is there: sending it asks for the password, and keeps what was typed.
    """

    step: Step
    form: forms.StepForm
    refusal: str | None
    password_needed: bool = False


@dataclass(frozen=True)
class Stage:
    """One station of the case. look: done, current, wrong or to come."""

    name: str
    look: str
    told: str = ""
    at: datetime | None = None
    url: str = ""


def shown(version: ModelVersion, user, sent: tuple[str, forms.StepForm] | None = None) -> dict[str, Any]:
    """What the page of a version tells of its case; `sent`: the form that was sent and came back, by its event."""
    case = rules.request_of(version)
    drawn = [_drawn(one, version, user, sent) for one in _ALL if _is_open(one, version)]
    return {
        "case": case,
        "standing": revalidation.standing_decision(version) if version.revalidation else None,
        "stages": stages(version, case),
        "next": whose_move(version, case),
        "case_steps": [one for one in drawn if one.step.event not in OF_USE],
        "use_steps": [one for one in drawn if one.step.event in OF_USE],
        "deployments": version.deployments.select_related("deployed_by")[:10],
        "vote_refusal": actions.vote.refusal(version, user) if version.case_status == Status.PENDING else None,
    }


def _is_open(one: Step, version: ModelVersion) -> bool:
    """Whether the state allows it, whoever asks."""
    if one.event == Event.SUBMIT and version.approval_status in STANDING and not version.revalidation:
        return revalidation.is_due(version)
    if one.event == Event.DEPLOY and version.approval_status not in STANDING:
        return False
    if one.event == Event.RETURN and version.case_status == Status.PENDING:
        return False  # with a vote, on the review
    found = step_now(version, one.event)
    return found is not None and set(map(str, found.who)) != {"system"}


def _drawn(one: Step, version: ModelVersion, user, sent) -> Drawn:
    form = sent[1] if sent and sent[0] == one.event else one.form(version=version, auto_id=f"{one.event}-%s")
    refusal = one.action.refusal(version, user)
    if isinstance(refusal, PasswordNeeded):
        return Drawn(one, form, None, password_needed=True)
    return Drawn(one, form, refusal)


REACHED = {
    Status.DRAFT: 0,
    Status.RETURNED: 0,
    Status.SUBMITTED: 1,
    Status.IN_VALIDATION: 2,
    Status.VALIDATION_FAILED: 2,
    Status.VALIDATED: 3,
    Status.PENDING: 4,
}
WRONG = {Status.RETURNED, Status.VALIDATION_FAILED, Status.REJECTED, Status.WITHDRAWN, Status.EXPIRED}


def stages(version: ModelVersion, case: ApprovalRequest | None) -> list[Stage]:
    """From the upload to the use."""
    status = Status(version.case_status)
    reached = REACHED.get(status, 5)
    told = _told(version, case)
    if status == Status.WITHDRAWN:
        reached = max(number for number, (_name, at, _told) in enumerate(told) if at is not None)
    found = [
        Stage(name, "done" if number < reached else "to come", *((words, at) if number < reached or at else ("", None)))
        for number, (name, at, words) in enumerate(told)
    ]
    if reached < len(found):
        name, at, words = told[reached]
        found[reached] = Stage(
            str(status.label).capitalize() if status in WRONG else name,
            "wrong" if status in WRONG else "done" if status in STANDING else "current",
            words,
            at,
        )
    return found


def _told(version: ModelVersion, case: ApprovalRequest | None) -> list[tuple[str, datetime | None, str]]:
    """Each station: its name, when it was reached, and by whom."""
    dossier = case.dossiers.order_by("revision").first() if case else None
    decision = getattr(case, "decision", None)
    deployed = version.deployments.order_by("pk").first()
    return [
        ("In development", version.created_at, f"uploaded by {version.created_by}"),
        ("Submitted", case and case.requested_at, f"by {case.requested_by}" if case else ""),
        ("In validation", None, f"by {case.validator}" if case and case.validator else ""),
        (
            "Validated",
            case and case.validated_at,
            f"signed by {case.validated_by}" if case and case.validated_by else "",
        ),
        ("Awaiting decision", dossier and dossier.frozen_at, f"put by {dossier.frozen_by}" if dossier else ""),
        (
            decision.request.version.get_approval_status_display().capitalize() if decision else "Decided",
            decision and decision.decided_at,
            f"by {decision.decided_by}" if decision else "",
        ),
        (
            str(version.get_use_status_display()).capitalize() if deployed else "In use",
            deployed and deployed.deployed_at,
            f"{deployed.environment}, by {deployed.deployed_by}" if deployed else "",
        ),
    ]


def whose_move(version: ModelVersion, case: ApprovalRequest | None) -> str:
    """One sentence: who must do what next."""
    status = Status(version.case_status)
    if status == Status.PENDING and case is not None:
        return f"It needs {quorum.words(case.tier)}. Still open: {_listed(open_places(case))}."
    if status in STANDING:
        return _anew(version) if revalidation.is_due(version) else _in_use(version)
    return {
        Status.DRAFT: f"{version.model.owner}, its owner, submits it for validation.",
        Status.RETURNED: f"{version.model.owner}, its owner, answers the gaps and submits it again.",
        Status.SUBMITTED: "An MRM lead assigns a validator who had no part in building it.",
        Status.IN_VALIDATION: f"{case.validator if case else 'The lead validator'} validates it and signs the report.",
        Status.VALIDATED: "An MRM lead puts it to decision.",
        Status.EXPIRED: f"{version.model.owner}, its owner, submits it for a new validation.",
    }.get(status, "Nothing: this case has ended. Another version starts another one.")


def _anew(version: ModelVersion) -> str:
    return f"{version.model.owner}, its owner, submits it for revalidation. {_in_use(version)}"


def _in_use(version: ModelVersion) -> str:
    owner = f"{version.model.owner}, its owner,"
    return {
        Use.NOT_IN_USE: f"{owner} may bring it into use.",
        Use.SUSPENDED: "It may not be used until its deciders reinstate it.",
        Use.RESTRICTED: "It is used within its restrictions until its deciders lift them.",
        Use.DECOMMISSIONING: "An MRM lead retires it once nobody depends on it.",
        Use.RETIRED: "Nothing: it is retired.",
    }.get(Use(version.use_status), "It is in use. Its review is due when the approval ends.")


def open_places(case: ApprovalRequest) -> list[str]:
    """The places of the quorum that no vote fills yet."""
    dossier = rules.dossier_of(case)
    return quorum.missing(case.tier, counted(dossier) if dossier else [])


def _listed(words: list[str]) -> str:
    return " and ".join(words) or "nothing"
