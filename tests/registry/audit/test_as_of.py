"""Any row on any date, rebuilt from the log; and what the log does not know."""

from datetime import UTC, datetime, timedelta

import pytest

from registry import actions, audit
from registry.action import Done, action
from registry.audit import finding
from registry.audit.as_of import as_of
from registry.models import AuditEvent, MLModel
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@action("test.edit", rule=lambda *_, **__: None)
def edit(model, *, actor, **fields):
    for name, value in fields.items():
        setattr(model, name, value)
    model.save()
    return Done(model, summary="Edited")


@pytest.fixture
def days(monkeypatch):
    """days(n): from now on it is the n-th day."""

    def at(number: int) -> datetime:
        moment = START + number * DAY
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
        return moment

    return at


@pytest.fixture
def told(days, owner):
    """A model registered on day 1, given another tier on day 3 and another purpose on day 5; it is day 9."""
    days(1)
    model = actions.register_model(MLModel, actor=owner, name="Score", tier=2, purpose="First")
    days(3)
    edit(model, actor=owner, tier=1)
    days(5)
    edit(model, actor=make_user("other"), purpose="Second")
    days(9)
    return model


def picture(model, day: float):
    return as_of("registry.mlmodel", str(model.pk), START + day * DAY)


def values(found) -> dict:
    return {known.name: known.value for known in found.fields}


@pytest.mark.parametrize(
    ("day", "tier", "purpose"), [(1, 2, "First"), (2, 2, "First"), (3, 1, "First"), (4.5, 1, "First"), (6, 1, "Second")]
)
def test_each_field_is_as_it_was_then(told, day, tier, purpose):
    found = picture(told, day)
    assert (found.existed, found.complete, found.notes) == (True, True, [])
    assert (values(found)["tier"], values(found)["purpose"]) == (tier, purpose)


def test_each_field_names_the_event_that_set_it(told):
    known = {known.name: known for known in picture(told, 9).fields}
    assert (known["tier"].actor_name, known["purpose"].actor_name) == ("owner", "other")
    assert known["owner"].value["name"] == "owner"


def test_before_it_was_made_it_was_not_there(told):
    found = picture(told, 0)
    assert (found.existed, found.fields) == (False, [])
    assert "made later" in found.notes[0]


def test_a_change_past_the_log_is_told(told):
    MLModel.objects.filter(pk=told.pk).update(tier=3)
    found = picture(told, 4)
    assert values(found)["tier"] == 1
    assert any("Today tier is 3" in note for note in found.notes)


def test_a_change_between_two_events_is_told(told, owner):
    MLModel.objects.filter(pk=told.pk).update(tier=3)
    edit(told, actor=owner, tier=2)
    assert any("tier was 3 before event" in note for note in picture(told, 10).notes)


def test_a_row_older_than_the_record_is_told_as_far_as_it_is_known(days, owner):
    model = MLModel.objects.create(name="Old", slug="old", owner=owner, tier=2)
    audit.record(actor=owner, action="model.register", obj=model, summary="Registered, without values")
    days(3)
    edit(model, actor=owner, tier=1)
    found = picture(model, 2)
    sources = {known.name: known.source for known in found.fields}
    assert (found.existed, found.complete) == (None, False)
    assert (values(found)["tier"], sources["tier"], sources["name"]) == (2, "later", "today")
    assert "does not reach back" in found.notes[0]


def test_a_removed_row_keeps_its_last_values(told, owner, days):
    @action("test.remove", rule=lambda *_, **__: None)
    def remove(model, *, actor):
        key = model.pk
        model.assignments.all().delete()
        model.delete()
        model.pk = key
        return Done(model, summary="Removed")

    days(10)
    remove(told, actor=owner)
    assert values(picture(told, 9))["tier"] == 1
    found = picture(told, 11)
    assert (found.existed, values(found)["name"]) == (False, "Score")
    assert any("removed at" in note for note in found.notes)


def test_a_row_that_another_objects_event_changed_is_told(model_version):
    found = as_of("registry.artifact", str(model_version.artifact_id), datetime.now(UTC))
    assert (found.complete, values(found)["sha256"]) == (True, model_version.artifact.sha256)


def test_who_acted_on_another_row_is_withheld(model_version):
    given = ("registry.artifact", str(model_version.artifact_id), datetime.now(UTC))
    assert {known.actor_name for known in as_of(*given).fields} == {"developer"}
    assert {(known.event, known.actor_name) for known in as_of(*given, all_names=False).fields} == {(None, "")}


@pytest.mark.parametrize("given", [("registry.mlmodel", "999"), ("no.such", "1"), ("registry.mlmodel", "x"), ("", "")])
def test_what_nobody_knows_is_said(given):
    found = as_of(*given, datetime.now(UTC))
    assert (found.existed, found.fields) == (None, [])
    assert "Neither the log nor the database" in found.notes[0]


def test_a_range_of_time_is_exact(told):
    since, until = START + 3 * DAY, START + 5 * DAY
    found = finding.events(finding.Wanted(since=since, until=until))
    assert [event.summary for event in found] == ["Edited"]
    assert finding.events(finding.Wanted(since=START + 20 * DAY)).count() == 0
    assert finding.events(finding.Wanted(until=START)).count() == 0
    assert finding.events(finding.Wanted()).count() == AuditEvent.objects.count()
