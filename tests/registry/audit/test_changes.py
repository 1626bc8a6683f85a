"""Each row that an action changes is in its event, with the values before and after, by name."""

import pytest
from django.apps import apps
from django.db import connection, transaction

from registry import actions, audit, changes
from registry.action import Done, action
from registry.approvals import gates
from registry.models import AuditEvent, AuditMention, MLModel
from tests import cases
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_gates(monkeypatch):
    monkeypatch.setattr(gates, "_gates", [])
    monkeypatch.setattr(gates, "_evidence", [])


def changed(event: AuditEvent) -> dict:
    """{(model, change): fields of the first such row}"""
    found: dict = {}
    for each in event.changes:
        found.setdefault((each["type"].split(".")[1], each["change"]), each["fields"])
    return found


def test_a_new_model_is_told_whole_with_names(registered_model, owner, developer):
    event = AuditEvent.objects.about(registered_model).get()
    fields = changed(event)["mlmodel", "made"]
    assert fields["name"] == [None, "Credit score"]
    assert fields["owner"] == [None, {"id": owner.pk, "name": "owner"}]
    assert fields["developers"] == [None, [{"id": developer.pk, "name": "developer"}]]


def test_an_upload_tells_of_version_and_file(model_version):
    event = AuditEvent.objects.about(model_version).get()
    assert set(changed(event)) == {("modelversion", "made"), ("artifact", "made")}
    assert changed(event)["artifact", "made"]["sha256"] == [None, model_version.artifact.sha256]


def test_an_event_within_an_act_tells_of_its_own_rows(model_version):
    """The scan is not told twice."""
    event = AuditEvent.objects.get(action="artifact.scan")
    assert changed(event)["scan", "made"]["verdict"] == [None, "allowed"]


def test_rows_written_in_bulk_are_seen(dataset_version):
    event = AuditEvent.objects.about(dataset_version).first()
    made = {each["label"] for each in event.changes if each["type"] == "registry.column"}
    assert made == set(dataset_version.columns.values_list("name", flat=True))


def test_only_what_changed_is_told(dataset_version, owner):
    edit = [{"name": "age", "mutable": "up"}]
    actions.edit_columns(dataset_version, actor=owner, columns=edit, favourable="approved")
    event = AuditEvent.objects.about(dataset_version).first()
    assert [(each["label"], each["change"], each["fields"]) for each in event.changes] == [
        ("age", "changed", {"mutable": ["fixed", "up"]})
    ]


def test_a_compare_and_swap_is_seen(model_version):
    with cases.without_gates():
        cases.decide(cases.bring(model_version, "pending_approval"))
    found = changed(AuditEvent.objects.about(model_version).first())
    assert found["modelversion", "changed"] == {"approval_status": ["pending_approval", "approved"]}
    assert found["decision", "made"]["decided_by"][1]["name"] == "approver"
    assert found["approvalrequest", "changed"]["closed_at"][0] is None


def act(body):
    return action("test.act", rule=lambda *_, **__: None)(body)


def test_links_are_told_by_name(registered_model, owner):
    other = make_user("newcomer")
    act(lambda model, *, actor: Done(model, summary="x") if model.developers.set([other]) is None else None)(
        registered_model, actor=owner
    )
    (change,) = AuditEvent.objects.first().changes
    assert [[person["name"] for person in side] for side in change["fields"]["developers"]] == [
        ["developer"],
        ["newcomer"],
    ]


@pytest.mark.parametrize("how", ["add", "remove", "clear"])
def test_links_changed_from_the_other_side_are_seen(registered_model, owner, developer, how):
    person = make_user("newcomer") if how == "add" else developer

    def body(model, *, actor):
        getattr(person.developed_models, how)(*([] if how == "clear" else [model]))
        return Done(model, summary="x")

    act(body)(registered_model, actor=owner)
    (change,) = AuditEvent.objects.first().changes
    before, after = ([person["name"] for person in side] for side in change["fields"]["developers"])
    assert (before, after) == (["developer"], ["developer", "newcomer"] if how == "add" else [])


def test_a_removed_row_keeps_its_values(dataset_version, owner):
    def body(version, *, actor):
        version.columns.filter(name="age").delete()
        return Done(version, summary="x")

    act(body)(dataset_version, actor=owner)
    (change,) = AuditEvent.objects.first().changes
    assert (change["change"], change["fields"]["name"]) == ("removed", ["age", None])


def test_what_ends_as_it_was_is_no_change(registered_model, owner):
    def body(model, *, actor):
        for tier in (1, 2):
            model.tier = tier
            model.save()
        return Done(model, summary="x")

    act(body)(registered_model, actor=owner)
    assert AuditEvent.objects.first().changes == []


def test_a_write_past_the_trail_fails_the_action(registered_model, owner):
    def body(model, *, actor):
        with connection.cursor() as cursor:
            cursor.execute('UPDATE "registry_mlmodel" SET tier = 3')
        return Done(model, summary="x")

    with pytest.raises(changes.Unrecorded, match="MLModel"):
        act(body)(registered_model, actor=owner)
    registered_model.refresh_from_db()
    assert registered_model.tier == 2


def test_every_recorded_model_sees_bulk_writes():
    kinds = [kind for kind in apps.get_models() if changes.is_recorded(kind)]
    assert len(kinds) >= 11
    blind = [kind for kind in kinds if not isinstance(kind._default_manager.all(), changes.RecordedQuerySet)]
    assert blind == []


def test_a_very_long_value_is_kept_as_its_digest(registered_model, owner):
    def body(model, *, actor):
        model.purpose = "x" * 9000
        model.save()
        return Done(model, summary="x")

    act(body)(registered_model, actor=owner)
    (change,) = AuditEvent.objects.first().changes
    assert change["fields"]["purpose"][1]["characters"] == 9000


def test_nothing_is_seen_outside_of_an_act(registered_model, django_assert_num_queries):
    with django_assert_num_queries(1):
        MLModel.objects.filter(pk=registered_model.pk).update(tier=1)


def test_rows_beside_the_object_lead_to_the_event(model_version):
    event = AuditEvent.objects.about(model_version).get()
    assert set(AuditMention.objects.filter(event=event).values_list("object_type", flat=True)) == {"registry.artifact"}


def test_what_one_job_does_has_one_request_id(model_version):
    events = AuditEvent.objects.filter(action__in=["version.upload", "artifact.scan"])
    assert len({event.request_id for event in events}) == 1
    assert events[0].request_id


def test_an_act_that_fails_leaves_neither_change_nor_event(registered_model, owner):
    before = AuditEvent.objects.count()

    def body(model, *, actor):
        model.tier = 1
        model.save()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        act(body)(registered_model, actor=owner)
    registered_model.refresh_from_db()
    assert (registered_model.tier, AuditEvent.objects.count()) == (2, before)


def test_the_sign_in_is_named_without_its_secret(owner, rf, client):
    client.force_login(owner)
    request = rf.get("/")
    request.session = client.session
    token = audit.asking.set(request)
    try:
        with transaction.atomic():
            event = audit.record(actor=owner, action="note.write", obj=owner, summary="x")
    finally:
        audit.asking.reset(token)
    assert event.session.startswith("session ")
    assert client.session.session_key not in event.session
