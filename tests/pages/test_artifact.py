"""The gate on the pages: what a file would do, who answers for it, and where it is held."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from modelrisk.pages import waiting
from registry.models import AuditEvent, ModelVersion, Scan, Waiver
from tests import gate, small
from tests.pages.page import read

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def artifact(held_version):
    return held_version.artifact


@pytest.fixture
def as_officer(sign_in, security_officer):
    return sign_in(security_officer)


def url_of(artifact) -> str:
    return reverse("artifact", args=[artifact.sha256])


def given(artifact, **changes) -> dict:
    return {
        "seen": artifact.scan.imports_sha256,
        "reason": "Needed for the pilot.",
        "compensating_control": "Checked by hand.",
        "valid_until": (timezone.localdate() + timedelta(days=30)).isoformat(),
        "read": "on",
        **changes,
    }


def test_the_page_says_what_the_file_would_do(as_officer, artifact):
    text = read(as_officer.get(url_of(artifact))).text
    assert "needs a waiver" in text
    assert "functools.partial is made with other arguments than a saved model has." in text
    assert "call_not_allowed" in text
    assert "AML.T0011.000 User Execution: Unsafe AI Artifacts" in text
    assert "version 5.6.0" in text
    assert "clip numpy kept as a value, which the model may call when it is used" in text
    assert "objects of it are made, without running its constructor; its objects are given their saved state" in text
    assert artifact.sha256 in text
    assert artifact.scan.allow_list in text


def test_before_it_is_granted_a_waiver_says_what_it_will_record(as_officer, artifact):
    page = read(as_officer.get(url_of(artifact)))
    imports = artifact.scan.document["imports"]
    assert "You record, by security_officer:" in page.text
    assert f"with exactly {len(imports)} imports , digest {artifact.scan.imports_sha256}" in page.text
    assert "functools:partial" in page.text
    assert page.fields["seen"]["value"] == artifact.scan.imports_sha256


def test_a_waiver_is_granted_and_the_version_can_be_assessed(as_officer, as_developer, held_version, dataset_version):
    artifact = held_version.artifact
    version_url = reverse("version", args=["credit-score", held_version.number])
    assert "needs a waiver" in read(as_developer.get(version_url)).text
    assert "dataset_version" not in read(as_developer.get(version_url)).fields
    answer = as_officer.post(url_of(artifact), given(artifact), follow=True)
    assert answer.redirect_chain == [(url_of(artifact), 302)]
    told = read(answer).text
    assert f"Recorded: a waiver for {artifact.sha256}" in told
    assert "in force" in told
    page = read(as_developer.get(version_url))
    assert "waived by security_officer until" in page.text
    assert "dataset_version" in page.fields


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"read": ""}, "This field is required."),
        ({"reason": "Short."}, "A waiver needs a reason. Write at least 10 characters"),
        ({"compensating_control": "None."}, "A waiver needs a compensating control."),
        ({"valid_until": "2020-01-01"}, "The waiver would have ended already. Give a day to come."),
    ],
    ids=["not read", "reason", "control", "past"],
)
def test_what_cannot_be_granted_comes_back_as_typed(as_officer, artifact, changes, said):
    answer = as_officer.post(url_of(artifact), given(artifact, **changes))
    page = read(answer)
    assert (answer.status_code, said in page.text) == (400, True), page.text
    assert page.fields["valid_until"]["value"] == given(artifact, **changes)["valid_until"]
    assert not Waiver.objects.exists()


def test_a_scan_that_changed_while_it_was_read_is_a_conflict(as_officer, artifact, owner):
    seen = given(artifact)
    gate.scanned(artifact, owner, "needs_waiver", imports={"evil:twin": ["call", "import"]})
    answer = as_officer.post(url_of(artifact), seen)
    assert (answer.status_code, "lists other imports than those you read" in read(answer).text) == (409, True)


def test_a_waiver_is_revoked_with_a_reason(as_officer, artifact, security_officer):
    waiver = gate.waived(artifact, security_officer)
    address = reverse("waiver-revoke", args=[artifact.sha256, waiver.pk])
    assert as_officer.post(address, {"reason": "No."}).status_code == 400
    answer = as_officer.post(address, {"reason": "The function calls home."}, follow=True)
    assert answer.redirect_chain == [(url_of(artifact), 302)]
    text = read(answer).text
    assert "Revoked: The function calls home." in text
    assert "needs a waiver" in text
    assert ModelVersion.objects.with_gate().get().gate_now == "needs_waiver"


@pytest.mark.parametrize("verdict", ["allowed", "refused"])
def test_a_waiver_that_a_newer_scan_makes_idle_can_still_be_revoked(as_officer, artifact, security_officer, verdict):
    waiver = gate.waived(artifact, security_officer)
    gate.scanned(artifact, security_officer, verdict)
    body = as_officer.get(url_of(artifact)).content.decode()
    assert reverse("waiver-revoke", args=[artifact.sha256, waiver.pk]) in body
    assert "compensating_control" not in body


@pytest.mark.parametrize("name", ["owner", "developer", "validator", "approver", "auditor"])
def test_who_may_not_grant_sees_why_and_no_form(sign_in, cast, artifact, name):
    page = read(sign_in(cast[name]).get(url_of(artifact)))
    assert "compensating_control" not in page.fields
    assert "Granting a waiver takes the role security officer." in page.text


def test_the_file_is_scanned_again_from_its_page(as_officer, held_version):
    answer = as_officer.post(reverse("version-rescan", args=["credit-score", held_version.number]), follow=True)
    assert answer.redirect_chain == [(url_of(held_version.artifact), 302)]
    assert Scan.objects.count() == 2


def test_a_refused_upload_lists_every_reason_with_what_to_do(as_developer, registered_model, refused_model):
    answer = as_developer.post(reverse("model", args=["credit-score"]), {"file": small.upload(refused_model)})
    page = read(answer)
    assert answer.status_code == 400
    assert "The file is refused. Nothing of it is kept" in page.text
    assert "posix.system runs commands or Python code." in page.text
    assert "known_bad · AML.T0011.000" in page.text
    assert "Refused: evil.joblib is refused" in page.text  # in the model's history
    assert not ModelVersion.objects.exists()


def test_an_upload_that_needs_a_waiver_says_that_it_waits(as_developer, registered_model, held_model):
    answer = as_developer.post(reverse("model", args=["credit-score"]), {"file": small.upload(held_model)}, follow=True)
    text = read(answer).text
    assert "Credit score v1 is stored and not loaded." in text
    assert "The gate holds this file" in text
    assert "Unknown: nothing loads this file until the gate lets it in." in text


def test_the_upload_page_recommends_formats_without_code(as_developer, registered_model):
    page = read(as_developer.get(reverse("model", args=["credit-score"])))
    assert "Recommended for scikit-learn." in page.text
    assert "waits until a security officer answers for it" in page.text
    assert ".joblib" in page.fields["file"]["accept"]


def test_the_officers_inbox_has_each_held_file_once(held_version, model_version, security_officer, owner):
    twin = type(held_version.model).objects.create(name="Twin", slug="twin", owner=owner)
    twin.versions.create(number=1, artifact=held_version.artifact, format="joblib", created_by=owner)
    [found] = waiting.for_user(security_officer)
    assert (found.what, found.url, found.gate) == ("Decide on a waiver", url_of(held_version.artifact), "needs_waiver")


def test_the_builders_inbox_says_that_the_gate_holds_it(held_version, developer):
    [found] = waiting.for_user(developer)
    assert (found.what, found.note) == ("Held by the gate", "needs a waiver")


def test_the_builders_inbox_has_an_approved_version_whose_waiver_ended(held_version, developer, security_officer):
    waiver = gate.waived(held_version.artifact, security_officer)
    ModelVersion.objects.update(approval_status="approved")
    assert waiting.for_user(developer) == []
    Waiver.objects.filter(pk=waiver.pk).update(expires_at=timezone.now())
    [found] = waiting.for_user(developer)
    assert (found.what, found.note) == ("Held by the gate", "needs a waiver")


def test_the_review_shows_the_gate_and_is_blocked_by_it(sign_in, approver, held_version, security_officer):
    url = reverse("review", args=["credit-score", held_version.number])
    assert "The file of Credit score v1 needs a waiver." in read(sign_in(approver).get(url)).text
    gate.waived(held_version.artifact, security_officer)
    text = read(sign_in(approver).get(url)).text
    assert "waived by security_officer until" in text
    assert "needs a waiver." not in text


def test_a_page_of_data_says_that_it_is_no_program(as_owner, dataset_version):
    text = read(as_owner.get(url_of(dataset_version.artifact))).text
    assert "Data is no program" in text
    assert "Applicants v1" in text


def test_the_history_of_a_version_has_what_happened_to_its_file(as_officer, held_version, security_officer):
    as_officer.post(url_of(held_version.artifact), given(held_version.artifact))
    text = read(as_officer.get(reverse("history", args=["version", held_version.pk]))).text
    assert "Granted a waiver for" in text
    assert "Scanned" in text
    assert AuditEvent.objects.get(action="waiver.grant").actor == security_officer


def test_what_a_scan_says_is_escaped(as_officer, artifact):
    scan = artifact.scan
    document = scan.document
    document["imports"][0] |= {"name": f"m:{HOSTILE}", "note": HOSTILE, "uses": [HOSTILE]}
    document["reasons"][0] |= {"message": HOSTILE, "hint": HOSTILE, "atlas": [HOSTILE]}
    document["libraries"] = {HOSTILE: HOSTILE}
    document["container"] = HOSTILE
    scan.document, scan.allow_list = document, HOSTILE
    scan.save()
    body = as_officer.get(url_of(artifact)).content
    assert body.count(b"&lt;script&gt;alert(1)") > 6
    assert b"<script>alert" not in body
