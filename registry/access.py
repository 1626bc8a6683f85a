"""Who may see and change what: small pure rules. Each returns the reason why not, or None.

Roles are grants in force (RoleGrant); what a person may do to one model also depends on their part in it, today and
ever: see registry.lineage.
"""

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from registry.lineage import conflict
from registry.refusals import NotNow

OWNER = "owner"  # first line: accountable for models and their use
DEVELOPER = "developer"  # first line: builds and documents models
VALIDATOR = "validator"  # second line: tests and challenges
APPROVER = "approver"  # second line: has authority to decide
SECURITY_OFFICER = "security_officer"  # second line: answers for files that the gate does not let in by itself
MRM_LEAD = "mrm_lead"  # second line: runs inventory, scope and assignment; puts cases to decision
COMMITTEE_CHAIR = "committee_chair"  # second line: chairs the model risk committee; an approver of the highest rank
COMPLIANCE = "compliance"  # second line: an approver for the law's side
AUDITOR = "auditor"  # third line: reads everything, changes nothing
ADMIN = "admin"  # runs the system, decides nothing
SERVICE_ACCOUNT = "service_account"  # a pipeline: registers, runs, attaches; never decides
ROLES = (
    *(OWNER, DEVELOPER, VALIDATOR, MRM_LEAD, APPROVER, COMMITTEE_CHAIR, COMPLIANCE, SECURITY_OFFICER),
    *(AUDITOR, ADMIN, SERVICE_ACCOUNT),
)
ROLE_CHOICES = [(role, role.replace("_", " ")) for role in ROLES]
SEES_EVERYTHING = frozenset({VALIDATOR, MRM_LEAD, APPROVER, COMMITTEE_CHAIR, COMPLIANCE, SECURITY_OFFICER, AUDITOR})


# Who says yes or no to something that others made.
DECIDING = frozenset({VALIDATOR, MRM_LEAD, APPROVER, COMMITTEE_CHAIR, COMPLIANCE, SECURITY_OFFICER})
GRANTORS = frozenset({MRM_LEAD, ADMIN})  # give roles to others
REGISTRARS = frozenset({OWNER, DEVELOPER, VALIDATOR, SERVICE_ACCOUNT})
# Role -> those that the same person may not have beside it, and why.
EXCLUDED: dict[str, tuple[frozenset[str], str]] = {
    AUDITOR: (frozenset(ROLES) - {AUDITOR}, "An auditor reads everything and changes nothing, so has no other role."),
    ADMIN: (DECIDING, "An admin runs the system and decides nothing, so has no role that decides."),
    SERVICE_ACCOUNT: (
        frozenset(ROLES) - {SERVICE_ACCOUNT},
        "A service account is a program and decides nothing, so has no other role.",
    ),
}


NOBODY = -1  # the key of who stands for a role in the table of what roles may do: no row, so nobody who could act


def roles_of(user: AbstractBaseUser) -> frozenset[str]:
    """The user's roles; asked once per user object."""
    if not getattr(user, "is_active", False):
        return frozenset()
    if not hasattr(user, "_modelrisk_roles"):
        user._modelrisk_roles = roles_now(user)
    return user._modelrisk_roles


def roles_now(user: AbstractBaseUser) -> frozenset[str]:
    """The same, asked of the database now: at the moment of signing a role may have ended since the page was drawn."""
    if user.pk == NOBODY:
        return roles_of(user)
    grants = apps.get_model("registry", "RoleGrant").objects.in_force()
    names = grants.filter(user=user.pk, user__is_active=True).values_list("role", flat=True)
    return effective(names, superuser=getattr(user, "is_superuser", False))


def effective(names: Iterable[str], *, superuser: bool = False) -> frozenset[str]:
    """What counts of these roles of one person, whatever was granted: who reads all changes nothing, who runs the
    system decides nothing."""
    roles = frozenset(names)
    if AUDITOR in roles:
        return frozenset({AUDITOR})
    return roles - DECIDING if superuser or roles & {ADMIN, SERVICE_ACCOUNT} else roles


def clash(role: str, others: Iterable[str]) -> str | None:
    """Why one person may not have this role beside the others, or None."""
    for other in others:
        for one, another in ((role, other), (other, role)):
            excluded, why = EXCLUDED.get(one, (frozenset(), ""))
            if another in excluded:
                return why
    return None


def people_with(*roles: str):
    """The active people who have one of these roles now."""
    grants = apps.get_model("registry", "RoleGrant").objects.in_force().filter(role__in=roles)
    return get_user_model().objects.filter(is_active=True, pk__in=grants.values("user"))


def sees_everything(user: AbstractBaseUser) -> bool:
    return bool(roles_of(user) & SEES_EVERYTHING) or bool(getattr(user, "is_superuser", False))


def may_read_audit(_log, actor, **_) -> str | None:
    """The whole log; of each object its own part is seen by whoever sees the object."""
    if sees_everything(actor):
        return None
    roles = ", ".join(role.replace("_", " ") for role in sorted(SEES_EVERYTHING))
    return f"Reading the whole audit trail takes the role of one of these: {roles}. Each object shows its own history."


def is_builder(user: AbstractBaseUser, model) -> bool:
    """Owner or developer of this model today: who may change it. Who may not judge it: registry.lineage."""
    return model.owner_id == user.pk or model.developers.filter(pk=user.pk).exists()


def may_register(_parent, actor, **_) -> str | None:
    if roles_of(actor) & REGISTRARS:
        return None
    return "Registering models and datasets takes the role owner, developer or validator, or a service account's."


def may_edit_context(model, actor, **_) -> str | None:
    """Those who build it gain nothing by it: it is the owner's word, or the MRM lead's."""
    if model.owner_id == actor.pk or MRM_LEAD in roles_of(actor):
        return None
    return f"Only the owner of {model} or an MRM lead may say what it is used for."


def may_upload_version(model, actor, **_) -> str | None:
    return None if is_builder(actor, model) else f"Only the owner or a developer of {model} may add versions to it."


def may_edit_dataset(dataset, actor, **_) -> str | None:
    if dataset.owner_id == actor.pk or VALIDATOR in roles_of(actor):
        return None
    if SERVICE_ACCOUNT in roles_of(actor):
        accounts = apps.get_model("registry", "ServiceAccount").objects
        if accounts.filter(account=actor.pk, owner=dataset.owner_id).exists():
            return None
    return f"Only the owner of {dataset} or a validator may change it."


def may_assess(version, actor, **_) -> str | None:
    if is_builder(actor, version.model) or VALIDATOR in roles_of(actor):
        return None
    return f"Only the owner or a developer of {version.model}, or a validator, may assess it."


def gate_problem(version) -> tuple[str, str] | None:
    """Why the version's file may not be run now, and what to do about it; None where it may."""
    state = version.gate
    if state in {"allowed", "waived"}:
        return None
    if state == "not_scanned":
        return f"The file of {version} was never scanned.", "Scan it on the page of its artefact."
    if state == "refused":
        return f"The file of {version} is refused by its newest scan.", "Upload a file without what the scan names."
    # Of those granted before it was uploaded its people know nothing: they were for other models that are this file.
    ended = version.artifact.waivers.filter(granted_at__gte=version.created_at).first()
    what = f"The file of {version} needs a waiver" + (
        f"; the last one is {ended.get_state_display()}." if ended else "."
    )
    return what, "A security officer may grant one on the page of its artefact; a file of a safer format needs none."


def not_admitted(version) -> str | None:
    problem = gate_problem(version)
    return NotNow(" ".join(problem)) if problem else None


def may_rescan(version, actor, **_) -> str | None:
    if is_builder(actor, version.model) or roles_of(actor) & {VALIDATOR, SECURITY_OFFICER}:
        return None
    return f"Only the owner or a developer of {version.model}, a validator or a security officer may scan it again."


def may_grant_waiver(artifact, actor, **_) -> str | None:
    """Never for a file of one's own making: whoever uploaded, owns or develops any version with these bytes."""
    if SECURITY_OFFICER not in roles_of(actor):
        return "Granting a waiver takes the role security officer."
    models = {version.model_id: version.model for version in _versions(artifact)}
    if any(conflict(actor, model) for model in models.values()):
        return "You uploaded, own or develop a model with this file, or did; another security officer must decide."
    scan = artifact.scan
    if scan is None:
        return NotNow("This file was never scanned as a model: there is nothing to waive.")
    if scan.verdict == "allowed":
        return NotNow("The newest scan allows this file: it needs no waiver.")
    if scan.verdict == "refused":
        return NotNow("The newest scan refuses this file, which no waiver changes. Ask its developer for another one.")
    return None


def may_revoke_waiver(waiver, actor, **_) -> str | None:
    """Any security officer: taking trust away needs no independence."""
    if SECURITY_OFFICER not in roles_of(actor):
        return "Revoking a waiver takes the role security officer."
    return None if waiver.state == "in_force" else NotNow(f"{waiver} is {waiver.get_state_display()} already.")


def _versions(artifact):
    return artifact.model_versions.select_related("model")


def may_cancel(assessment, actor, **_) -> str | None:
    reason = may_assess(assessment.version, actor)
    if reason is None and not assessment.is_open:
        return NotNow(f"{assessment} is {assessment.get_state_display()} already.")
    return reason


def may_retry(assessment, actor, **_) -> str | None:
    reason = may_assess(assessment.version, actor)
    if reason is None and assessment.state not in {"failed", "cancelled"}:
        return NotNow(f"{assessment} is {assessment.get_state_display()}; only a failed or cancelled one is retried.")
    return reason
