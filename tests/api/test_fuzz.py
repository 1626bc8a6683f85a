"""Whatever is sent to whatever address, the answer is a declared one: never a 500, always in the declared form."""

from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.contract import document

pytestmark = [pytest.mark.long, pytest.mark.django_db]
OPERATIONS = [(path, method) for path, operations in document()["paths"].items() for method in operations]
THOROUGH = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TEXT = st.one_of(st.text(max_size=40), st.sampled_from(["", " ", "0", "-1", "income", ">50K", "\x7f", "é" * 300]))
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.integers(0, 5), st.floats(allow_nan=False, allow_infinity=False))
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


def resolved(schema: dict) -> dict:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def shaped(schema: dict) -> st.SearchStrategy:
    """Values of about the form that the document gives; now and then anything at all."""
    return st.one_of(_of_type(resolved(schema)), _of_type(resolved(schema)), _of_type(resolved(schema)), ANYTHING)


def _of_type(schema: dict) -> st.SearchStrategy:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for part in ("oneOf", "anyOf", "allOf"):
        if part in schema:
            return st.one_of([shaped(each) for each in schema[part]])
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" and "properties" in schema:
        required = set(schema.get("required", ()))
        parts = {name: shaped(inner) for name, inner in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: part for name, part in parts.items() if name in required},
            optional={name: part for name, part in parts.items() if name not in required},
        )
    if kind == "array":
        return st.lists(shaped(schema.get("items", {})), max_size=3)
    return {"integer": NUMBERS, "number": NUMBERS, "boolean": st.booleans(), "object": ANYTHING}.get(kind, TEXT)


def plain_text(value) -> str:
    return "".join(character for character in str(value) if character.isprintable() and character not in "/?#%")


def request_of(data, path: str, operation: dict, ids: list[int]) -> tuple[str, dict, dict]:
    """An address with its parameters filled in, its query, its headers."""
    query, headers = {}, {}
    for parameter in operation.get("parameters", []):
        name, drawn = parameter["name"], shaped(parameter["schema"])
        if parameter["in"] == "path":
            value = data.draw(st.one_of(st.sampled_from(ids), drawn) if name == "id" else drawn)
            path = path.replace(f"{{{name}}}", plain_text(value)[:60] or "0")
        elif data.draw(st.booleans()):
            value = data.draw(drawn)
            if parameter["in"] == "query":
                query[name] = str(value).encode("utf-8", "replace").decode()
            else:
                headers["HTTP_IDEMPOTENCY_KEY"] = str(value).encode("ascii", "ignore").decode()
    return path, query, headers


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_no_input_ends_in_an_undeclared_answer(call, scene, cast, path, method):
    operation = document()["paths"][path][method]
    clients = [call(cast[name]) for name in ("owner", "validator", "approver", "security_officer", "outsider")]
    ids = [scene.model.pk, scene.version.pk, scene.version.artifact_id, scene.dataset_version.pk, scene.assessment.pk]
    content = operation.get("requestBody", {}).get("content", {})

    @THOROUGH
    @given(st.data())
    def send(data) -> None:
        address, query, headers = request_of(data, path, operation, ids)
        if query:
            address = f"{address}?{urlencode(query)}"
        api, body, form = data.draw(st.sampled_from(clients)), None, "json"
        if "multipart/form-data" in content:
            name = data.draw(st.sampled_from(["a.h5", "a", "a.exe"]))
            file = SimpleUploadedFile(name, data.draw(st.binary(max_size=100)))
            body, form = {"file": file, "target": data.draw(TEXT), "notes": data.draw(TEXT)}, "multipart"
        elif content:
            body = data.draw(shaped(content["application/json"]["schema"]))
        point = transaction.savepoint()
        answer = (
            api.generic(method.upper(), address, **headers)
            if body is None
            else getattr(api, method)(address, body, format=form, **headers)
        )
        transaction.savepoint_rollback(point)
        for _ in getattr(answer, "streaming_content", ()):  # at its end the client closes what was sent
            pass
        assert answer.status_code < 500

    send()
