"""Every error has one form, whatever raised it."""

import json

import pytest

from registry.models import MLModel
from registry.refusals import Unavailable

pytestmark = pytest.mark.django_db
FORM = {"code", "message", "hint", "field", "fields", "detail"}


def told(answer, status: int, code: str) -> dict:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json"), answer.content
    assert set(answer.json()) == FORM
    assert answer.json()["code"] == code
    return answer.json()


def raw(api, body: bytes, **kwargs):
    return api.generic("POST", "/api/v1/models/", body, **{"content_type": "application/json", **kwargs})


def test_an_unknown_address_answers_in_json(call, owner):
    assert "slash" in told(call(owner).get("/api/v1/nothing/here"), 404, "not_found")["hint"]


def test_a_method_that_is_not_there(call, owner):
    told(call(owner).delete("/api/v1/models/"), 405, "method_not_allowed")


def test_a_media_type_that_is_not_read(call, owner):
    told(call(owner).post("/api/v1/models/", "name=x", content_type="text/plain"), 415, "unsupported_media_type")


def test_fields_that_are_wrong_are_all_named(call, owner):
    given = {"tier": 9, "developers": ["owner", "nobody"]}
    answer = told(call(owner).post("/api/v1/models/", given), 400, "invalid")
    assert set(answer["fields"]) == {"name", "tier", "developers"}
    assert answer["field"] == "name"
    assert answer["message"].startswith("name: ")


def test_a_wrong_field_of_a_row_says_which_row(call, scene, owner):
    given = {"columns": [{"name": "age"}, {"name": "sex", "role": "hero"}]}
    answer = call(owner).put(f"/api/v1/dataset-versions/{scene.dataset_version.pk}/columns/", given)
    assert told(answer, 400, "invalid")["field"] == "columns.1.role"


def test_what_the_action_refuses_has_the_same_form(call, scene, owner):
    answer = told(call(owner).post("/api/v1/models/", {"name": "income"}), 400, "name_taken")
    assert (answer["field"], list(answer["fields"])) == ("name", ["name"])
    assert answer["hint"]


def test_a_rule_that_says_no_says_why(call, auditor):
    answer = told(call(auditor).post("/api/v1/models/", {"name": "x"}), 403, "refused")
    assert (
        answer["message"]
        == "Registering models and datasets takes the role owner, developer or validator, or a service account's."
    )


def test_a_state_that_does_not_allow_it_is_a_conflict(call, scene, owner):
    told(call(owner).post(f"/api/v1/assessments/{scene.assessment.pk}/cancel/"), 409, "conflict")


def test_a_file_store_that_does_not_answer_is_unavailable(call, scene, owner, monkeypatch):
    def down(*_):
        raise Unavailable("The file store does not answer: time-out. Nothing was changed.")

    monkeypatch.setattr("registry.storage.open_stream", down)
    told(call(owner).get(f"/api/v1/versions/{scene.version.pk}/file/"), 503, "unavailable")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000b"}',
        b"[" * 100_000,
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
    ids=["half", "no utf-8", "nan", "infinity", "too large", "surrogate", "nul", "deep", "long number"],
)
def test_a_body_that_is_not_json_is_refused(call, owner, body):
    told(raw(call(owner), body), 400, "parse_error")
    assert not MLModel.objects.exists()


@pytest.mark.parametrize("charset", ["utf-16", "zlib", "rot13", "no-such"])
def test_a_charset_changes_nothing(call, owner, charset):
    answer = raw(call(owner), b'{"name": "Credit"}', content_type=f"application/json; charset={charset}")
    assert (answer.status_code, answer.json()["name"]) == (201, "Credit")


def test_an_escaped_backslash_before_u0000_is_text(call, owner):
    answer = raw(call(owner), json.dumps({"name": "Credit", "purpose": r"\u0000"}).encode())
    assert (answer.status_code, answer.json()["purpose"]) == (201, r"\u0000")


def test_a_body_over_the_limit_is_not_read(call, owner, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    told(raw(call(owner), b'{"name": "' + b"x" * 2000 + b'"}'), 413, "too_big")


def test_an_upload_with_a_broken_envelope_is_refused(call, scene, owner):
    answer = call(owner).generic(
        "POST", f"/api/v1/models/{scene.model.pk}/versions/", b"x", content_type="multipart/form-data"
    )
    told(answer, 400, "parse_error")


@pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "%00", "bz0x"])
def test_a_cursor_that_is_not_ours_is_refused_or_harmless(call, owner, cursor):
    answer = call(owner).get(f"/api/v1/models/?cursor={cursor}")
    assert answer.status_code == 200 or told(answer, 400, "bad_cursor")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=asleep", "invalid"),
        ("verison=3", "unknown_filter"),
        ("version=x", "invalid"),
        ("version=99999", "invalid"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(call, owner, query, code):
    told(call(owner).get(f"/api/v1/assessments/?{query}"), 400, code)


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 18, "9" * 40, "abc", "1%00"])
def test_an_id_that_names_nothing_is_not_found(call, owner, pk):
    told(call(owner).get(f"/api/v1/models/{pk}/"), 404, "not_found")
