"""The pages of the policy, as people use them."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from assessments.models import PolicyVersion
from assessments.policy.force import in_force
from registry import access
from tests.conftest import make_user
from tests.evidence import finish

pytestmark = pytest.mark.django_db


def at(name: str, number: int) -> str:
    return reverse(f"policy-{name}", args=["house", number])


def browser(name: str, *roles: str) -> Client:
    client = Client()
    client.force_login(make_user(name, *roles))
    return client


@pytest.fixture
def as_officer():
    return browser("officer", access.COMPLIANCE)


@pytest.fixture
def as_lead():
    return browser("lead", access.MRM_LEAD)


@pytest.fixture
def as_chair():
    return browser("chair", access.COMMITTEE_CHAIR)


def limits(client, number: int) -> dict[str, str]:
    """What the form holds, as a browser would send it back."""
    form = client.get(at("edit", number)).context["form"]
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {name: "" if value is None else str(value) for name, value in values.items()}


@pytest.fixture
def proposed(as_officer) -> PolicyVersion:
    as_officer.post(reverse("policy-draft", args=["house"]))
    given = limits(as_officer, 2) | {"fail_0": "0.65", "why_0": "As measured in 2026."}
    assert as_officer.post(at("edit", 2), given).status_code == 302
    assert as_officer.post(at("propose", 2), {"rationale": "Scorecards here reach 0.70."}).status_code == 302
    return PolicyVersion.objects.get(number=2)


def test_from_a_draft_to_the_policy_in_force(proposed, as_officer, as_lead, as_chair):
    assert proposed.document["criteria"][0]["fail"] == 0.65
    shown = as_lead.get(at("version", 2)).content.decode()
    assert "Sign it" in shown
    assert "1 criterion changed" in shown
    assert as_lead.post(at("sign", 2), {"comment": "Read."}).status_code == 302
    assert as_chair.post(at("sign", 2), {"comment": ""}).status_code == 302
    assert in_force().number == 2
    shown = as_officer.get(reverse("policies")).content.decode()
    assert "version 2" in shown
    assert "lead (mrm lead), chair (committee chair)" in shown


def test_an_unchanged_form_changes_nothing(as_officer):
    as_officer.post(reverse("policy-draft", args=["house"]))
    before = PolicyVersion.objects.get(number=2).document
    as_officer.post(at("edit", 2), limits(as_officer, 2))
    assert PolicyVersion.objects.get(number=2).document == before


def test_a_limit_that_makes_no_sense_is_said_on_the_form(as_officer):
    as_officer.post(reverse("policy-draft", args=["house"]))
    answer = as_officer.post(at("edit", 2), limits(as_officer, 2) | {"warn_0": "0.1"})
    assert answer.status_code == 400
    assert "lies beyond the fail limit" in answer.content.decode()


def test_a_document_is_downloaded_changed_and_taken(as_officer):
    as_officer.post(reverse("policy-draft", args=["house"]))
    document = as_officer.get(at("document", 2)).json()
    document["criteria"][0]["scope"] = {"tiers": [1], "legal_contexts": ["ecoa"]}
    sent = SimpleUploadedFile("policy.json", json.dumps(document).encode())
    assert as_officer.post(at("edit", 2), {"upload": "1", "document": sent}).status_code == 302
    assert "only tier 1 · ecoa" in as_officer.get(at("version", 2)).content.decode()


@pytest.mark.parametrize(("content", "said"), [(b"{", "This is not JSON"), (b'{"criteria": []}', "mandatory: give")])
def test_a_document_that_is_none_is_refused_in_words(as_officer, content, said):
    as_officer.post(reverse("policy-draft", args=["house"]))
    sent = {"upload": "1", "document": SimpleUploadedFile("policy.json", content)}
    answer = as_officer.post(at("edit", 2), sent)
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_who_may_not_sign_reads_why(proposed, as_officer):
    assert "You drafted House policy version 2" in as_officer.get(at("version", 2)).content.decode()
    assert as_officer.post(at("sign", 2)).status_code == 403


def test_it_waits_in_the_inbox_of_who_may_sign_until_they_have(proposed, as_officer, as_lead):
    def waits(client) -> bool:
        return "Sign a policy" in client.get(reverse("inbox")).content.decode()

    assert (waits(as_lead), waits(as_officer)) == (True, False)
    as_lead.post(at("sign", 2))
    assert not waits(as_lead)


def test_a_rejection_needs_a_reason(proposed, as_lead):
    assert as_lead.post(at("reject", 2), {"reason": "No."}).status_code == 400
    assert as_lead.post(at("reject", 2), {"reason": "Too strict for pilots."}).status_code == 302
    assert "Too strict for pilots." in as_lead.get(at("version", 2)).content.decode()


def test_the_thresholds_in_force_on_a_day_of_the_past(proposed, as_lead, as_chair, as_officer):
    year_ago = timezone.now() - timedelta(days=365)
    PolicyVersion.objects.filter(number=1).update(approved_at=year_ago, effective_from=year_ago)
    as_lead.post(at("sign", 2))
    as_chair.post(at("sign", 2))
    shown = {}
    for days in (0, 30, 400):
        on = (timezone.now() - timedelta(days=days)).date().isoformat()
        shown[days] = as_officer.get(reverse("policies"), {"on": on}).context["version"]
    assert [version and version.number for version in shown.values()] == [2, 1, None]


def test_the_difference_shows_both_limits_and_why(proposed, as_lead):
    shown = as_lead.get(reverse("policy-difference", args=["house", 1, 2])).content.decode()
    assert "<td>0.6</td><td><strong>0.65</strong></td>" in shown
    assert "As measured in 2026." in shown


@pytest.fixture
def measured(assessment):
    """An AUC between the limits of both versions."""
    result = assessment.results.create(
        test="performance.discrimination", family="performance", title="d", status="done"
    )
    result.measures.create(position=0, metric="roc_auc", value=0.62, n=4000, better="higher")
    verdict = {"test": result.test, "family": "performance", "metric": "roc_auc", "title": "ROC AUC", "value": 0.62}
    assessment.verdicts.create(position=0, better="higher", warn=0.7, fail=0.6, verdict="warn", **verdict)
    return finish(assessment)


def test_the_replay_says_which_versions_would_end_otherwise(measured, proposed, as_lead):
    measured.version.approval_status = "approved"
    measured.version.save()
    answer = as_lead.get(at("replay", 2))
    [row] = answer.context["replay"].rows
    assert (row.assessment, row.before, row.after) == (measured, "warn", "fail")
    shown = " ".join(answer.content.decode().split())
    assert "<strong>1</strong> of 1 assessment would have another verdict" in shown


def test_the_auditor_reads_the_limits_of_a_run_and_what_todays_would_say(measured, proposed, as_lead, as_chair):
    auditor = browser("reader", access.AUDITOR)
    page = reverse("assessment-policy", args=[measured.pk])
    shown = auditor.get(page).content.decode()
    assert "in force before the run" in shown
    assert "No single verdict would change." in shown
    as_lead.post(at("sign", 2))
    as_chair.post(at("sign", 2))
    answer = auditor.get(page)
    assert (answer.context["outcome"].before, answer.context["outcome"].after) == ("warn", "fail")
    assert "1 criterion changed" in answer.content.decode().lower()


def test_who_does_not_see_the_model_does_not_see_its_thresholds(measured):
    assert browser("neighbour", access.OWNER).get(reverse("assessment-policy", args=[measured.pk])).status_code == 404


def test_many_versions_take_no_more_questions(proposed, as_lead, django_assert_max_num_queries):
    shipped = PolicyVersion.objects.get(number=1)
    for number in range(3, 9):
        shipped.policy.versions.create(
            number=number, document=shipped.document, sha256="a" * 64, state="rejected", drafted_by=shipped.drafted_by
        )
    as_lead.get(reverse("policies"))
    with django_assert_max_num_queries(32):
        as_lead.get(reverse("policies"))


def test_the_owner_says_what_a_model_is_used_for(as_owner, registered_model):
    page = reverse("model-context", args=[registered_model.slug])
    assert as_owner.post(page, {"use_case": "credit", "legal_contexts": ["ecoa", "eu"]}).status_code == 302
    shown = as_owner.get(reverse("model", args=[registered_model.slug])).content.decode()
    assert "Credit: granting, limits and pricing" in shown
    assert as_owner.post(page, {"use_case": "", "legal_contexts": []}).status_code == 302
    registered_model.refresh_from_db()
    assert (registered_model.use_case, registered_model.legal_contexts) == ("", [])
