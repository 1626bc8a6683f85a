"""What waits for a person: each kind of it is a file with a function `found(user) -> Iterable[Waiting]`, listed here.

The page and the API show the same rows, and the number in the navigation is how many of them this person can act on.
A source asks a constant number of questions, and gives at most AT_MOST rows: it is asked on every page.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from assessments.views import summaries
from modelrisk.pages.waiting import builders, cases, files, findings, policies, roles, tiering, upkeep
from modelrisk.pages.waiting.row import Waiting

SOURCES: list[Callable[..., Iterable[Waiting]]] = [
    cases.found,
    files.found,
    builders.found,
    findings.found,
    tiering.found,
    upkeep.found,
    policies.found,
    roles.found,
]


def for_user(user) -> list[Waiting]:
    """What is overdue first, then what is due soonest, by tier, then what waits longest; at the end what a conflict
    forbids."""
    return sorted((row for source in SOURCES for row in source(user)), key=lambda row: row.order)


def with_evidence(rows: Iterable[Waiting]) -> list[Waiting]:
    """The same, with the verdicts of those that rest on an assessment. Not for the number that stands on every page."""
    rows = list(rows)
    latest = summaries.latest_by_version({row.evidence_of for row in rows if row.evidence_of}, states=["done"])
    counts = summaries.verdict_counts(assessment.pk for assessment in latest.values())
    return [
        replace(row, counts=counts.get(latest[row.evidence_of].pk, {})) if row.evidence_of in latest else row
        for row in rows
    ]


def count(user) -> int:
    """Of what this person can act on: nobody is called for what they may not do."""
    return actable(for_user(user))


def actable(rows: Iterable[Waiting]) -> int:
    return sum(not row.blocked for row in rows)


def of_request(request) -> list[Waiting]:
    """For who asks, found once for the page and its navigation."""
    if not hasattr(request, "_modelrisk_waiting"):
        request._modelrisk_waiting = for_user(request.user)
    return request._modelrisk_waiting
