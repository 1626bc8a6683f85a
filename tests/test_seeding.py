"""Made-up rows: as many as were asked for, the same for the same seed, never among real ones."""

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from assessments.models import Assessment, Verdict
from modelrisk import seeding
from registry.models import AuditEvent, AuditMention, MLModel, ModelVersion, Notification

pytestmark = pytest.mark.django_db
FEW = {"models": 12, "assessments": 40, "events": 90}


@pytest.fixture(autouse=True)
def _copy_soon(monkeypatch):
    """Few rows, and still copies among them."""
    monkeypatch.setattr(seeding, "TEMPLATES", 10)
    monkeypatch.setattr(seeding, "DRAWN_EVENTS", 25)


def seeded(seed: int) -> list[tuple]:
    """What the seed draws, undone again."""
    with transaction.atomic():
        seeding.Seed(**FEW, seed=seed, say=lambda _done: None).write()
        assert (MLModel.objects.count(), ModelVersion.objects.count()) == (12, 36)
        assert Assessment.objects.count() == 40
        made_up = AuditEvent.objects.filter(summary__startswith="Made up")
        assert made_up.count() == 90
        assert (
            AuditMention.objects.filter(object_type="registry.approvalrequest").count()
            == AuditEvent.objects.filter(action="approval.submit").count()
        )
        done = Assessment.objects.filter(state="done").count()
        assert Verdict.objects.values("assessment").distinct().count() >= done
        models = list(MLModel.objects.order_by("name").values_list("name", "domain", "owner__username"))
        values = list(Verdict.objects.order_by("pk").values_list("value", "verdict"))
        times = list(made_up.order_by("pk").values_list("at", flat=True))
        assert times == sorted(times)
        transaction.set_rollback(True)
    return [*models, *values]


def test_the_same_seed_draws_the_same_rows():
    assert seeded(1) == seeded(1)
    assert seeded(1) != seeded(2)


def test_the_command_refuses_a_database_that_is_in_use(registered_model):
    with pytest.raises(CommandError, match="already"):
        call_command("seed_scale", models=5, assessments=5, events=5)
    assert MLModel.objects.count() == 1
    call_command("seed_scale", models=5, assessments=5, events=5, yes=True)
    assert MLModel.objects.count() == 6
    assert Notification.objects.exists()
