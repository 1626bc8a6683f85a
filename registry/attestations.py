"""The owner attests, at the cadence of the tier, that what was approved is still what is used."""

from datetime import date, datetime
from typing import Any

from registry.action import Done, action
from registry.models import Attestation, ModelVersion, RevalidationTrigger
from registry.refusals import BadInput, NotNow
from registry.revalidation import CONCERNS, SHORTEST_TEXT, add_months

# House defaults, in months by tier.
MONTHS = {1: 6, 2: 12, 3: 12}
USED = (ModelVersion.UseStatus.IN_USE, ModelVersion.UseStatus.RESTRICTED)


def due_of(version: ModelVersion) -> date | None:
    """By when the owner has to attest it next; None where it is not in use."""
    if version.use_status not in USED:
        return None
    return add_months(since_of(version).date(), MONTHS[version.model.tier])


def since_of(version: ModelVersion) -> datetime:
    """When it was last attested, or came into use. Asks nothing where both were fetched with the row."""
    given = [one.attested_at for one in version.attestations.all()]
    used = [one.deployed_at for one in version.deployments.all() if one.ended_at is None]
    return max(given, default=None) or min(used, default=version.created_at)


def may_attest(version: ModelVersion, actor, **_: Any) -> str | None:
    if version.model.owner_id != actor.pk:
        return f"Only {version.model.owner}, who owns {version.model}, may attest."
    if version.use_status not in USED:
        return NotNow(f"{version} is {version.get_use_status_display()}: there is nothing to attest.")
    return None


@action("attestation.give", rule=may_attest)
def attest(version: ModelVersion, *, actor, answers: dict[str, dict[str, Any]]) -> Done:
    """State of each fact whether it still holds. What does not is said in a note, and asks for a revalidation.

    answers: {fact: {holds, note}}, of every fact.
    """
    told = {fact: _answer(fact, answers.get(fact)) for fact in Attestation.Fact.values}
    made = Attestation.objects.create(version=version, answers=told, due=due_of(version), attested_by=actor)
    broken = [fact for fact, answer in told.items() if not answer["holds"]]
    if broken and version.approval_status in CONCERNS:
        said = "; ".join(f"{fact}: {told[fact]['note']}" for fact in broken)
        RevalidationTrigger.objects.create(
            version=version,
            kind=RevalidationTrigger.Kind.ATTESTATION,
            reason=f"{actor} could not attest {said}",
            key=f"attestation:{made.pk}",
            raised_by=actor,
        )
    words = f"all but {', '.join(broken)}" if broken else "that all of it still holds"
    detail = {"attestation": made.pk, "answers": told, "due": made.due.isoformat() if made.due else None}
    return Done(made, about=version, summary=f"Attested for {version} {words}", detail=detail)


def _answer(fact: str, given: dict[str, Any] | None) -> dict[str, Any]:
    if given is None or not isinstance(given.get("holds"), bool):
        said = Attestation.Fact(fact).label
        raise BadInput(f"Say yes or no: {said}.", hint="Every fact needs its answer.", field=fact)
    note = str(given.get("note", "")).strip()
    if not given["holds"] and len(note) < SHORTEST_TEXT:
        hint = f"Write at least {SHORTEST_TEXT} characters."
        raise BadInput(f"Say what does not hold any more ({fact}).", hint=hint, code="note_required", field=fact)
    return {"holds": given["holds"], "note": note}
