"""Each change of a use is told once: to its builders and the MRM leads, on the page, by e-mail and to webhooks."""

import pytest

from registry.models import Delivery, Notification, Webhook
from tests import cases

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str]]:
    """(who, what) of each change of a use."""
    found = Notification.objects.filter(key__startswith="use.changed:").order_by("pk")
    return [(one.recipient.username, one.subject) for one in found]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("in_use", ["came into use: production"]),
        ("restricted", ["came into use: production", "is restricted"]),
        ("suspended", ["came into use: production", "is suspended"]),
        ("retired", ["came into use: production", "is being decommissioned", "is retired"]),
    ],
)
def test_who_did_not_do_it_hears_of_it(model_version, developer, to, words):
    version = cases.bring(model_version, to)
    heard = [what for who, what in told() if who == "developer"]
    assert heard == [f"{version} {word}" for word in words]
    assert ("mrm_lead", f"{version} came into use: production") in told()
    assert ("owner", f"{version} came into use: production") not in told()  # they did it themselves


def test_webhooks_and_mail_hear_of_it_once(model_version, developer, settings):
    cases.people()
    settings.MODELRISK_SENDS_EMAIL = True
    type(developer).objects.update(email="somebody@example.com")
    Webhook.objects.create(name="ops", url="https://hooks.example.com/", events=["use.changed"], made_by=developer,
                           nonce="ab" * 32)  # fmt: skip
    cases.bring(model_version, "in_use")
    sent = Delivery.objects.filter(key__startswith="use.changed:")
    assert sent.filter(webhook__isnull=False).get().payload["event"] == "use.changed"
    assert sent.filter(notification__isnull=False).count() == len(told())
