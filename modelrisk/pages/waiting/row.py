"""One row of the inbox."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone

AT_MOST = 50  # rows of one source: who has more than that to do needs no longer list
LAST = 9  # where there is no tier


@dataclass(frozen=True)
class Waiting:
    """One thing that this person can do now, or could if no conflict forbade it: then `blocked` says which.

    kind: its name in the API, for example decide. about: what it concerns, as people call it. url: of the page.
    """

    kind: str
    what: str
    note: str
    about: str
    since: datetime
    url: str
    button: str = "Open"
    tier: int | None = None
    due: date | None = None
    blocked: str = ""
    evidence_of: int | None = None  # the version whose newest finished assessment tells something about it
    counts: dict[str, int] | None = None  # of that one's verdicts, where they were asked for: `with_evidence`
    gate: str = ""
    finding: Any = None

    @classmethod
    def of(cls, version, **given) -> "Waiting":
        """About a model version."""
        return cls(about=str(version), tier=version.model.tier, **given)

    @property
    def is_overdue(self) -> bool:
        return self.due is not None and self.due < timezone.localdate()

    @property
    def order(self) -> tuple:
        return bool(self.blocked), not self.is_overdue, self.due or date.max, self.tier or LAST, self.since
