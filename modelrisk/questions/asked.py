"""The thirteen questions, each with the page and the call that answer it."""

from dataclasses import dataclass

from django.urls import reverse

from registry.models import Decision


@dataclass(frozen=True)
class Question:
    """page and call: names of addresses. of: what they take: a decision, one of its runs, or nothing."""

    number: int
    text: str
    page: str
    call: str
    of: str = ""
    method: str = "GET"


QUESTIONS = (
    Question(1, "Who approved it, when, in which role, with what authority at that time?",
             "decision-authority", "decision-authority", "decision"),
    Question(2, "On which evidence, and is it byte-identical today?",
             "decision-evidence", "decision-check-evidence", "decision", "POST"),
    Question(3, "Which thresholds were in force, who approved them, before the run?",
             "decision-thresholds", "decision-thresholds", "decision"),
    Question(4, "Which tests failed or were skipped, and who accepted that, until when?",
             "decision-failed", "decision-failed", "decision"),
    Question(5, "Was anything changed since: artefact, data, documentation, policy, roles?",
             "decision-since", "decision-since", "decision"),
    Question(6, "Were owner, developer, validator and approver different people?",
             "decision-independence", "decision-independence", "decision"),
    Question(7, "Open and overdue findings by severity and age on a past date?",
             "findings-on", "findings-on"),
    Question(8, "Which exceptions have expired and are still in use?", "expired-in-use", "expired-in-use"),
    Question(9, "The full population for sampling: every approval of a period, with control totals?",
             "population", "population"),
    Question(10, "Reproduce one result?", "reproduce", "assessment-reproduce", "run"),
    Question(11, "Which models are in use without a current approval?", "without-approval", "without-approval"),
    Question(12, "Is the log complete and untampered; who can delete?",
             "audit-verify", "audit-check-list", method="POST"),
    Question(13, "What was purged, under which rule?", "retention", "retention"),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    question: Question
    page: str  # addresses; empty where there is nothing to ask about yet
    call: str

    @property
    def answerable(self) -> bool:
        return bool(self.page and self.call)


def asked_of(decision: Decision | None) -> list[Asked]:
    """Every question, those about a decision asked of this one."""
    runs = [each["id"] for each in decision.request.evidence if each["kind"] == "assessment"] if decision else []
    keys = {"": [], "decision": [decision.pk] if decision else None, "run": runs[:1] or None}
    return [_addressed(question, keys[question.of]) for question in QUESTIONS]


def _addressed(question: Question, args: list | None) -> Asked:
    if args is None:
        return Asked(question, "", "")
    return Asked(question, reverse(question.page, args=args), reverse(f"api:{question.call}", args=args))
