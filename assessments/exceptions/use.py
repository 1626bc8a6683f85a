"""A use before validation, under an exception in force: what lets a version be used that no approval stands behind."""

from assessments.models import PolicyException
from registry.approvals.gates import excuse
from registry.models import ModelVersion

Status = ModelVersion.ApprovalStatus
# What was looked at and found wanting, or given up, is excused by nothing.
NEVER = {Status.REJECTED, Status.VALIDATION_FAILED, Status.WITHDRAWN, Status.SUPERSEDED}


@excuse
def used_before_validation(version: ModelVersion) -> str:
    if version.approval_status in NEVER:
        return ""
    held = PolicyException.objects.in_force().filter(version=version, kind=PolicyException.Kind.USE).first()
    return f"{held} allows its use until {held.expiry:%-d %b %Y}." if held else ""
