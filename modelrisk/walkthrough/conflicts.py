"""Who had which part in a case, and whether these were different people (guard G1): people are compared, not roles."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from registry.models import ApprovalRequest, Assignment, Decision, ServiceAccount, Vote

BUILDING, JUDGING = ("owner", "developer", "uploader", "submitter"), ("validator", "approver")
PARTS = (*BUILDING, *JUDGING)


@dataclass
class Person:
    """One person of the case. parts: what they did in it, the building side first."""

    id: int
    name: str
    parts: list[str] = field(default_factory=list)
    conflict: str = ""  # a sentence, where one person stands on both sides

    @property
    def built(self) -> list[str]:
        return [part for part in self.parts if part in BUILDING]

    @property
    def judged(self) -> list[str]:
        return [part for part in self.parts if part in JUDGING]


@dataclass(frozen=True)
class Independence:
    """The whole of one case. at: the moment of the decision; now where there is none."""

    people: list[Person]
    by_part: dict[str, list[str]]
    at: datetime | None

    @property
    def conflicts(self) -> list[str]:
        return [person.conflict for person in self.people if person.conflict]

    @property
    def sentence(self) -> str:
        if self.conflicts:
            return " ".join(self.conflicts)
        missing = [part for part in ("owner", *JUDGING) if not self.by_part[part]]
        if missing:
            return f"No conflict; the case names no {' and no '.join(missing)}."
        return "Whoever owned, developed, uploaded or submitted it neither validated nor decided it."


def of_case(request: ApprovalRequest) -> Independence:
    """Everyone who ever owned, developed or uploaded a version of the model up to the decision, and who judged it.

    What a service account did, the person did who answers for it.
    """
    decision = Decision.objects.filter(request=request).first()
    found = {part: ids - {None} for part, ids in _parts(request, decision).items()}
    users = get_user_model().objects.in_bulk(set().union(*found.values()))
    people = {pk: Person(pk, user.get_username()) for pk, user in users.items()}
    for part in PARTS:
        for pk in found[part]:
            people[pk].parts.append(part)
    for person in people.values():
        person.conflict = _conflict(person)
    ordered = sorted(people.values(), key=lambda person: (PARTS.index(person.parts[0]), person.name))
    by_part = {part: sorted(people[pk].name for pk in found[part]) for part in PARTS}
    return Independence(ordered, by_part, decision.decided_at if decision else None)


def document(request: ApprovalRequest) -> dict[str, Any]:
    found = of_case(request)
    people = [asdict(each) for each in found.people]
    return {"sentence": found.sentence, "independent": not found.conflicts, "people": people, "by_part": found.by_part}


def _parts(request: ApprovalRequest, decision: Decision | None) -> dict[str, set]:
    model = request.version.model
    assigned = Assignment.objects.filter(model=model)
    versions = model.versions.all()
    votes = Vote.objects.filter(dossier__request=request, cleared_at__isnull=True)
    if decision:  # later votes of the case are for its use again
        assigned = assigned.filter(since__lte=decision.decided_at)
        versions, votes = versions.filter(created_at__lte=decision.decided_at), votes.filter(dossier=decision.dossier)
    parts = {
        "owner": {model.owner_id, *_with_part(assigned, Assignment.Part.OWNER)},
        "developer": {*model.developers.values_list("pk", flat=True), *_with_part(assigned, Assignment.Part.DEVELOPER)},
        "uploader": set(versions.values_list("created_by", flat=True)),
        "submitter": {request.requested_by_id},
        "validator": {request.validator_id, request.validated_by_id},
        "approver": {*votes.values_list("voter", flat=True), decision.decided_by_id if decision else None},
    }
    accounts = ServiceAccount.objects.filter(account__in=set().union(*(parts[part] for part in BUILDING)))
    for account, owner in accounts.values_list("account", "owner"):
        for part in BUILDING:
            parts[part] |= {owner} if account in parts[part] else set()
    return parts


def _with_part(assigned, part: str) -> list[int]:
    return list(assigned.filter(part=part).values_list("user", flat=True))


def _conflict(person: Person) -> str:
    if person.built and person.judged:
        return f"{person.name} is {_and(person.built)} and {_and(person.judged)}."
    return ""


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
