"""An administrator adds and ends webhooks. What they are told decides nothing, so no second person is asked."""

import secrets

from django.db import IntegrityError, transaction

from registry import access
from registry.action import Done, action
from registry.models import Webhook
from registry.notifying import EVENTS
from registry.notifying.calling import check_url
from registry.refusals import BadInput, NotNow


def may_add(_kind, actor, **_) -> str | None:
    return None if access.ADMIN in access.roles_of(actor) else "Webhooks are kept by the role admin."


def may_end(webhook, actor, **_) -> str | None:
    return may_add(None, actor) or (None if webhook.active else NotNow(f"The webhook {webhook} has ended already."))


@action("webhook.add", rule=may_add)
def add(_kind: type[Webhook], *, actor, name: str, url: str, events: list[str] = ()) -> Done:
    """Tell this address of events from now on. events: kinds of them; none: all. Its secret is shown once."""
    name = " ".join(name.split())
    if not name or len(name) > 80:
        raise BadInput("A webhook needs a name.", hint="Give at most 80 characters.", field="name")
    check_url(url)
    if unknown := sorted(set(events) - EVENTS.keys()):
        raise BadInput(f"There is no event {unknown[0]}.", hint=f"There are {', '.join(EVENTS)}.", field="events")
    try:
        with transaction.atomic():
            made = Webhook.objects.create(
                name=name, url=url, events=sorted(set(events)), made_by=actor, nonce=secrets.token_hex(32)
            )
    except IntegrityError:
        raise BadInput(f"There is a webhook named {name}.", hint="Choose another name.", field="name") from None
    return Done(made, summary=f"Added the webhook {name}", detail={"url": url, "events": made.events})


@action("webhook.end", rule=may_end)
def end(webhook: Webhook, *, actor) -> Done:
    """Tell it nothing any more; what waits for it is given up."""
    webhook.active = False
    webhook.save(update_fields=["active"])
    return Done(webhook, summary=f"Ended the webhook {webhook}")
