"""What the night does with files whose time is over: it tells of them. It purges where the rule itself says so, and
ends what two people confirmed. Each step is (rows of a day, what is done with each)."""

from collections.abc import Iterable
from datetime import date
from itertools import islice

from django.urls import reverse

from registry.models import Purge
from registry.notifying import having_role, notify
from registry.retention import purging
from registry.retention.holds import KEEPERS
from registry.retention.standing import Standing, due
from registry.roles import system_user

MOST = 1000  # files looked at in one night; the next one goes on


def _confirmed(_today: date) -> Iterable[Purge]:
    return Purge.objects.filter(state=Purge.State.CONFIRMED).select_related("artifact").order_by("pk")


def end_confirmed(purge: Purge, _today: date) -> None:
    """Its bytes could not be removed when it was confirmed."""
    purging.finish(purge)


def _by_themselves(today: date) -> Iterable[Standing]:
    return [found for found in islice(due(today), MOST) if found.rule and found.rule.by_itself]


def purge_by_rule(found: Standing, _today: date) -> None:
    system = system_user()
    purging.carry_out(purging.order_purge(found.artifact, actor=system), actor=system)


def _due_lists(today: date) -> Iterable[list[Standing]]:
    """One list, where there is anything in it."""
    found = list(islice(due(today), MOST))
    return [found] if found else []


def tell_of_due(found: list[Standing], today: date) -> None:
    """Whoever answers for records hears of it once a month."""
    many = f"{len(found)} files are" if len(found) != 1 else "1 file is"
    first = "; ".join(f"{each.artifact}: {', '.join(each.labels)}" for each in found[:5])
    body = f"Nothing keeps them any more, and nothing is purged without two people. {first}"
    notify(having_role(*KEEPERS), f"retention.due:{today:%Y-%m}", f"{many} due for purge", body, reverse("retention"))


STEPS = [(_confirmed, end_confirmed), (_by_themselves, purge_by_rule), (_due_lists, tell_of_due)]
