"""Who may open which page. Where a person may not know of an object, it is not there: 404, not 403."""

import pytest
from django.test import Client
from django.urls import reverse

EVERYONE = dict.fromkeys(
    ["owner", "developer", "validator", "approver", "security_officer", "auditor", "outsider"], 200
)
SECOND_LINE = {**EVERYONE, "owner": 403, "developer": 403, "outsider": 403}
REGISTRARS = {**EVERYONE, "approver": 403, "security_officer": 403, "auditor": 403, "outsider": 403}
INSIDERS = {**EVERYONE, "outsider": 404}

OPEN = ["inbox", "models", "datasets", "policies", "methodology", "account"]
ABOUT = [
    "model",
    "version",
    "artifact",
    "review",
    "version-file",
    "dataset",
    "dataset-version",
    "dataset-file",
    "assessment",
]


def address(name: str, assessed) -> str:
    version, data = assessed.version, assessed.dataset_version
    arguments = {
        "model": [version.model.slug],
        "version": [version.model.slug, version.number],
        "artifact": [version.artifact.sha256],
        "review": [version.model.slug, version.number],
        "version-file": [version.model.slug, version.number],
        "dataset": [data.dataset.slug],
        "dataset-version": [data.dataset.slug, data.number],
        "dataset-file": [data.dataset.slug, data.number],
        "assessment": [assessed.pk],
    }
    return reverse(name, args=arguments.get(name, []))


def answers(cast, sign_in, url: str) -> dict[str, int]:
    return {name: sign_in(user).get(url).status_code for name, user in cast.items()}


def test_everyone_signed_in_opens(cast, sign_in):
    found = {name: answers(cast, sign_in, reverse(name)) for name in OPEN}
    assert found == dict.fromkeys(OPEN, EVERYONE)


def test_only_insiders_see_an_object(cast, sign_in, assessed):
    found = {name: answers(cast, sign_in, address(name, assessed)) for name in ABOUT}
    assert found == dict.fromkeys(ABOUT, INSIDERS)


@pytest.mark.parametrize("name", ["register-model", "dataset-register"])
def test_builders_and_validators_register(name, cast, sign_in):
    assert answers(cast, sign_in, reverse(name)) == REGISTRARS


def test_the_whole_log_is_for_the_second_and_third_line(cast, sign_in):
    assert answers(cast, sign_in, reverse("audit")) == SECOND_LINE


def test_a_developer_of_another_model_sees_nothing_of_this_one(developer, sign_in, assessed):
    assessed.version.model.developers.clear()
    client = sign_in(developer)
    urls = [
        address(name, assessed) for name in ("model", "version", "artifact", "review", "version-file", "assessment")
    ]
    assert {client.get(url).status_code for url in urls} == {404}


def test_the_history_of_an_object_is_as_hidden_as_the_object(cast, sign_in, assessed):
    for kind, pk in [
        ("version", assessed.version_id),
        ("assessment", assessed.pk),
        ("artifact", assessed.version.artifact_id),
        ("model", assessed.version.model_id),
    ]:
        assert answers(cast, sign_in, reverse("history", args=[kind, pk])) == INSIDERS


def test_a_chart_is_as_hidden_as_its_assessment(cast, sign_in, assessed):
    assert answers(cast, sign_in, reverse("chart", args=[assessed.pk, "roc", "csv"])) == INSIDERS


def test_strangers_are_sent_to_the_sign_in(assessed):
    found = [Client().get(address(name, assessed)) for name in OPEN + ABOUT]
    assert {response.status_code for response in found} == {302}
    assert all(response.url.startswith(reverse("login")) for response in found)


def test_signing_in_leads_to_the_inbox(owner):
    answer = Client().post(reverse("login"), {"username": "owner", "password": "a-long-enough-password"})
    assert (answer.status_code, answer.url) == (302, reverse("inbox"))


def test_a_wrong_password_is_said_so(owner):
    answer = Client().post(reverse("login"), {"username": "owner", "password": "wrong"})
    assert b"Please enter a correct username and password" in answer.content


def is_one_of_many(url: str) -> str:
    """The kind of a page of which there are dozens: a clause, a test's results; empty for others."""
    return next((kind for kind in ("/regulation/", "/tests/") if kind in url and not url.endswith(kind)), "")


def test_no_link_is_dead(sign_in, approver, assessed):
    """Every link of every page that the approver reaches from the inbox answers."""
    from tests.pages.page import read

    client, seen, queue = sign_in(approver), set(), [reverse("inbox")]
    while queue:
        url = queue.pop().partition("#")[0].partition("?")[0]
        if url in seen or not url.startswith("/") or url.startswith(("/static/", "/api/v1/docs")):
            continue
        # One of many is like the other, and drawing each chart once is enough.
        kind = is_one_of_many(url)
        if url.endswith(".png") or (kind and sum(is_one_of_many(each) == kind for each in seen) > 5):
            continue
        seen.add(url)
        answer = client.get(url)
        assert answer.status_code == 200, url
        if answer.headers["Content-Type"].startswith("text/html"):
            queue += read(answer).links
    assert len(seen) > 20
