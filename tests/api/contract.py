"""A client that holds every answer against the OpenAPI document: its status is declared, its body has that form."""

import re
from functools import cache

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker
from rest_framework.test import APIClient


class ContractClient(APIClient):
    def request(self, **kwargs):
        response = super().request(**kwargs)
        check(kwargs["REQUEST_METHOD"].lower(), kwargs["PATH_INFO"], response)
        return response


@cache
def document() -> dict:
    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def _patterns() -> list[tuple[re.Pattern, str]]:
    """Address -> template; the plainest templates first."""
    templates = sorted(document()["paths"], key=lambda template: template.count("{"))
    found = []
    for template in templates:
        parts = re.split(r"(\{\w+\})", template)
        pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts)
        found.append((re.compile(pattern), template))
    return found


@cache
def _form(template: str, method: str, status: str) -> Draft202012Validator:
    """What a JSON answer must be."""
    answer = document()["paths"][template][method]["responses"][status]["content"]["application/json"]
    schema = {**answer["schema"], "components": document()["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def check(method: str, path: str, response) -> None:
    template = next((template for pattern, template in _patterns() if pattern.fullmatch(path)), None)
    operation = document()["paths"].get(template, {}).get(method)
    if operation is None:
        assert response.status_code in {401, 404, 405}, f"{method} {path} answers but is not in the document"
        return
    status = str(response.status_code)
    assert status in operation["responses"], f"{method} {template} answers {status}, which is not declared"
    content = operation["responses"][status].get("content", {})
    media = response.get("Content-Type", "").split(";")[0]
    assert not content or media in content, f"{method} {template} answers {media}, which is not declared"
    if media == "application/json":
        form = _form(template, method, status)
        problems = [f"{problem.json_path}: {problem.message}" for problem in form.iter_errors(response.json())]
        assert not problems, f"{method} {template} {status}: {problems}"
