"""The case of a version on its page, step by step; the votes on its review; and the pages of dossier and decision."""

import hashlib
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from registry.approvals import rules
from registry.models import Decision, Vote
from tests import cases
from tests.pages.page import read

pytestmark = pytest.mark.django_db
REASON = "A reason that is long enough."


def at(name: str, version, *more) -> str:
    return reverse(name, args=[version.model.slug, version.number, *more])


def step(version, event: str) -> str:
    return at("version-step", version, event)


@pytest.fixture(autouse=True)
def no_gates():
    """The gates of other apps are their own tests' matter."""
    with cases.without_gates():
        yield


@pytest.fixture
def version(model_version):
    model_version.model.purpose = "Ranks applicants for a call, never for a refusal."
    model_version.model.save(update_fields=["purpose"])
    return model_version


@pytest.fixture
def people(db):
    return cases.people()


@pytest.fixture
def as_(sign_in):
    """as_(user): a client whose person gave the password a moment ago."""

    def signed_in(user):
        client = sign_in(user)
        client.login(username=user.username, password="a-long-enough-password")
        return client

    return signed_in


def test_the_whole_case_is_walked_on_the_pages(as_, version, people, owner):
    assert as_(owner).post(step(version, "submit"), {"note": "Mind the young."}).status_code == 302
    given = {"validator": people.validator.pk, "scope": "All of it but the pipeline."}
    assert as_(people.mrm_lead).post(step(version, "start_validation"), given).status_code == 302
    answer = as_(people.validator).post(step(version, "validate"), {"report": "Fit for its use, with limits."})
    assert answer.status_code == 302, read(answer).text
    assert as_(people.mrm_lead).post(step(version, "put_to_decision")).status_code == 302
    given = {"outcome": "approve", "comment": REASON, "seen": cases.seen(version)}
    answer = as_(people.approver).post(at("review", version), given)
    decision = Decision.objects.get()
    assert (answer.status_code, answer.url) == (302, reverse("decision", args=[decision.pk]))
    version.refresh_from_db()
    assert version.approval_status == "approved"
    given = {"sha256": version.artifact.sha256, "environment": "production"}
    assert as_(owner).post(step(version, "deploy"), given).status_code == 302
    page = read(as_(owner).get(at("version", version))).text
    assert "production by owner" in page


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("draft", "owner, its owner, submits it for validation."),
        ("submitted", "An MRM lead assigns a validator"),
        ("in_validation", "validator validates it and signs the report."),
        ("returned", "answers the gaps and submits it again."),
        ("validated", "An MRM lead puts it to decision."),
        ("pending_approval", "It needs one approver. Still open: approver."),
        ("approved", "may bring it into use."),
        ("rejected", "this case has ended"),
        ("withdrawn", "this case has ended"),
        ("expired", "submits it for a new validation."),
        ("suspended", "until its deciders reinstate it."),
        ("retired", "it is retired"),
    ],
)
def test_the_page_says_whose_move_it_is(as_, version, auditor, state, told):
    version = cases.bring(version, state)
    page = read(as_(auditor).get(at("version", version)))
    assert f"Next: {told}" in page.text or told in page.text
    assert "What you cannot do now, and why" in page.text or state in {
        "rejected",
        "withdrawn",
        "retired",
        "pending_approval",
    }


def test_a_step_that_is_refused_says_who_may(as_, version, developer):
    page = read(as_(developer).get(at("version", version))).text
    assert "developer may not submit Credit score v1: that takes the owner of Credit score." in page


def test_what_was_typed_is_kept_with_its_error(as_, version, people):
    version = cases.bring(version, "in_validation")
    answer = as_(people.validator).post(step(version, "validate"), {"report": "short"})
    assert answer.status_code == 400
    assert "This step needs a report." in read(answer).text
    assert ">\nshort</textarea>" in answer.content.decode()


def test_an_unknown_step_is_not_found(as_, version, owner):
    assert as_(owner).post(step(version, "bless")).status_code == 404


def test_a_signature_long_after_the_password_asks_for_it_and_keeps_the_words(sign_in, version, people):
    version = cases.bring(version, "pending_approval")
    client = sign_in(people.approver)
    session = client.session
    session["authenticated_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
    session.save()
    page = client.get(at("review", version))
    assert "Give it now" in read(page).text
    given = {"outcome": "reject", "comment": REASON, "seen": cases.seen(version)}
    answer = client.post(at("review", version), given)
    assert answer.status_code == 403
    assert "Your password, once more" in read(answer).text
    assert "reject" in read(answer).fields["held"]["value"]
    assert Vote.objects.count() == 0


CONDITION = {
    "condition-1-text": "Measure the selection rates each month.",
    "condition-1-due": (timezone.localdate() + timedelta(days=60)).isoformat(),
    "condition-1-check_method": "person",
}


def test_conditions_need_text_owner_date_and_method(as_, version, people, owner):
    version = cases.bring(version, "pending_approval")
    client = as_(people.approver)
    given = {"outcome": "approve_with_conditions", "comment": REASON, "seen": cases.seen(version), "rows": "1"}
    assert client.post(at("review", version), given).status_code == 400
    for missing in ("text", "due", "check_method", "owner"):
        lacking = {**CONDITION, "condition-1-owner": owner.pk} | {f"condition-1-{missing}": ""}
        answer = client.post(at("review", version), given | lacking)
        assert answer.status_code == 400, missing
    assert Vote.objects.count() == 0
    answer = client.post(at("review", version), given | CONDITION | {"condition-1-owner": owner.pk})
    decision = Decision.objects.get()
    [condition] = decision.conditions.all()
    assert (answer.status_code, condition.owner, condition.check_method) == (302, owner, "person")
    page = read(client.get(reverse("decision", args=[decision.pk]))).text
    assert "Measure the selection rates each month." in page
    assert "Credit score v1: approved with conditions" in page


def test_another_condition_is_asked_for_and_nothing_recorded(as_, version, people):
    version = cases.bring(version, "pending_approval")
    given = {"outcome": "approve_with_conditions", "comment": "Half a", "rows": "1", "more": "1", **CONDITION}
    answer = as_(people.approver).post(at("review", version), given)
    page = read(answer)
    assert answer.status_code == 200
    assert page.fields["condition-1-text"] is not None
    assert "condition-2-text" in page.fields
    assert "Measure the selection rates each month.</textarea>" in answer.content.decode()
    assert Vote.objects.count() == 0


def test_the_review_shows_votes_and_open_places(as_, version, people):
    version.model.tier = 1
    version.model.save(update_fields=["tier"])
    version = cases.bring(version, "pending_approval")
    cases.vote(version, people.approver)
    page = read(as_(people.committee_chair).get(at("review", version))).text
    assert "Approve by approver, approver" in page
    assert "open Committee chair or compliance" in page
    assert "needs two approvers, one of them the committee's chair or compliance" in page


def test_who_built_it_sees_the_conflict(as_, version, people):
    version.model.developers.add(people.approver)
    version = cases.bring(version, "pending_approval")
    page = read(as_(people.approver).get(at("review", version)))
    assert "approver is developer of Credit score; someone independent must do this." in page.text
    assert "outcome" not in page.fields


def test_the_decision_page_says_who_when_and_on_what(as_, version, people, auditor):
    version = cases.bring(version, "approved")
    decision = Decision.objects.get()
    answer = as_(auditor).get(reverse("decision", args=[decision.pk]))
    page = read(answer).text
    assert f"{decision.decided_at:%Y-%m-%d %H:%M} UTC · expires {decision.valid_until:%Y-%m-%d}" in page
    assert f"dossier sha256 {decision.dossier.sha256}" in page
    for told in ("Role on that day approver", "no conflict: none of the people of the model", "Password given 20"):
        assert told in page
    assert answer.context["votes"][0].voter == people.approver


def test_whoever_may_not_see_the_version_sees_neither_decision_nor_dossier(as_, version, outsider):
    cases.bring(version, "approved")
    decision = Decision.objects.get()
    client = as_(outsider)
    assert client.get(reverse("decision", args=[decision.pk])).status_code == 404
    assert client.get(reverse("dossier", args=[decision.dossier_id])).status_code == 404
    assert client.get(reverse("dossier-document", args=[decision.dossier_id])).status_code == 404


def test_the_downloaded_dossier_hashes_to_what_is_shown(as_, version, auditor):
    version = cases.bring(version, "pending_approval")
    dossier = rules.dossier_of(rules.request_of(version))
    client = as_(auditor)
    shown = read(client.get(reverse("dossier", args=[dossier.pk]))).text
    for address in (reverse("dossier-document", args=[dossier.pk]), f"/api/v1/dossiers/{dossier.pk}/document/"):
        told = hashlib.sha256(client.get(address).content).hexdigest()
        assert told == dossier.sha256
        assert told in shown


def test_a_changed_dossier_is_shown_and_the_vote_makes_a_new_revision(as_, version, people):
    version = cases.bring(version, "pending_approval")
    version.model.purpose = "Something else entirely."
    version.model.save(update_fields=["purpose"])
    client = as_(people.approver)
    assert "It is no longer true: intended_use changed" in read(client.get(at("review", version))).text
    given = {"outcome": "approve", "comment": REASON, "seen": cases.seen(version)}
    assert client.post(at("review", version), given).status_code == 409
    page = read(client.get(at("review", version))).text
    assert "Revision 2" in page
    assert client.post(at("review", version), given | {"seen": cases.seen(version)}).status_code == 302
    decision = Decision.objects.get()
    page = read(client.get(reverse("decision", args=[decision.pk]))).text
    assert "revision 1 was replaced" in page
