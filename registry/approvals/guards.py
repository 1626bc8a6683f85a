"""The guards G1 to G13 of the approval case: on people, not on roles. Each gives a sentence, who and why, or None.

They look at what they are given and write nothing. Those that are not here: G3 to G6 are gates of other apps
(registry.approvals.gates, asked by `evidence`), G8 is of exceptions, which are another app's; G10 is
registry.approvals.quorum, G12 is registry.approvals.dossiers, G13 is registry.audit.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from registry import signing
from registry.approvals.gates import Blocker
from registry.models import Condition
from registry.refusals import NotNow

Parts = Mapping[int, Iterable[str]]  # {user id: the parts they had in any version of the model}

SHORTEST = 10  # characters of a text that somebody must act on


def independent(person: AbstractBaseUser, parts: Parts, model: object) -> str | None:
    """G1: nobody judges a model of which they own, developed, uploaded or submitted any version."""
    had = sorted(set(parts.get(person.pk, ())))
    if not had:
        return None
    return f"{person} is {_listed(had)} of {model}; someone independent must do this."


def not_the_lead_validator(person: AbstractBaseUser, validators: Iterable[int | None], why: str) -> str | None:
    """G1: a signature under the validation and one under the decision are two people's, where the tier asks for it."""
    if person.pk not in set(validators):
        return None
    return f"{person} is the lead validator of this case: {why}"


def signs_in_person(person: AbstractBaseUser) -> str | None:
    """G2: a named human in an interactive session, who gave the password a short while ago."""
    return signing.refusal(person)


def evidence(blockers: Iterable[Blocker], *, with_conditions: bool = False) -> NotNow | None:
    """G3 to G6, as the gates tell them. Under conditions, what only bars plain approval does not count."""
    found = [blocker for blocker in blockers if not (with_conditions and blocker.allows_conditions)]
    return NotNow(" ".join(f"{blocker.message} {blocker.hint}".strip() for blocker in found)) if found else None


def measurable(conditions: Iterable[Mapping[str, Any]], today: date) -> str | None:
    """G7: of each condition the text, an owner, a day to come, and how it will be checked."""
    given = list(conditions)
    if not given:
        return "An approval with conditions names at least one condition."
    for number, condition in enumerate(given, start=1):
        if len(str(condition.get("text") or "").strip()) < SHORTEST:
            return f"Condition {number} does not say what must be done (at least {SHORTEST} characters)."
        if condition.get("owner") is None:
            return f"Condition {number} has no owner."
        due = condition.get("due")
        if due is None or due <= today:
            return f"Condition {number} has no due date in the future."
        if condition.get("check_method") not in Condition.Check.values:
            return f"Condition {number} does not say how it will be checked."
        if condition["check_method"] == Condition.Check.CRITERION and not condition.get("criterion"):
            return f"Condition {number} is checked by a criterion and names none."
    return None


def same_file(approved: str, given: str, version: object) -> str | None:
    """G9: what is deployed is what was approved."""
    if given.lower() == approved:
        return None
    return f"The file to deploy is not the one of {version}: its SHA-256 differs."


def had_the_role(person: AbstractBaseUser, role: str, since: datetime, submitted: datetime) -> str | None:
    """G11: who gained the role after the case was submitted may have gained it for the case."""
    if since <= submitted:
        return None
    return (
        f"{person} gained the role {role.replace('_', ' ')} on {since:%-d %b %Y %H:%M} UTC, after this case was "
        "submitted: someone who had it before must decide."
    )


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
