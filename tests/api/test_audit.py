"""The audit trail by REST; every answer is held against the OpenAPI document."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from registry.audit import checkpoints, sealing
from registry.models import AuditEvent, AuditKey
from registry.roles import system_user
from tests.registry.audit.conftest import places  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
EVENTS = "/api/v1/audit-events/"
FOR_READERS = [
    EVENTS,
    "/api/v1/audit-seals/",
    "/api/v1/audit-checkpoints/",
    "/api/v1/audit-checks/",
    "/api/v1/audit-keys/",
]


@pytest.mark.parametrize("address", FOR_READERS)
def test_only_readers_of_the_whole_log(call, cast, address):
    found = {name for name, user in cast.items() if call(user).get(address).status_code == 403}
    assert found == {"owner", "developer", "outsider"}


def test_one_event_tells_all_of_it(call, scene, auditor):
    sealing.seal()
    event = AuditEvent.objects.filter(action="assessment.start").first()
    told = call(auditor).get(f"{EVENTS}{event.pk}/").json()
    (change,) = [each for each in told["changes"] if each["type"] == "assessments.assessment"]
    assert (change["change"], change["fields"]["seed"]) == ("made", [None, 1])
    assert told["place"]["leaf"] == event.leaf.leaf
    assert call(auditor).get(f"{EVENTS}999999/").status_code == 404


def test_an_act_by_token_names_the_token_without_telling_it(call, auditor):
    call(auditor).post("/api/v1/models/", {"name": "Not mine to make"})
    event = AuditEvent.objects.get(action="model.register")
    assert event.session.startswith("token ")
    assert len(event.request_id) == 32


@pytest.mark.parametrize("query", ["since={now}", "until={past}", "object_label=nothing", "actor_name=nobody"])
def test_filters_narrow(call, scene, auditor, query):
    now = timezone.now()
    api = call(auditor)
    query = query.format(now=(now + timedelta(minutes=1)).isoformat(), past=(now - timedelta(days=1)).isoformat())
    assert api.get(EVENTS).json()["results"]
    assert api.get(f"{EVENTS}?{query.replace('+', '%2B')}").json()["results"] == []


@pytest.mark.parametrize("query", ["since=0001-01-01T00:00:00Z", "until=9999-12-31T23:59:59Z"])
def test_the_first_and_the_last_of_all_moments_leave_everything(call, scene, auditor, query):
    answer = call(auditor).get(f"{EVENTS}?{query}")
    assert (answer.status_code, bool(answer.json()["results"])) == (200, True)


def test_a_misspelt_filter_is_refused(call, auditor):
    for address in (EVENTS, f"{EVENTS}export.csv"):
        answer = call(auditor).get(f"{address}?acter=x")
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_filter")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_export_streams_with_totals(call, scene, auditor, form):
    answer = call(auditor).get(f"{EVENTS}export.{form}")
    assert answer.streaming
    last = b"".join(answer.streaming_content).splitlines()[-1].decode()
    assert "control" in last
    assert f"{AuditEvent.objects.count()}" in last


def test_any_object_on_any_date(call, scene, auditor, owner):
    version = scene.version
    now = (timezone.now() + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    by_type = call(auditor).get(f"{EVENTS}as-of/?object_type=registry.modelversion&object_id={version.pk}&at={now}")
    own = call(owner).get(f"/api/v1/versions/{version.pk}/as-of/?at={now}")
    for answer in (by_type, own):
        assert answer.status_code == 200
        fields = {known["name"]: known["value"] for known in answer.json()["fields_then"]}
        assert fields["number"] == version.number
    assert call(owner).get(f"/api/v1/versions/{version.pk}/as-of/").status_code == 400


def test_the_past_of_an_object_is_as_hidden_as_the_object(call, scene, outsider):
    assert call(outsider).get(f"/api/v1/versions/{scene.version.pk}/as-of/?at=2026-01-01T00:00:00Z").status_code == 404


def test_verifying_answers_with_the_first_problem_or_none(call, scene, auditor):
    sealing.seal()
    answer = call(auditor).post("/api/v1/audit-checks/")
    assert (answer.status_code, answer.json()["holds"]) == (202, True)
    again = call(auditor).get(f"/api/v1/audit-checks/{answer.json()['id']}/").json()
    assert (again["report"]["first_problem"], again["asked_by"]) == (None, "auditor")


def test_checkpoints_seals_and_keys_are_served(call, scene, auditor):
    made = checkpoints.make(actor=system_user())
    api = call(auditor)
    assert api.get("/api/v1/audit-checkpoints/").json()["results"][0]["signature"] == made.signature
    document = api.get(f"/api/v1/audit-checkpoints/{made.number}/document/").json()
    assert document == json.loads(checkpoints.document(made))
    assert [key["public_key"] for key in api.get("/api/v1/audit-keys/").json()] == [AuditKey.objects.get().public_key]
    seal = api.get("/api/v1/audit-seals/?page_size=1").json()["results"][0]
    assert api.get(f"/api/v1/audit-seals/{seal['number']}/").json() == seal
