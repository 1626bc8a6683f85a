"""What a person reads when something does not work."""

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from modelrisk.pages import errors
from registry import storage
from registry.refusals import Unavailable
from tests.pages.page import read


def test_an_unknown_address_is_a_page_of_ours(as_owner):
    answer = as_owner.get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is nothing here. It does not exist, or you may not see it." in read(answer).text


def test_a_refusal_says_why(sign_in, auditor):
    answer = sign_in(auditor).get(reverse("register-model"))
    assert answer.status_code == 403
    assert "takes the role owner, developer or validator" in read(answer).text


def test_a_silent_file_store_is_503(as_owner, model_version, monkeypatch):
    def silent(*_):
        raise Unavailable("The file store does not answer.")

    monkeypatch.setattr(storage, "open_stream", silent)
    answer = as_owner.get(reverse("version-file", args=["credit-score", 1]))
    assert answer.status_code == 503
    assert "The file store does not answer." in read(answer).text


def test_a_crash_says_no_more_than_it_should(as_owner, monkeypatch):
    def crash(*_, **__):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("modelrisk.pages.waiting.for_user", crash)
    as_owner.raise_request_exception = False
    answer = as_owner.get(reverse("inbox"))
    assert answer.status_code == 500
    assert "Something went wrong on our side." in read(answer).text
    assert b"secret detail" not in answer.content


def test_the_crash_page_asks_nothing_of_the_database(django_assert_num_queries, as_owner):
    request = RequestFactory().get("/")
    with django_assert_num_queries(0):
        assert errors.server_error(request).status_code == 500


def test_a_form_without_its_token_is_told_to_reload(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    answer = client.post(reverse("register-model"), {"name": "x"})
    assert answer.status_code == 403
    assert "Reload it and send the form again." in read(answer).text


@pytest.mark.parametrize(("view", "status"), [(errors.not_found, 404), (errors.server_error, 500)])
def test_the_api_is_answered_in_json(view, status):
    request = RequestFactory().get("/api/v1/nothing")
    answer = view(request)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")


@pytest.mark.parametrize(
    "address", ["/models/?q=%00&after=%00", "/datasets/?after=%00", "/audit/?action=%00&actor=%00"]
)
def test_a_character_that_no_database_compares_is_no_error(client, auditor, address):
    """PostgreSQL takes no NUL in a text."""
    client.force_login(auditor)
    assert client.get(address).status_code == 200
