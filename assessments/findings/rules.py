"""Why a person may not raise a finding or move it now. Nothing is written here."""

from typing import Any

from assessments.findings.states import STEPS, Event, Side, after
from assessments.models import Finding
from registry import access, lineage
from registry.models import ModelVersion
from registry.refusals import NotNow

CHALLENGE = frozenset({access.VALIDATOR, access.APPROVER})


def may_raise(version: ModelVersion, actor, **_: Any) -> str | None:
    """The second line, and of it nobody who built what is challenged."""
    if not access.roles_of(actor) & CHALLENGE:
        return "Raising and closing findings takes the role validator or approver."
    return lineage.conflict(actor, version.model, "challenge it")


def may(event: Event):
    """The rule of one event, for @action."""

    def rule(finding: Finding, actor, **_: Any) -> str | None:
        reason = _not_of(STEPS[event].side, finding, actor)
        if reason is None and after(finding.state, event) is None:
            return NotNow(f"{finding} is in the state “{finding.get_state_display()}”: this step is not open now.")
        return reason

    return rule


def _not_of(side: Side, finding: Finding, actor) -> str | None:
    return _builds(finding, actor) if side == Side.BUILDING else may_raise(finding.version, actor)


def _builds(finding: Finding, actor) -> str | None:
    model = finding.version.model
    if access.is_builder(actor, model):
        return None
    return f"Only the owner or a developer of {model} may answer its findings."
