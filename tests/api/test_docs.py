"""The document and the page that shows it."""

from openapi_spec_validator import OpenAPIV31SpecValidator


def test_the_document_is_valid_openapi_3_1(client, db):
    document = client.get("/api/v1/schema/?format=json").json()
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_operation_declares_its_error_answers(client, db):
    document = client.get("/api/v1/schema/?format=json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors = {code for code in operation["responses"] if code >= "400"}
            assert errors & {"401", "429"}, f"{method} {path}"
            for code in errors:
                schema = operation["responses"][code]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Error"}, f"{method} {path} {code}"


def test_the_docs_hold_no_script_or_style_of_their_own(client, db):
    page = client.get("/api/v1/docs/").content.decode()
    assert "<style" not in page
    assert "<script>" not in page
    assert "http://" not in page.replace("http://testserver", "")


def test_a_picture_opened_by_itself_may_style_itself_and_nothing_else(call, scene, owner):
    answer = call(owner).get(f"/api/v1/assessments/{scene.assessment.pk}/charts/roc.svg")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
