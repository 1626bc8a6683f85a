"""Every decision of a period, for a sample: CSV with control totals, as the export of the log has them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import QuerySet

from registry.audit import export, reading
from registry.models import Decision

COLUMNS = (
    *("decision", "decided_at", "outcome", "model", "version", "tier", "requested_by", "requested_at", "validated_by"),
    *(
        "decided_by",
        "votes",
        "valid_until",
        "conditions",
        "open_conditions",
        "dossier_sha256",
        "model_sha256",
        "results",
    ),
    "note",
)


@dataclass(frozen=True)
class Period:
    """Days, UTC; both are within."""

    first: date
    last: date

    @classmethod
    def of_year(cls, last: date) -> "Period":
        """The year up to that day; there are none before the first of all."""
        return cls(last - min(timedelta(days=365), last - date.min), last)

    @property
    def file_name(self) -> str:
        return f"decisions-{self.first:%Y%m%d}-{self.last:%Y%m%d}.csv"


def decisions(period: Period, user) -> QuerySet[Decision]:
    """Oldest first, of the versions that the user may see; rejections too, for these are part of the population."""
    start = datetime.combine(period.first, time.min, tzinfo=UTC)
    rows = Decision.objects.visible_to(user).filter(
        decided_at__gte=start, decided_at__lte=datetime.combine(period.last, time.max, UTC)
    )
    related = ("request__version__model", "request__version__artifact", "request__requested_by", "dossier")
    rows = rows.select_related(*related, "request__validated_by", "decided_by")
    return rows.prefetch_related("conditions", "dossier__votes__voter").order_by("pk")


def stream(period: Period, user) -> Iterator[bytes]:
    """The last line holds how many there are, the first and last id, and the SHA-256 of all bytes before it."""
    return export.csv_with_totals(COLUMNS, ((row.pk, _cells(row)) for row in decisions(period, user).iterator(200)))


def _cells(row: Decision) -> list:
    request, version = row.request, row.request.version
    votes = [vote for vote in row.dossier.votes.all() if vote.cleared_at is None] if row.dossier else []
    conditions = list(row.conditions.all())
    runs = [each["sha256"] for each in request.evidence if each["kind"] == "assessment"]
    return [
        row.pk,
        reading.instant(row.decided_at),
        row.outcome,
        version.model.name,
        version.number,
        request.tier,
        request.requested_by.get_username(),
        reading.instant(request.requested_at),
        request.validated_by.get_username() if request.validated_by else "",
        row.decided_by.get_username(),
        "; ".join(f"{vote.voter.get_username()} ({vote.role}): {vote.outcome}" for vote in votes),
        row.valid_until.isoformat() if row.valid_until else "",
        len(conditions),
        sum(each.state in ("open", "evidence_submitted") for each in conditions),
        row.dossier.sha256 if row.dossier else "",
        version.artifact.sha256,
        " ".join(runs),
        row.note,
    ]
