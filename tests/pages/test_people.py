"""The pages of people: who has which role, who may do what, and that nobody is told more than the rules say."""

import pytest
from django.urls import get_resolver, reverse

from modelrisk.pages import waiting
from modelrisk.pages.people import rights
from modelrisk.pages.people.subjects import of_model
from registry import access, assignments, people
from registry.action import supposing
from registry.models import Assignment, RoleGrant, ServiceAccount
from tests.conftest import make_user
from tests.pages.page import read

pytestmark = pytest.mark.django_db
WHY = "Needed for the retail committee."


@pytest.fixture(autouse=True)
def every_action_is_offered():
    """As in a running server, where the addresses are read first."""
    get_resolver().url_patterns  # noqa: B018 - reading is what imports them


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


def ask(client, user, role="approver"):
    return client.post(reverse("people"), {"user": user.pk, "role": role, "reason": WHY})


def test_a_role_is_asked_for_and_granted_by_another(sign_in, outsider, lead):
    assert ask(sign_in(outsider), outsider).status_code == 302
    grant = RoleGrant.objects.get(user=outsider)
    shown = read(sign_in(lead).get(reverse("people")))
    assert WHY in shown.text
    assert sign_in(lead).post(reverse("role-grant", args=[grant.pk])).status_code == 302
    told = read(sign_in(outsider).get(reverse("people"))).text
    assert "approver" in told
    assert "lead asked by outsider" in told


def test_who_asked_is_told_why_they_do_not_grant(sign_in, outsider, lead):
    ask(sign_in(lead), outsider)
    page = sign_in(lead).get(reverse("people"))
    assert "You asked for it, lead; a second person must grant it." in read(page).text
    answer = sign_in(lead).post(reverse("role-grant", args=[RoleGrant.objects.get(user=outsider).pk]))
    assert (answer.status_code, b"a second person must grant it" in answer.content) == (403, True)


def test_a_request_for_another_is_not_in_the_form_of_who_may_not(sign_in, owner, outsider):
    answer = ask(sign_in(owner), outsider)
    assert answer.status_code == 400
    assert not RoleGrant.objects.filter(user=outsider).exists()


def test_ending_takes_a_reason(sign_in, approver, lead):
    url = reverse("role-end", args=[RoleGrant.objects.get(user=approver).pk])
    assert sign_in(lead).post(url, {"reason": ""}).status_code == 400
    assert sign_in(lead).post(url, {"reason": "Left the department."}).status_code == 302
    assert access.roles_now(approver) == set()
    assert "Before" in read(sign_in(lead).get(reverse("people"))).text


def test_without_a_role_one_sees_ones_own_requests_only(sign_in, outsider, approver):
    ask(sign_in(outsider), outsider)
    text = read(sign_in(outsider).get(reverse("people"))).text
    assert WHY in text
    assert "approver approver" not in text


def test_the_list_asks_a_constant_number_of_questions(sign_in, lead, django_assert_max_num_queries):
    for number in range(20):
        make_user(f"person{number}", access.OWNER)
    client = sign_in(lead)
    with django_assert_max_num_queries(60):
        client.get(reverse("people"))


# --- service accounts -----------------------------------------------------------------------------
def test_a_service_account_is_made_granted_and_given_a_token(sign_in, owner, lead):
    given = {"name": "pipeline-retail", "purpose": "Uploads the nightly build."}
    assert sign_in(owner).post(reverse("service-account-make"), given).status_code == 302
    made = ServiceAccount.objects.get()
    url = reverse("service-account-token", args=[made.pk])
    assert sign_in(owner).post(url).status_code == 409  # not granted yet
    sign_in(lead).post(reverse("role-grant", args=[RoleGrant.objects.get(user=made.account).pk]))
    assert "shown only this once" in read(sign_in(owner).post(url)).text
    assert sign_in(lead).post(url).status_code == 403  # lead does not answer for it


# --- who may do what here -------------------------------------------------------------------------
def test_every_cell_is_what_the_rule_says(assessed, cast):
    model = assessed.version.model
    found = rights.of_model(model, list(cast.values()), of_model(model))
    assert {right.action for right in found} >= {"version.upload", "model.change_owner", "assessment.cancel"}
    subjects = {str(one): one for one in [model, *of_model(model)]}
    from registry.api.offers import offers_of

    for right in found:
        subject = subjects[right.about]
        act = next(o.action for o in offers_of(type(subject)) if o.action.action_name == right.action)
        for answer in right.answers:
            with supposing():
                reason = act.refusal(subject, type(cast["owner"]).objects.get(username=answer.who))
            assert answer.reason == str(reason or "")


def test_nothing_is_done_while_it_is_asked(registered_model, owner, developer):
    with supposing(), pytest.raises(RuntimeError, match="asked about here, not done"):
        assignments.assign_user(registered_model, actor=owner, user=developer)


def test_the_page_tells_each_no_with_its_reason(sign_in, auditor, validator, registered_model):
    page = read(sign_in(auditor).get(reverse("model-people", args=[registered_model.slug])))
    assert "Only the owner or a developer of Credit score may add versions to it." in page.text
    assert "You may" not in page.text


def test_one_person_is_shown_alone_when_asked_for(sign_in, auditor, registered_model, validator):
    address = reverse("model-people", args=[registered_model.slug])
    answer = sign_in(auditor).get(address, {"person": "validator"})
    assert [person.username for person in answer.context["shown"]] == ["validator"]


def test_a_part_is_given_and_ended_on_the_page(sign_in, owner, registered_model):
    second = make_user("second", access.DEVELOPER)
    client, address = sign_in(owner), reverse("model-people", args=[registered_model.slug])
    assert client.post(address, {"user": second.pk, "part": "developer"}).status_code == 302
    made = Assignment.objects.get(user=second)
    assert registered_model.developers.filter(pk=second.pk).exists()
    assert client.post(reverse("assignment-end", args=[made.pk])).status_code == 302
    assert not registered_model.developers.filter(pk=second.pk).exists()
    assert people.lineage(registered_model)[second.pk] == {"developer"}


def test_the_matrix_is_as_hidden_as_the_model(sign_in, outsider, registered_model):
    assert sign_in(outsider).get(reverse("model-people", args=[registered_model.slug])).status_code == 404


# --- what each role may do ------------------------------------------------------------------------
def test_the_table_of_roles_is_what_the_rules_say(assessed, auditor):
    told = {right.action: {a.who: a.may for a in right.answers} for right in rights.of_roles(auditor)}
    assert {who for who, may in told["model.register"].items() if may} == access.REGISTRARS
    assert told["version.upload"][rights.OWNER_OF]
    assert not told["version.upload"][access.OWNER]
    assert told["model.assign_validator"][access.MRM_LEAD]


def test_an_auditor_may_nothing_in_the_table_of_roles(assessed, auditor):
    may = [r.action for r in rights.of_roles(auditor) for a in r.answers if a.who == access.AUDITOR and a.may]
    assert set(may) <= {"evidence.check"}  # looking, which leaves a record


def test_everyone_signed_in_reads_the_table_of_roles(sign_in, cast, assessed):
    assert {sign_in(user).get(reverse("roles")).status_code for user in cast.values()} == {200}


def test_the_table_names_no_model_that_its_reader_does_not_see(sign_in, outsider, assessed):
    assert "Credit score" not in sign_in(outsider).get(reverse("roles")).content.decode()


# --- what waits -----------------------------------------------------------------------------------
def test_a_request_waits_in_the_inbox_of_who_may_grant_it(outsider, approver, lead):
    people.request_role(outsider, actor=lead, role="approver", reason=WHY)
    other = make_user("other_lead", access.MRM_LEAD)
    assert [row.blocked for row in waiting.for_user(other)] == [""]
    assert "a second person must grant it" in waiting.for_user(lead)[0].blocked
    assert waiting.count(lead) == 0
    assert [row for row in waiting.for_user(approver) if row.kind == "grant_role"] == []


def test_each_grant_has_its_history(sign_in, lead, outsider):
    people.request_role(outsider, actor=lead, role="approver", reason=WHY)
    grant = RoleGrant.objects.get(user=outsider)
    page = read(sign_in(lead).get(reverse("history", args=["role-grant", grant.pk])))
    assert "Asked for the role approver for outsider" in page.text
