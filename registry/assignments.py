"""Who has which part in a model, from when to when. MLModel.owner and .developers are the parts of today."""

from django.utils import timezone

from registry import access
from registry.action import Done, action
from registry.lineage import conflict
from registry.models import Assignment, MLModel
from registry.refusals import BadInput, Conflict, NotNow

Part = Assignment.Part
# Part -> the roles of which a person needs one to be given it. A user of a model's outputs needs none.
NEEDS: dict[str, tuple[str, ...]] = {
    Part.OWNER: (access.OWNER,),
    Part.DEVELOPER: (access.DEVELOPER, access.SERVICE_ACCOUNT),
    Part.VALIDATOR: (access.VALIDATOR,),
    Part.USER: (),
}


# --- rules ----------------------------------------------------------------------------------------
def may_staff(model: MLModel, actor, **_) -> str | None:
    """Owner, developers and users are the owner's to name, and the MRM lead's."""
    if model.owner_id == actor.pk or access.MRM_LEAD in access.roles_of(actor):
        return None
    return f"Only the owner of {model} or an MRM lead says who owns it, develops it or uses it."


def may_assign_validator(model: MLModel, actor, **_) -> str | None:
    if access.MRM_LEAD not in access.roles_of(actor):
        return "Assigning a validator takes the role MRM lead."
    return conflict(actor, model, "choose who validates it")


def may_end(assignment: Assignment, actor, **_) -> str | None:
    """Who could give the part ends it; and its person gives it up."""
    if assignment.user_id == actor.pk and access.roles_of(actor) != {access.AUDITOR}:
        reason = None
    elif assignment.part == Part.VALIDATOR:
        reason = may_assign_validator(assignment.model, actor)
    else:
        reason = may_staff(assignment.model, actor)
    if reason is not None:
        return reason
    if assignment.until is not None:
        return NotNow(f"{assignment} ended already.")
    if assignment.part == Part.OWNER:
        return NotNow("A model is never without an owner: name the next one, which ends this part.")
    return None


# --- actions --------------------------------------------------------------------------------------
@action("model.change_owner", rule=may_staff)
def change_owner(model: MLModel, *, actor, user, reason: str = "") -> Done:
    """Make another person accountable. Who owned it before stays of its lineage."""
    before = model.owner
    if before.pk == user.pk:
        raise BadInput(f"{user} owns {model} already.", hint="Name another person.", field="user")
    _check(model, user, Part.OWNER)
    _end_ownership(model, before, actor)
    model.owner = user
    model.save(update_fields=["owner"])
    _begin(model, actor, user, Part.OWNER)
    detail = {"from": before.get_username(), "to": user.get_username(), "reason": reason.strip()}
    return Done(model, summary=f"{user} owns {model} in place of {before}", detail=detail)


@action("model.assign_developer", rule=may_staff)
def assign_developer(model: MLModel, *, actor, user) -> Done:
    """Let a person, or a service account, build it. They may not judge it from then on, for ever."""
    made = _assign(model, actor, user, Part.DEVELOPER)
    model.developers.add(user)
    return Done(made, about=model, summary=f"{user} develops {model}")


@action("model.assign_validator", rule=may_assign_validator)
def assign_validator(model: MLModel, *, actor, user) -> Done:
    """Name who validates it: someone who never had a hand in it."""
    made = _assign(model, actor, user, Part.VALIDATOR)
    return Done(made, about=model, summary=f"{user} validates {model}")


@action("model.assign_user", rule=may_staff)
def assign_user(model: MLModel, *, actor, user) -> Done:
    """Note who relies on its outputs: they are told of restrictions."""
    made = _assign(model, actor, user, Part.USER)
    return Done(made, about=model, summary=f"{user} uses {model}")


@action("model.end_assignment", rule=may_end)
def end_assignment(assignment: Assignment, *, actor) -> Done:
    """End a part from now. It stays in the lineage."""
    if assignment.until is not None:
        raise Conflict(f"{assignment} ended already. Reload the page.")
    _end(Assignment.objects.filter(pk=assignment.pk), actor)
    if assignment.part == Part.DEVELOPER:
        assignment.model.developers.remove(assignment.user)
    assignment.refresh_from_db()
    return Done(assignment, about=assignment.model, summary=f"Ended: {assignment}")


ASSIGNING = {
    Part.OWNER: change_owner,
    Part.DEVELOPER: assign_developer,
    Part.VALIDATOR: assign_validator,
    Part.USER: assign_user,
}


def assign(model: MLModel, *, actor, user, part: str) -> Assignment:
    """Give a person a part, by the action of that part."""
    if part not in ASSIGNING:
        raise BadInput(f"There is no part {part!r}.", hint=f"Choose one of {', '.join(Part.values)}.", field="part")
    ASSIGNING[Part(part)](model, actor=actor, user=user)
    return model.assignments.get(part=part, user=user, until__isnull=True)


# --- what they share ------------------------------------------------------------------------------
def _assign(model: MLModel, actor, user, part: str) -> Assignment:
    if model.assignments.filter(part=part, user=user, until__isnull=True).exists():
        raise BadInput(f"{user} is {Part(part).label} of {model} already.", code="part_taken", field="user")
    _check(model, user, part)
    return _begin(model, actor, user, part)


def _check(model: MLModel, user, part: str) -> None:
    needed = NEEDS[part]
    if not user.is_active:
        raise BadInput(f"The account {user} is not active.", field="user")
    if needed and not access.roles_now(user) & set(needed):
        words = " or ".join(role.replace("_", " ") for role in needed)
        hint = "They ask for it on the page of people."
        raise BadInput(f"{user} has not the role {words}.", hint=hint, code="role_missing", field="user")
    if part == Part.VALIDATOR and conflict(user, model):
        message = f"{user} has or had a hand in {model} and cannot validate it."
        raise BadInput(message, hint="Name someone independent.", code="not_independent", field="user")
    building = part in {Part.OWNER, Part.DEVELOPER}
    if building and model.assignments.filter(user=user, part=Part.VALIDATOR, until__isnull=True).exists():
        message = f"{user} validates {model} and cannot build it."
        raise BadInput(message, hint="End the one part first.", code="not_independent", field="user")


def _begin(model: MLModel, actor, user, part: str) -> Assignment:
    return Assignment.objects.create(model=model, user=user, part=part, assigned_by=actor)


def _end_ownership(model: MLModel, owner, actor) -> None:
    """Whoever owned it stays of the lineage, even where their part was never written down."""
    given = {"since": model.created_at, "assigned_by": actor}
    model.assignments.get_or_create(user=owner, part=Part.OWNER, until=None, defaults=given)
    _end(model.assignments.filter(part=Part.OWNER, until__isnull=True), actor)


def _end(rows, actor) -> None:
    rows.update(until=timezone.now(), ended_by=actor)
