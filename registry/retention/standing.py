"""What keeps a file now: uses that go on, legal holds, rules whose time is not over. None of them: it is due."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q
from django.utils import timezone

from registry.models import Artifact, LegalHold, Purge
from registry.retention.rules import Rule, early_rule, rules, shortest_months
from registry.retention.uses import Use, uses_of, without_life
from registry.revalidation import add_months

WITHOUT_END = date.max


@dataclass(frozen=True)
class Standing:
    """rule: the one that keeps it longest, until the day `until`. kept_by: sentences; empty where it is due."""

    artifact: Artifact
    uses: tuple[Use, ...]
    holds: tuple[LegalHold, ...]
    rule: Rule | None
    until: date | None
    today: date

    @property
    def firmly_kept_by(self) -> list[str]:
        """What keeps it even from going early."""
        busy = [f"It is read now: {use.label}." for use in self.uses if use.busy]
        return [f"{hold} keeps it: {hold.reason}" for hold in self.holds] + busy

    @property
    def kept_by(self) -> list[str]:
        going_on = [f"It still serves {use.label}." for use in self.uses if use.ended is None and not use.busy]
        found = self.firmly_kept_by + going_on
        if not self.uses:
            found.append("Nothing tells what it served.")
        if self.rule and self.until and self.until >= self.today:
            day = "without end" if self.until == WITHOUT_END else f"until {self.until:%-d %b %Y}"
            found.append(f"The rule “{self.rule.title}” keeps it {day}.")
        return found

    @property
    def early(self) -> Rule | None:
        """The rule under which it may go before its time: where all that it is, is data with a sensitive column."""
        kinds = {use.kind for use in self.uses}
        special = any(use.special for use in self.uses)
        return early_rule(kinds.pop()) if special and len(kinds) == 1 else None

    @property
    def labels(self) -> list[str]:
        return [use.label for use in self.uses]


def standing(artifact: Artifact, today: date | None = None) -> Standing:
    """How the file stands on the day."""
    today, uses = today or timezone.localdate(), uses_of(artifact)
    ends = [_end(use) for use in uses if use.ended is not None]
    until, rule = max(ends, key=lambda end: end[0], default=(None, None))
    return Standing(artifact, tuple(uses), tuple(_holds(uses)), rule, until, today)


def due(today: date | None = None) -> Iterator[Standing]:
    """Files that nothing keeps and nobody has asked to purge, oldest first."""
    today = today or timezone.localdate()
    born = add_months(today, -shortest_months()) + timedelta(days=1)
    rows = without_life().filter(created_at__date__lte=born).exclude(purges__state__in=Purge.OPEN)
    for artifact in rows.order_by("pk").iterator(200):
        found = standing(artifact, today)
        if not found.kept_by:
            yield found


def _end(use: Use) -> tuple[date, Rule]:
    """The last day on which a rule keeps what this use left, and the rule."""
    ended = use.ended or WITHOUT_END
    use_case = use.model.use_case if use.model else ""
    contexts = use.model.legal_contexts if use.model else []
    applying = [rule for rule in rules() if rule.applies(use.kind, use_case, contexts)]
    last = {rule: WITHOUT_END if rule.months is None else add_months(ended, rule.months) for rule in applying}
    longest = max(applying, key=lambda rule: last[rule])
    return max(last[longest], use.until or date.min), longest


def _holds(uses: list[Use]) -> list[LegalHold]:
    models = [use.model for use in uses if use.model]
    datasets = [use.dataset for use in uses if use.dataset]
    about = Q(model__in=models) | Q(dataset__in=datasets)
    return list(LegalHold.objects.in_force().filter(about).select_related("model", "dataset").order_by("pk"))
