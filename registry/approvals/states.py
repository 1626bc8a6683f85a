"""The life of a version, as tables: what is approved of it, how an approval is looked at again, how it is used.

What is not here does not happen. Beside each event stands who may bring it about: a role, or a part in this model.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from registry import access
from registry.models import ModelVersion

Status = ModelVersion.ApprovalStatus
Use = ModelVersion.UseStatus
Anew = ModelVersion.Revalidation


class Event(StrEnum):
    SUBMIT = "submit"
    START_VALIDATION = "start_validation"
    RETURN = "return"
    VALIDATE = "validate"
    FAIL_VALIDATION = "fail_validation"
    PUT_TO_DECISION = "put_to_decision"
    APPROVE = "approve"
    CONDITIONS = "approve_with_conditions"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    SUPERSEDE = "supersede"
    DEPLOY = "deploy"
    RESTRICT = "restrict"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    DECOMMISSION = "decommission"
    RETIRE = "retire"


class Who(StrEnum):
    OWNER = "owner"  # of the model
    LEAD_VALIDATOR = "lead_validator"  # of the case
    VALIDATOR = access.VALIDATOR
    MRM_LEAD = access.MRM_LEAD
    DECIDER = "decider"  # whose role fills a place in the quorum of the tier (registry.approvals.quorum)
    SYSTEM = "system"  # a job of ours


To = TypeVar("To", Status, Use, Anew, Status | Anew)


@dataclass(frozen=True)
class Step(Generic[To]):
    """Where an event leads, and who may bring it about."""

    to: To
    who: frozenset[Who]


def _by(to: To, *who: Who) -> Step[To]:
    return Step(to, frozenset(who))


TRANSITIONS: dict[tuple[Status, Event], Step[Status]] = {
    (Status.DRAFT, Event.SUBMIT): _by(Status.SUBMITTED, Who.OWNER),
    (Status.RETURNED, Event.SUBMIT): _by(Status.SUBMITTED, Who.OWNER),
    # Validated anew: the file is the same, the evidence is not.
    (Status.EXPIRED, Event.SUBMIT): _by(Status.SUBMITTED, Who.OWNER),
    (Status.SUBMITTED, Event.START_VALIDATION): _by(Status.IN_VALIDATION, Who.MRM_LEAD),
    (Status.SUBMITTED, Event.RETURN): _by(Status.RETURNED, Who.VALIDATOR, Who.MRM_LEAD),
    (Status.IN_VALIDATION, Event.RETURN): _by(Status.RETURNED, Who.LEAD_VALIDATOR, Who.MRM_LEAD),
    (Status.IN_VALIDATION, Event.VALIDATE): _by(Status.VALIDATED, Who.LEAD_VALIDATOR),
    (Status.IN_VALIDATION, Event.FAIL_VALIDATION): _by(Status.VALIDATION_FAILED, Who.LEAD_VALIDATOR),
    (Status.VALIDATED, Event.PUT_TO_DECISION): _by(Status.PENDING, Who.MRM_LEAD),
    (Status.PENDING, Event.APPROVE): _by(Status.APPROVED, Who.DECIDER),
    (Status.PENDING, Event.CONDITIONS): _by(Status.CONDITIONS, Who.DECIDER),
    (Status.PENDING, Event.REJECT): _by(Status.REJECTED, Who.DECIDER),
    (Status.PENDING, Event.RETURN): _by(Status.RETURNED, Who.DECIDER),
    (Status.DRAFT, Event.WITHDRAW): _by(Status.WITHDRAWN, Who.OWNER),
    (Status.SUBMITTED, Event.WITHDRAW): _by(Status.WITHDRAWN, Who.OWNER),
    (Status.IN_VALIDATION, Event.WITHDRAW): _by(Status.WITHDRAWN, Who.OWNER),
    (Status.RETURNED, Event.WITHDRAW): _by(Status.WITHDRAWN, Who.OWNER),
    (Status.VALIDATED, Event.WITHDRAW): _by(Status.WITHDRAWN, Who.OWNER),
    (Status.PENDING, Event.WITHDRAW): _by(Status.WITHDRAWN, Who.OWNER),
    (Status.APPROVED, Event.EXPIRE): _by(Status.EXPIRED, Who.SYSTEM),
    (Status.CONDITIONS, Event.EXPIRE): _by(Status.EXPIRED, Who.SYSTEM),
    (Status.APPROVED, Event.SUPERSEDE): _by(Status.SUPERSEDED, Who.SYSTEM),
    (Status.CONDITIONS, Event.SUPERSEDE): _by(Status.SUPERSEDED, Who.SYSTEM),
}

# A new case of what stands approved. The approval and the use stay as they are until the case ends: a step that leads
# to an approval status ends it. Nobody takes it back: what asked for it would be left unanswered.
REVALIDATION: dict[tuple[Anew, Event], Step[Status | Anew]] = {
    (Anew.NONE, Event.SUBMIT): _by(Anew.SUBMITTED, Who.OWNER),
    (Anew.RETURNED, Event.SUBMIT): _by(Anew.SUBMITTED, Who.OWNER),
    (Anew.SUBMITTED, Event.START_VALIDATION): _by(Anew.IN_VALIDATION, Who.MRM_LEAD),
    (Anew.SUBMITTED, Event.RETURN): _by(Anew.RETURNED, Who.VALIDATOR, Who.MRM_LEAD),
    (Anew.IN_VALIDATION, Event.RETURN): _by(Anew.RETURNED, Who.LEAD_VALIDATOR, Who.MRM_LEAD),
    (Anew.IN_VALIDATION, Event.VALIDATE): _by(Anew.VALIDATED, Who.LEAD_VALIDATOR),
    (Anew.IN_VALIDATION, Event.FAIL_VALIDATION): _by(Status.VALIDATION_FAILED, Who.LEAD_VALIDATOR),
    (Anew.VALIDATED, Event.PUT_TO_DECISION): _by(Anew.PENDING, Who.MRM_LEAD),
    (Anew.PENDING, Event.APPROVE): _by(Status.APPROVED, Who.DECIDER),
    (Anew.PENDING, Event.CONDITIONS): _by(Status.CONDITIONS, Who.DECIDER),
    (Anew.PENDING, Event.REJECT): _by(Status.REJECTED, Who.DECIDER),
    (Anew.PENDING, Event.RETURN): _by(Anew.RETURNED, Who.DECIDER),
}

USE: dict[tuple[Use, Event], Step[Use]] = {
    (Use.NOT_IN_USE, Event.DEPLOY): _by(Use.IN_USE, Who.OWNER),
    (Use.IN_USE, Event.DEPLOY): _by(Use.IN_USE, Who.OWNER),  # in another place
    # Approved, and its stored file is another one now: it may not come into use.
    (Use.NOT_IN_USE, Event.SUSPEND): _by(Use.SUSPENDED, Who.SYSTEM),
    (Use.IN_USE, Event.RESTRICT): _by(Use.RESTRICTED, Who.MRM_LEAD, Who.SYSTEM),
    (Use.IN_USE, Event.SUSPEND): _by(Use.SUSPENDED, Who.MRM_LEAD, Who.SYSTEM),
    (Use.RESTRICTED, Event.SUSPEND): _by(Use.SUSPENDED, Who.MRM_LEAD, Who.SYSTEM),
    (Use.RESTRICTED, Event.REINSTATE): _by(Use.IN_USE, Who.DECIDER),
    (Use.SUSPENDED, Event.REINSTATE): _by(Use.IN_USE, Who.DECIDER),
    (Use.IN_USE, Event.DECOMMISSION): _by(Use.DECOMMISSIONING, Who.OWNER),
    (Use.RESTRICTED, Event.DECOMMISSION): _by(Use.DECOMMISSIONING, Who.OWNER),
    (Use.SUSPENDED, Event.DECOMMISSION): _by(Use.DECOMMISSIONING, Who.OWNER),
    (Use.DECOMMISSIONING, Event.RETIRE): _by(Use.RETIRED, Who.MRM_LEAD),
}

OF_USE = frozenset(event for _state, event in USE)
DECISIONS = (Event.APPROVE, Event.CONDITIONS, Event.REJECT, Event.RETURN)
STANDING = frozenset({Status.APPROVED, Status.CONDITIONS})
RUNNING = frozenset({Use.IN_USE, Use.RESTRICTED})
OF_APPROVAL = frozenset({Event.EXPIRE, Event.SUPERSEDE})  # end the approval itself, whatever case is open


def step(version: ModelVersion, event: Event) -> Step[Status] | Step[Use] | Step[Status | Anew] | None:
    """What the event does to the version as it stands, or None where it cannot happen now."""
    if event in OF_USE:
        return USE.get((Use(version.use_status), event))
    if event not in OF_APPROVAL and (version.revalidation or version.approval_status in STANDING):
        return REVALIDATION.get((Anew(version.revalidation), event))
    return TRANSITIONS.get((Status(version.approval_status), event))


def ever_by(event: Event) -> frozenset[Who]:
    """Who may bring it about in one state or another."""
    steps = [(of, step.who) for (_state, of), step in TRANSITIONS.items()]
    steps += [(of, step.who) for (_state, of), step in REVALIDATION.items()]
    steps += [(of, step.who) for (_state, of), step in USE.items()]
    return frozenset(who for of, those in steps if of == event for who in those)
