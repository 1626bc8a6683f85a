"""Open and overdue findings on a past day, from the audit trail: what later changes replaced is put back."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import Q

from assessments.models import Finding
from registry.models import AuditEvent, AuditMention

KIND = Finding._meta.label_lower
AGES = ((30, "up to 30 days"), (90, "31 to 90 days"), (180, "91 to 180 days"), (None, "over 180 days"))
ENDED = {str(state) for state in Finding.ENDED}
ASKED = ("raised_at", "severity", "state", "due")
SAID = ("title", "version__number", "version__model__name")


@dataclass(frozen=True)
class Stood:
    """One finding at the end of a day."""

    finding: Finding
    severity: str
    state: str
    due: date | None
    age: int  # days since it was raised
    overdue: bool

    @property
    def age_group(self) -> str:
        return next(name for most, name in AGES if most is None or self.age <= most)

    def as_dict(self) -> dict[str, Any]:
        found = self.finding
        told = {"id": found.pk, "version": str(found.version), "title": found.title, "raised_at": found.raised_at}
        return {**told, "severity": self.severity, "state": self.state, "due": self.due, "age_days": self.age,
                "age_group": self.age_group, "overdue": self.overdue}  # fmt: skip


@dataclass(frozen=True)
class Day:
    """What was open at the end of a day, UTC, the gravest and oldest first; `count` of them where `open` is not all."""

    day: date
    open: list[Stood]
    count: int
    table: list[dict[str, Any]] = field(default_factory=list)  # a row a severity: counts by age, open, overdue

    def as_dict(self) -> dict[str, Any]:
        return {"on": self.day, "table": self.table, "findings": [each.as_dict() for each in self.open]}


def findings_on(day: date, user, *, at_most: int | None = None) -> Day:
    """Of what the user may see. at_most: so many are told one by one; all are counted."""
    ended = datetime.combine(day, time.max, tzinfo=UTC)
    before = _replaced_since(ended)
    rows = Finding.objects.visible_to(user).filter(raised_at__lte=ended)
    # What has ended, and was not changed since that day, had ended by then.
    rows = rows.exclude(~Q(pk__in=[int(pk) for pk in before]), state__in=ENDED).only(*ASKED)
    stood = [_stood(row, before.get(str(row.pk), {}), day) for row in rows]
    severities = list(Finding.Severity.values)
    standing = [each for each in stood if each.state not in ENDED]
    standing.sort(key=lambda each: (severities.index(each.severity), -each.age, each.finding.pk))
    table = [_row(severity, standing) for severity in severities]
    return Day(day, _named(standing[:at_most]), len(standing), table)


def _named(stood: list[Stood]) -> list[Stood]:
    """The same, with what is said of each finding."""
    findings = Finding.objects.select_related("version__model").only(*ASKED, *SAID)
    found = {row.pk: row for row in findings.filter(pk__in=[each.finding.pk for each in stood])}
    return [replace(each, finding=found[each.finding.pk]) for each in stood]


def _replaced_since(moment: datetime) -> dict[str, dict[str, Any]]:
    """{id of the finding: {field: what the first change after the moment replaced}}"""
    beside = AuditMention.objects.filter(object_type=KIND).values("event")
    events = AuditEvent.objects.filter(Q(object_type=KIND) | Q(pk__in=beside), at__gt=moment).order_by("pk")
    found: dict[str, dict[str, Any]] = {}
    for changes in events.values_list("changes", flat=True).iterator(chunk_size=500):
        for change in changes:
            if change["type"] == KIND and change["change"] == "changed":
                known = found.setdefault(change["id"], {})
                for name, (value, _after) in change["fields"].items():
                    known.setdefault(name, value)
    return found


def _stood(row: Finding, replaced: dict[str, Any], day: date) -> Stood:
    severity, state = replaced.get("severity", row.severity), replaced.get("state", row.state)
    due = replaced.get("due", row.due)
    due = date.fromisoformat(due) if isinstance(due, str) else due
    age = (day - row.raised_at.astimezone(UTC).date()).days
    overdue = state not in ENDED and due is not None and due < day
    return Stood(row, severity, state, due, age, overdue)


def _row(severity: str, standing: list[Stood]) -> dict[str, Any]:
    of_severity = [each for each in standing if each.severity == severity]
    ages = Counter(each.age_group for each in of_severity)
    told = {"severity": severity, "open": len(of_severity), "overdue": sum(each.overdue for each in of_severity)}
    return {**told, "by_age": {name: ages[name] for _most, name in AGES}}
