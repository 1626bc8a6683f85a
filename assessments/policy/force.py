"""Which version of the policy holds, now or at a moment of the past."""

from datetime import datetime

from assessments.models import PolicyVersion
from assessments.policy.scope import Context
from registry.models import MLModel
from registry.refusals import Conflict

HOUSE = "house"


def in_force(at: datetime | None = None) -> PolicyVersion | None:
    """The version of the house policy that holds at a moment (now where None); None before the first."""
    found = PolicyVersion.objects.in_force(at).filter(policy__slug=HOUSE).select_related("policy")
    version: PolicyVersion | None = found.order_by("-number").first()
    return version


def required() -> PolicyVersion:
    """The one in force now. Raises Conflict where there is none: nothing is judged by no policy."""
    version = in_force()
    if version is None:
        raise Conflict("No policy is in force: an assessment would have nothing to be judged by. Run `migrate`.")
    return version


def context_of(model: MLModel) -> Context:
    """What the policy asks of this model today."""
    return Context(model.tier, model.use_case, tuple(model.legal_contexts))
