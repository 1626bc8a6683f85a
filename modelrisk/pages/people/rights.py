"""Who may do what, as tables: every answer is the action's own rule, asked. Nothing is written down a second time.

The rules answer as if each person had just signed in; what the state of a thing forbids, and not the person, is told
apart: `later`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist

from registry import access, lineage
from registry.action import Action, supposing
from registry.api.offers import kinds, offers_of
from registry.models import MLModel, RoleGrant
from registry.refusals import NotNow

OWNER_OF, DEVELOPER_OF = "owner of the model", "developer of the model"
COLUMNS = (*access.ROLES, OWNER_OF, DEVELOPER_OF)


@dataclass(frozen=True)
class Answer:
    """may: this person could do it; later: not in the state that the thing is in, for the reason given."""

    who: str
    may: bool
    later: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Right:
    """One action, on one thing: who may."""

    action: str
    title: str
    about: str
    answers: list[Answer]

    @property
    def cells(self) -> list[tuple[str, "Answer | None"]]:
        """One for each column of the table of roles; None where nobody stands there."""
        told = {answer.who: answer for answer in self.answers}
        return [(column, told.get(column)) for column in COLUMNS]


def of_model(model: MLModel, people: list, subjects: Iterable) -> list[Right]:
    """What each of these people may do with the model, its newest version and what hangs on it."""
    found = []
    for subject in [model, *subjects]:
        for offered in offers_of(type(subject)):
            answers = [_answer(offered.action, subject, person) for person in people]
            found.append(_right(offered.action, str(subject), answers))
    return found


def of_roles(viewer) -> list[Right]:
    """What each role by itself may do, asked of a stand-in who has the role and no part in anything; and what the owner
    and a developer of a model may do with it, asked of them.

    The rules need a thing to be asked about: it is the newest of its kind that the viewer sees.
    """
    stand_ins = [_stand_in(role) for role in access.ROLES]
    found = []
    for kind in kinds():
        sample = viewer if kind is get_user_model() else _newest(kind, viewer)
        if sample is None:
            continue
        people = {person.username: person for person in stand_ins} | _builders(sample)
        for offered in offers_of(kind):
            answers = [_answer(offered.action, _about(kind, sample, one), one, name) for name, one in people.items()]
            found.append(_right(offered.action, str(kind._meta.verbose_name), answers))
    return found


def _newest(kind: type, viewer):
    return kind.objects.visible_to(viewer).order_by("-pk").first()


def _builders(sample) -> dict[str, Any]:
    """The people of the model that the sample is of, where it is of one."""
    model = _model_of(sample)
    if model is None:
        return {}
    developer = model.developers.first()
    people = {OWNER_OF: model.owner} | ({DEVELOPER_OF: developer} if developer else {})
    with_roles(list(people.values()))
    return people


def _model_of(sample) -> MLModel | None:
    found = sample
    for _ in range(3):
        if isinstance(found, MLModel):
            return found
        found = getattr(found, "model", None) or getattr(found, "version", None) or getattr(found, "request", None)
    return found if isinstance(found, MLModel) else None


def people_of(model: MLModel) -> list:
    """Whoever has or had a part in it, then whoever decides: with their roles, in three questions."""
    parts = lineage.lineage(model)
    assigned = model.assignments.filter(until__isnull=True).values_list("user", flat=True)
    first = set(parts) | set(assigned)
    found = get_user_model().objects.filter(is_active=True)
    known = list(found.filter(pk__in=first).order_by("username"))
    deciders = list(access.people_with(*access.DECIDING).exclude(pk__in=first).order_by("username"))
    return with_roles([*known, *deciders])


def with_roles(people: list) -> list:
    """The same people, with their roles asked for once for all."""
    held: dict[int, list[str]] = {person.pk: [] for person in people}
    for user, role in RoleGrant.objects.in_force().filter(user__in=people).values_list("user", "role"):
        held[user].append(role)
    for person in people:
        person._modelrisk_roles = access.effective(held[person.pk], superuser=person.is_superuser)
    return people


def _answer(action: Action, subject, person, name: str = "") -> Answer:
    who = name or person.get_username()
    try:
        with supposing():
            reason = action.refusal(subject, person)
    except ObjectDoesNotExist:  # asked for a row of the stand-in's own: past what the role could forbid
        return Answer(who, may=True)
    return Answer(who, reason is None or isinstance(reason, NotNow), isinstance(reason, NotNow), str(reason or ""))


def _right(action: Action, about: str, answers: list[Answer]) -> Right:
    told = (action.__doc__ or action.action_name).strip().splitlines()[0]
    return Right(action.action_name, told.partition(". ")[0].rstrip("."), about, answers)


def _stand_in(role: str):
    person = get_user_model()(pk=access.NOBODY, username=role)
    person._modelrisk_roles = access.effective([role])
    return person


def _about(kind: type, sample, person):
    """What concerns oneself is asked of oneself."""
    return person if kind is get_user_model() else sample
