"""Relations between columns: what the data suggests, what people say of it, what assessments are held to."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from registry import actions
from registry.models import AuditEvent, Dataset
from registry.refusals import BadInput, Refused
from registry.relations import confirmed, judge_relation

pytestmark = pytest.mark.django_db


def table(rows=60, wrong=0, note=""):
    head = "school,years,open,total,y\n"
    schools = [("basic", 4), ("high", 9), ("college", 13)]
    lines = [
        "{},{},{},{},{}\n".format(*schools[n % 3], n % 7 + (50 if n < wrong else 0), n % 7 + n % 5 * 4, n % 2)
        for n in range(rows)
    ]
    return SimpleUploadedFile(f"table{note}.csv", (head + "".join(lines)).encode())


@pytest.fixture
def dataset(owner):
    return actions.register_dataset(Dataset, actor=owner, name="Accounts")


@pytest.fixture
def version(dataset, owner, settings):
    settings.MODELRISK_FILE_READER = "tests.read_once"
    return actions.upload_dataset_version(dataset, actor=owner, file=table(), target="y", favourable="1")


def texts(version, state):
    return list(version.relations.filter(state=state).values_list("text", flat=True))


def test_an_upload_suggests_what_the_data_keeps(version):
    suggested = texts(version, "suggested")
    assert "years = map(school, {'basic': 4, 'high': 9, 'college': 13})" in suggested
    assert "open <= total" in suggested
    assert not [text for text in suggested if "y " in text.split("=")[0]]
    assert confirmed(version) == []


def test_a_person_confirms_and_dismisses_with_an_event_each(version, owner):
    judge_relation(version, actor=owner, text="open <= total", state="confirmed")
    assert confirmed(version) == ["open <= total"]
    judge_relation(version, actor=owner, text="open <= total", state="dismissed")
    assert confirmed(version) == []
    events = AuditEvent.objects.about(version).filter(action="dataset.judge_relation")
    assert [event.detail["state"] for event in events] == [["confirmed", "dismissed"], ["suggested", "confirmed"]]


def test_a_new_one_is_counted_on_the_data(version, owner):
    relation = judge_relation(version, actor=owner, text="open  + 1 <= total + 2", state="confirmed")
    assert (relation.text, relation.rows, relation.broken) == ("open + 1 <= total + 2", 60, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("total <= open", "is broken by 80 % of 60 rows"),
        ("open <= sum", "no column 'sum'"),
        ("open <=", "at the end"),
        ("", "empty"),
        ("open = " + "1 + " * 2000 + "1", "characters"),
    ],
)
def test_what_the_data_does_not_bear_out_is_refused(version, owner, text, said):
    with pytest.raises(BadInput) as refused:
        judge_relation(version, actor=owner, text=text)
    assert said in str(refused.value)
    assert not version.relations.filter(state="confirmed").exists()


def test_only_the_owner_or_a_validator_judges(version, developer, validator):
    with pytest.raises(Refused):
        judge_relation(version, actor=developer, text="open <= total")
    judge_relation(version, actor=validator, text="open <= total")


def test_the_next_version_keeps_what_was_said(version, dataset, owner):
    judge_relation(version, actor=owner, text="open <= total", state="confirmed")
    judge_relation(version, actor=owner, text="open + 1 <= total + 2", state="confirmed")
    following = actions.upload_dataset_version(dataset, actor=owner, file=table(90, note="2"))
    assert texts(following, "confirmed") == ["open <= total"]  # suggested again by the new data
    assert "open + 1 <= total + 2" in texts(following, "suggested")  # to be looked at again


def test_what_the_next_version_breaks_is_gone(version, dataset, owner):
    judge_relation(version, actor=owner, text="open + 1 <= total + 2", state="confirmed")
    following = actions.upload_dataset_version(dataset, actor=owner, file=table(90, wrong=30, note="3"))
    assert not following.relations.filter(text__startswith="open").exists()


def test_a_swap_price_is_edited_and_recorded(version, owner):
    columns = [{"name": "school", "swap_price": 0.4}]
    actions.edit_columns(version, actor=owner, columns=columns, favourable="1")
    assert version.columns.get(name="school").swap_price == 0.4
    with pytest.raises(BadInput, match="not a number from 0"):
        actions.edit_columns(version, actor=owner, columns=[{"name": "school", "swap_price": -1}], favourable="1")


def test_the_page_shows_and_takes_them(client, version, owner):
    client.force_login(owner)
    address = reverse("dataset-version", args=[version.dataset.slug, 1])
    body = client.get(address).content.decode()
    assert "open &lt;= total" in body
    assert "swap price of school" in body
    assert "swap price of years" not in body
    posted = reverse("dataset-relation", args=[version.dataset.slug, 1])
    assert client.post(posted, {"text": "open <= total", "state": "confirmed"}).status_code == 302
    assert confirmed(version) == ["open <= total"]
    wrong = client.post(posted, {"text": "open <= nothing", "state": "confirmed"})
    assert wrong.status_code == 400
    assert "no column &#x27;nothing&#x27;" in wrong.content.decode()
