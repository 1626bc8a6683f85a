"""Version 1 of the house policy: what the product ships with, in force from the first migrate on."""

from django.utils import timezone

from assessments.models import Policy, PolicyVersion
from assessments.policies import default_policy
from assessments.policy.force import HOUSE
from registry.action import Done, action
from registry.roles import system_user

ORIGIN = "house default, shipped"
RATIONALE = (
    "The limits that the product ships with; each with its basis and source. Nobody of this house signed them: "
    "draft a version of your own."
)


def ensure_policy(*, apps=None, **_) -> None:
    """Called after each migrate, with the models as they are then, and after a database was emptied. Does nothing where
    there is a policy, or no table for one yet."""
    try:
        if apps is not None:
            apps.get_model("assessments", "PolicyVersion")
    except LookupError:
        return
    if not PolicyVersion.objects.exists():
        _ship(Policy, actor=system_user())


def _by_the_system(_policy_class, actor, **_) -> str | None:
    return None if actor == system_user() else "The shipped policy is put in force by the system alone."


@action("policy.ship", rule=_by_the_system)
def _ship(_policy_class: type[Policy], *, actor) -> Done:
    document = default_policy()
    digest = document.pop("sha256")
    policy, _made = Policy.objects.get_or_create(slug=HOUSE, defaults={"name": document["name"]})
    now = timezone.now()
    version = policy.versions.create(
        number=document["version"],
        document=document,
        sha256=digest,
        rationale=RATIONALE,
        state=PolicyVersion.State.APPROVED,
        origin=ORIGIN,
        drafted_by=actor,
        drafted_at=now,
        approved_at=now,
        effective_from=now,
    )
    return Done(version, summary=f"Put {version} in force: {ORIGIN}", detail={"sha256": digest})
