"""The pages of one decision and their twins over REST: evidence, identity, what failed, independence, since then."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from assessments.models import Assessment, PolicyVersion
from modelrisk.walkthrough import conflicts, evidence, identity, scope, since, thresholds
from registry import access, actions
from registry.models import ApprovalRequest, AuditEvent, Condition, Dossier, MLModel, ModelVersion, ServiceAccount, Vote
from tests.conftest import make_user
from tests.pages.page import read

pytestmark = pytest.mark.django_db
STEPS = ["authority", "evidence", "thresholds", "failed", "independence", "since", "pack"]


def said(response) -> str:
    assert response.status_code == 200
    return read(response).text


def states(found: identity.Checked) -> dict[str, str]:
    return {item.label: item.state for item in found.items}


def test_untouched_evidence_is_identical(decision, auditor):
    found = identity.check_evidence(decision.request.version, actor=auditor, decision=decision)
    assert {item.kind for item in found.items} == {"model", "data", "results", "evidence", "dossier"}
    assert found.identical, found.sentence
    event = AuditEvent.objects.get(action="evidence.check")
    assert event.detail["identical"] is True
    assert (event.actor, event.detail["decision"], event.changes) == (auditor, decision.pk, [])


def test_an_altered_and_a_missing_file_are_told(decision, auditor, settings):
    version = decision.request.version
    data = version.assessments.get().dataset_version.artifact
    kept = {artifact: Path(default_storage.path(artifact.key)) for artifact in (version.artifact, data)}
    before = {path: path.read_bytes() for path in kept.values()}
    try:
        kept[version.artifact].chmod(0o640)
        kept[version.artifact].write_bytes(before[kept[version.artifact]][:-1] + b"\x00")
        kept[data].unlink()
        found = identity.check_evidence(version, actor=auditor, decision=decision)
    finally:
        for path, content in before.items():
            path.write_bytes(content)
    told = states(found)
    assert told[f"File of {version}"] == "mismatch"
    assert told[f"File of {version.assessments.get().dataset_version}"] == "missing"
    assert not found.identical
    assert "2 of" in found.sentence


def test_an_altered_result_and_dossier_are_told(decision, auditor):
    version = decision.request.version
    version.assessments.get().verdicts.update(verdict="pass")
    Dossier.objects.update(document={"schema": "other"})
    told = states(identity.check_evidence(version, actor=auditor, decision=decision))
    assert told["Results of Assessment " + str(version.assessments.get().pk)] == "mismatch"
    assert told[str(decision.dossier)] == "mismatch"
    assert told[f"File of {version}"] == "match"


def test_who_may_not_see_the_version_may_not_check_it(decision, outsider):
    assert identity.check_evidence.refusal(decision.request.version, outsider)


def test_the_button_checks_and_the_page_shows_it(as_auditor, decision):
    url = reverse("decision-evidence", args=[decision.pk])
    assert "It was not checked yet." in said(as_auditor.get(url))
    assert as_auditor.post(reverse("decision-check-evidence", args=[decision.pk])).url == url
    words = said(as_auditor.get(url))
    assert "are byte-identical." in words
    assert "mismatch" not in words
    by_api = as_auditor.post(f"/api/v1/decisions/{decision.pk}/check-evidence/").json()
    assert by_api["identical"] is True
    assert {item["state"] for item in by_api["items"]} == {"match"}


def test_the_runs_are_told_with_what_they_ran_on(as_auditor, decision, assessed):
    (run,) = as_auditor.get(f"/api/v1/decisions/{decision.pk}/evidence/").json()["runs"]
    assert run["results_sha256"] == assessed.results_sha256
    assert (run["model_sha256"], run["seed"]) == (assessed.version.artifact.sha256, 7)
    assert run["data_sha256"] == assessed.dataset_version.artifact.sha256
    assert len(run["code_sha256"]) == 64
    assert run["bound"] is True
    assert run["started_at"] <= run["finished_at"]


def test_the_thresholds_were_in_force_before_the_run(as_auditor, decision, assessed):
    (run,) = as_auditor.get(f"/api/v1/decisions/{decision.pk}/thresholds/").json()["runs"]
    assert run["in_force_before_start"] is True
    assert run["policy"]["sha256"] == assessed.policy["sha256"]
    assert run["verdicts_then"] == run["verdicts_today"]
    assert (run["differences"], run["changed_verdicts"]) == ([], [])


def test_other_limits_today_are_told_with_what_they_would_say(decision, assessed, owner):
    """Every limit gone but one, which is another."""
    was = assessed.policy_version
    kept = assessed.verdicts.exclude(value=None).first()
    criterion = next(
        each for each in was.document["criteria"] if (each["test"], each["metric"]) == (kept.test, kept.metric)
    )
    document = {**was.document, "criteria": [{**criterion, "warn": 0.9999, "fail": 0.9998}]}
    now = timezone.now()
    PolicyVersion.objects.filter(pk=was.pk).update(effective_to=now)
    was.policy.versions.create(
        number=was.number + 1, document=document, sha256="0" * 64, state="approved", drafted_by=owner,
        approved_at=now, effective_from=now,
    )  # fmt: skip
    (run,) = evidence.runs_of(decision.request)
    found = thresholds.of_run(run)
    assert found.before
    assert found.today.number == was.number + 1
    judged = assessed.verdicts.filter(test=kept.test, metric=kept.metric).count()
    assert sum(found.counts_today.values()) == judged < sum(found.counts_then.values())
    gone = [change for change in found.changes if change.today == "not judged"]
    assert len(gone) == assessed.verdicts.count() - judged
    assert len(found.differences) == len(was.document["criteria"])


def test_what_did_not_pass_is_told(as_auditor, decision, assessed):
    told = as_auditor.get(f"/api/v1/decisions/{decision.pk}/failed/").json()
    words = {"fail", "error", "inconclusive", "warn"}
    expected = assessed.verdicts.filter(verdict__in=words).count()
    assert len(told["not_passed"]) == expected > 0
    assert {each["verdict"] for each in told["not_passed"]} <= words
    assert len(told["not_run"]) == assessed.results.exclude(status="done").count()
    assert [(each["kind"], each["label"]) for each in told["accepted"]] == [
        ("condition", "C-1: Report drift each month.")
    ]


def test_who_decided_is_told_with_the_authority_of_that_day(as_auditor, decision, approver):
    told = as_auditor.get(f"/api/v1/decisions/{decision.pk}/authority/").json()
    (vote,) = told["votes"]
    assert (told["decided_by"], vote["person"], vote["role"]) == ("approver", "approver", "approver")
    assert vote["dossier_sha256"] == decision.dossier.sha256
    assert vote["in_force"] is True
    assert vote["granted_at"] <= vote["cast_at"]
    grant = approver.role_grants.get()
    assert vote["grant"] == grant.pk
    type(grant).objects.update(granted_at=timezone.now())  # later than the vote
    (vote,) = as_auditor.get(f"/api/v1/decisions/{decision.pk}/authority/").json()["votes"]
    assert vote["in_force"] is False


def test_a_later_vote_for_its_use_again_is_none_of_the_decision(as_auditor, decision):
    """Such votes are kept with the same case, under a dossier of their own."""
    later = make_user("later", access.APPROVER)
    again = Dossier.objects.create(
        request=decision.request, revision=2, document={"purpose": "reinstatement"}, sha256="0" * 64, frozen_by=later
    )
    Vote.objects.create(dossier=again, voter=later, role="approver", outcome="approve", comment="Retested.")
    told = as_auditor.get(f"/api/v1/decisions/{decision.pk}/authority/").json()
    assert [vote["person"] for vote in told["votes"]] == ["approver"]
    assert conflicts.of_case(decision.request).by_part["approver"] == ["approver"]
    rows = b"".join(as_auditor.get("/audit/decisions.csv")).decode()
    assert ("approver (approver): approve_with_conditions" in rows, "later" in rows) == (True, False)


def test_who_answers_for_an_uploading_program_has_its_part(decision, approver):
    program = make_user("program")
    ServiceAccount.objects.create(account=program, owner=approver, purpose="Uploads.")
    ModelVersion.objects.update(created_by=program)
    assert conflicts.of_case(decision.request).conflicts == ["approver is uploader and approver."]


def test_different_people_have_no_conflict(as_auditor, decision):
    told = as_auditor.get(f"/api/v1/decisions/{decision.pk}/independence/").json()
    assert told["independent"] is True
    assert told["by_part"]["owner"] == ["owner"]
    assert (told["by_part"]["validator"], told["by_part"]["approver"]) == (["validator"], ["approver"])
    assert "developer" in told["by_part"]["developer"]


def test_one_person_on_both_sides_is_a_conflict(decision):
    request = ApprovalRequest.objects.get(pk=decision.request_id)
    request.version.model.developers.add(request.validator)
    found = conflicts.of_case(request)
    assert found.conflicts == ["validator is developer and validator."]
    assert found.sentence == "validator is developer and validator."


def test_another_models_rows_are_not_of_this_case(decision, owner):
    """The same file, assessed on the same data, for another model."""
    version, run = decision.request.version, Assessment.objects.get()
    other = MLModel.objects.create(name="Other", slug="other", owner=owner)
    facts = {"artifact": version.artifact, "format": version.format, "original_name": "other.joblib"}
    twin = other.versions.create(number=1, created_by=owner, estimator=version.estimator, **facts)
    copied = {field.name: getattr(run, field.name) for field in Assessment._meta.fields if not field.primary_key}
    Assessment.objects.create(**copied | {"version": twin})
    rows = scope.rows_of(version)
    assert rows[Assessment] == {run.pk}
    assert (rows[ModelVersion], rows[MLModel]) == ({version.pk}, {version.model_id})
    assert rows[Condition] == {Condition.objects.get().pk}
    assert len(rows[Vote]) == len(rows[Dossier]) == 1


def test_nothing_happened_since(decision):
    found = since.since(decision)
    assert found.events == []
    due = Condition.objects.get().due
    assert found.sentence == (
        f"No change to artefact, data, documentation, policy or roles; condition C-1 open, due {due:%Y-%m-%d}."
    )


def test_what_happened_since_is_in_order_and_summed_up(decision, owner, validator):
    version = decision.request.version
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    data = version.assessments.get().dataset_version
    column = data.columns.filter(role="feature", mutable="free").first()
    edited = [{"name": column.name, "mutable": "up"}]
    actions.edit_columns(data, actor=owner, columns=edited, favourable=data.favourable)
    other = actions.register_model(type(version.model), actor=make_user("other", "owner"), name="Other model")
    found = since.since(decision)
    (event,) = AuditEvent.objects.exclude(pk__in=before).filter(action="dataset.edit_columns")
    assert [each.event for each in found.events] == [event]
    assert found.events[0].areas == ["data"]
    assert found.sentence.startswith("No change to artefact, documentation, policy or roles; data changed once; ")
    assert str(other) not in found.sentence


@pytest.mark.parametrize("step", STEPS)
def test_each_step_leads_to_the_others(as_auditor, decision, step):
    links = read(as_auditor.get(reverse(f"decision-{step}", args=[decision.pk]))).links
    assert {reverse(f"decision-{other}", args=[decision.pk]) for other in STEPS} <= set(links)


@pytest.mark.parametrize("step", STEPS)
def test_nothing_inline(as_auditor, decision, step):
    page = read(as_auditor.get(reverse(f"decision-{step}", args=[decision.pk])))
    assert page.forbidden == []


@pytest.mark.parametrize("step", STEPS)
def test_a_decision_is_as_hidden_as_its_version(sign_in, outsider, decision, step):
    neighbour = make_user("neighbour", "owner")
    for user in (outsider, neighbour):
        assert sign_in(user).get(reverse(f"decision-{step}", args=[decision.pk])).status_code in {403, 404}
        assert sign_in(user).get(f"/api/v1/decisions/{decision.pk}/independence/").status_code == 404
