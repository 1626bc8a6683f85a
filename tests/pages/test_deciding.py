"""Request, withdraw, review, decide; and what the inbox shows to whom."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from assessments.models import Verdict
from modelrisk.pages import waiting
from registry.approvals import actions
from registry.models import ApprovalRequest, AuditEvent, Decision
from tests import cases
from tests.pages.page import read


def at(name: str, version) -> str:
    return reverse(name, args=[version.model.slug, version.number])


def step(version, event: str) -> str:
    return reverse("version-step", args=[version.model.slug, version.number, event])


@pytest.fixture
def version(assessed):
    return assessed.version


@pytest.fixture
def pending(version, developer, approver):
    with cases.without_gates():
        actions.submit(version, actor=version.model.owner, note="Mind the impact ratio.")
        return cases.bring(version, "pending_approval")


def test_a_version_is_submitted_with_the_evidence(as_owner, version, assessed):
    answer = as_owner.post(step(version, "submit"), {"note": "Please."})
    asked = ApprovalRequest.objects.get()
    version.refresh_from_db()
    assert (answer.status_code, version.approval_status, asked.note) == (302, "submitted", "Please.")
    seals = {found["kind"]: found["sha256"] for found in asked.evidence}
    assert seals.pop("policy_in_force") == assessed.policy["sha256"]
    assert seals == {
        "assessment": assessed.results_sha256,
        "policy": assessed.policy["sha256"],
        "scan": version.artifact.scan.digest,
    }


def test_without_an_assessment_the_page_says_what_is_missing(as_owner, model_version):
    text = read(as_owner.get(at("version", model_version))).text
    assert "was never assessed on any data set" in text
    assert as_owner.post(step(model_version, "submit"), {"note": ""}).status_code == 409
    assert ApprovalRequest.objects.count() == 0


def test_a_version_is_withdrawn(as_owner, pending):
    as_owner.post(step(pending, "withdraw"), {"reason": "The data was wrong."})
    pending.refresh_from_db()
    assert pending.approval_status == "withdrawn"


def test_the_review_shows_the_request_and_the_evidence(as_reviewer, pending, assessed):
    text = read(as_reviewer.get(at("review", pending))).text
    assert "Approve Credit score v1 for production?" in text
    assert "Mind the impact ratio." in text
    assert f"{assessed.results_sha256[:4]}…{assessed.results_sha256[-4:]}" in text


REJECTION = {"outcome": "reject", "comment": "A reason that is long enough."}


def test_the_reviewer_decides(as_reviewer, pending, approver):
    until = timezone.localdate() + timedelta(days=300)
    given = {"outcome": "approve_with_conditions", "comment": "Monthly monitoring of the selection rates."}
    given |= {"condition-1-text": "Report the rates monthly.", "condition-1-owner": pending.model.owner_id}
    given |= {"condition-1-due": until.isoformat(), "condition-1-check_method": "person"}
    given |= {"valid_until": until.isoformat(), "seen": cases.seen(pending)}
    with cases.without_gates():
        answer = as_reviewer.post(at("review", pending), given)
        if answer.status_code == 409:  # the gates were silent when the dossier was frozen, and speak now
            answer = as_reviewer.post(at("review", pending), given | {"seen": cases.seen(pending)})
    pending.refresh_from_db()
    decision = Decision.objects.get()
    assert (answer.status_code, pending.approval_status) == (302, "approved_with_conditions")
    assert (decision.decided_by, decision.note, decision.valid_until) == (approver, given["comment"], until)
    assert f"conditions to {until:%-d %b %Y}" in read(as_reviewer.get(reverse("models"))).text


def test_a_rejection_without_a_reason_comes_back(as_reviewer, pending):
    answer = as_reviewer.post(at("review", pending), {"outcome": "reject", "comment": "no"})
    page = read(answer)
    assert answer.status_code == 400
    assert "A vote needs a reason. Write at least 10 characters" in page.text
    assert answer.context["form"]["outcome"].value() == "reject"
    assert Decision.objects.count() == 0


def test_a_failed_criterion_cannot_be_approved_without_conditions(as_reviewer, pending, assessed):
    assessed.verdicts.filter(pk=assessed.verdicts.first().pk).update(verdict=Verdict.Word.FAIL)
    answer = as_reviewer.get(at("review", pending))
    assert [value for value, _ in answer.context["form"].fields["outcome"].choices] == [
        "approve_with_conditions",
        "reject",
        "return",
    ]
    assert "approve with conditions, or reject" in read(answer).text
    given = {"outcome": "approve", "comment": "All is well here."}
    assert as_reviewer.post(at("review", pending), given).status_code == 409
    assert Decision.objects.count() == 0


@pytest.mark.parametrize("name", ["owner", "developer", "validator", "auditor"])
def test_nobody_else_decides(name, cast, sign_in, pending):
    client = sign_in(cast[name])
    assert "outcome" not in read(client.get(at("review", pending))).fields
    answer = client.post(at("review", pending), REJECTION)
    assert answer.status_code in {400, 403}
    assert Decision.objects.count() == 0


def test_a_reviewer_who_built_it_is_told_why_not(as_reviewer, approver, pending):
    pending.model.developers.add(approver)
    text = read(as_reviewer.get(at("review", pending))).text
    assert "approver is developer of Credit score; someone independent must do this." in text


def test_the_second_decision_is_a_conflict(as_reviewer, approver, pending):
    with cases.without_gates():
        cases.vote(pending, approver, "reject")
    answer = as_reviewer.post(at("review", pending), REJECTION)
    assert answer.status_code in {400, 409}
    assert Decision.objects.count() == 1


def test_the_inbox_of_each_person_has_what_they_can_do(cast, pending):
    assert {name: [one.what for one in waiting.for_user(user)] for name, user in cast.items()} == {
        "owner": [],
        "developer": [],
        "validator": [],
        "approver": ["Decide"],
        "security_officer": [],
        "auditor": [],
        "outsider": [],
    }


def test_the_builders_inbox_leads_from_step_to_step(as_developer, developer, model_version, assessment):
    assert waiting.for_user(developer) == []  # it runs
    assessment.state = "cancelled"
    assessment.save(update_fields=["state"])
    assert [one.what for one in waiting.for_user(developer)] == ["Look into it"]
    assessment.delete()
    assert [one.what for one in waiting.for_user(developer)] == ["Assess"]


def test_an_assessed_draft_waits_for_its_owner_to_submit_it(owner, developer, version):
    assert [one.what for one in waiting.for_user(owner)] == ["Submit for validation"]
    assert waiting.for_user(developer) == []


@pytest.mark.parametrize(
    ("state", "who", "what"),
    [
        ("submitted", "mrm_lead", "Assign a validator"),
        ("in_validation", "validator", "Validate"),
        ("returned", "owner", "Answer the gaps"),
        ("validated", "mrm_lead", "Put to decision"),
        ("pending_approval", "approver", "Decide"),
        ("approved", "owner", "Bring into use"),
        ("expired", "owner", "Renew"),
    ],
)
def test_a_case_waits_in_the_inbox_of_whose_move_it_is(cast, version, state, who, what):
    people = {**cast, "mrm_lead": cases.people().mrm_lead}
    with cases.without_gates():
        cases.bring(version, state)
    assert {name: [one.what for one in waiting.for_user(user)] for name, user in people.items()} == {
        name: [what] if name == who else [] for name in people
    }


def test_the_number_in_the_navigation_is_what_waits(as_reviewer, pending):
    assert "Inbox 1 waiting" in read(as_reviewer.get(reverse("models"))).text


def test_the_history_has_every_act(as_reviewer, pending):
    text = read(as_reviewer.get(reverse("history", args=["version", pending.pk]))).text
    for summary in ("Uploaded Credit score v1", "Started Assessment", "Submitted Credit score v1 for validation"):
        assert summary in text


def test_the_log_pages_without_gaps(sign_in, auditor, owner):
    for number in range(120):
        AuditEvent.objects.create(
            actor=owner, actor_name="owner", action="a.b", object_type="x.y", object_label="x", summary=f"act {number}"
        )
    client, url, seen = sign_in(auditor), reverse("audit") + "?action=a.b", []
    while url:
        page = client.get(url).context["page"]
        seen += [event.summary for event in page.rows]
        url = reverse("audit") + page.next_url if page.next_url else ""
    assert seen == [f"act {number}" for number in reversed(range(120))]


def test_a_token_is_shown_once_and_can_be_revoked(as_owner, owner):
    url = reverse("account")
    made = as_owner.post(url).context["made"]
    assert made not in as_owner.get(url).content.decode()
    token = owner.auth_token_set.get()
    assert made.startswith(token.token_key)
    as_owner.post(reverse("token-revoke"), {"digest": token.digest})
    assert owner.auth_token_set.count() == 0


def test_nobody_revokes_the_token_of_another(as_reviewer, as_owner, owner):
    as_owner.post(reverse("account"))
    as_reviewer.post(reverse("token-revoke"), {"digest": owner.auth_token_set.get().digest})
    assert owner.auth_token_set.count() == 1


def test_a_page_that_shows_another_dossier_decides_nothing(as_reviewer, pending):
    with cases.without_gates():
        answer = as_reviewer.post(at("review", pending), REJECTION | {"seen": "a" * 64})
        assert answer.status_code == 409
        assert "You read another revision" in read(answer).text
        assert not Decision.objects.exists()
        fresh = cases.seen(pending)
        assert f'name="seen" value="{fresh}"' in as_reviewer.get(at("review", pending)).content.decode()
        as_reviewer.post(at("review", pending), REJECTION | {"seen": fresh})
    assert Decision.objects.get().outcome == "reject"
