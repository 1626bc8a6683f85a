"""Each of the thirteen questions has a page and a call, and both answer an auditor on a real decision."""

import csv
import hashlib
import io
import shlex
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from assessments.management.commands.assess import Command
from assessments.models import Finding, PolicyException
from modelrisk.questions import asked, past, reproduction, standing
from registry import audit, changes
from registry.models import AuditEvent, Decision, ModelVersion
from tests.pages.conftest import run_once
from tests.pages.page import read

pytestmark = pytest.mark.django_db


def body(response) -> bytes:
    return b"".join(response) if response.streaming else response.content


def raised(version, owner, validator, days_ago: int, **given) -> Finding:
    due = timezone.localdate() + timedelta(days=given.pop("due_in", 30))
    told = {"title": "Too few women", "description": "Few.", "severity": "medium", "owner": owner, "due": due} | given
    found = Finding.objects.create(version=version, raised_by=validator, **told)
    Finding.objects.filter(pk=found.pk).update(raised_at=timezone.now() - timedelta(days=days_ago))
    return found


def changed(row, actor, days_ago: int, **values) -> AuditEvent:
    """The row changed so many days ago, as an action records it."""
    with changes.recorded() as seen:
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
    event = audit.record(actor=actor, action="finding.close", obj=row, summary="Changed", changes=seen.changes())
    from registry.audit import triggers

    with triggers.suspended():
        AuditEvent.objects.filter(pk=event.pk).update(at=timezone.now() - timedelta(days=days_ago))
    return event


def test_every_question_has_a_page_and_a_call_that_answer(as_auditor, decision):
    answered = asked.asked_of(decision)
    assert [each.question.number for each in answered] == list(range(1, 14))
    for each in answered:
        number = each.question.number
        assert each.answerable, each
        page = as_auditor.get(each.page)
        assert (page.status_code, number) == (200, number)
        assert read(page).forbidden == []
        call = as_auditor.get if each.question.method == "GET" else as_auditor.post
        answer = call(each.call)
        assert (answer.status_code in {200, 202}, number) == (True, number), answer.content
        assert body(answer)


def test_the_list_leads_to_each_answer(as_auditor, decision):
    page = read(as_auditor.get(reverse("audit-questions")))
    by_api = as_auditor.get("/api/v1/audit-questions/").json()
    assert len(by_api) == 13
    for each in by_api:
        assert each["page"] in page.links
        assert f"{each['method']} {each['call']}" in page.text
    assert reverse("audit-questions") in read(as_auditor.get(reverse("audit"))).links


def test_without_a_decision_the_others_are_answered(as_auditor):
    told = as_auditor.get("/api/v1/audit-questions/").json()
    assert [each["number"] for each in told if not each["page"]] == [1, 2, 3, 4, 5, 6, 10]
    assert as_auditor.get(reverse("audit-questions")).status_code == 200


def test_the_questions_are_for_those_who_read_the_trail(sign_in, owner, decision):
    client = sign_in(owner)
    for name in ("audit-questions", "findings-on", "expired-in-use", "without-approval", "population"):
        assert client.get(reverse(name)).status_code == 403
    assert client.get("/api/v1/audit-questions/findings-on/").status_code == 403


def test_findings_stand_as_they_did_on_a_past_day(model_version, owner, validator, auditor):
    """Forty days ago: raised 100 days ago as high, overdue then; lowered 30 days ago; closed 10 days ago."""
    first = raised(model_version, owner, validator, 100, severity="high", due_in=-60)
    changed(first, validator, 30, severity="low", due=timezone.localdate() + timedelta(days=5))
    changed(first, validator, 10, state="verified_closed", ended_at=timezone.now())
    second = raised(model_version, owner, validator, 5)
    today = timezone.now().date()

    def told(days_ago):
        found = past.findings_on(today - timedelta(days=days_ago), auditor).open
        return [(each.finding, each.severity, each.overdue, each.age) for each in found]

    assert told(120) == []
    assert told(40) == [(first, "high", True, 60)]
    assert told(20) == [(first, "low", False, 80)]
    assert told(4) == [(second, "medium", False, 1)]
    table = past.findings_on(today - timedelta(days=40), auditor).table
    assert {row["severity"]: (row["open"], row["overdue"]) for row in table}["high"] == (1, 1)
    assert {row["severity"]: row["by_age"]["31 to 90 days"] for row in table}["high"] == 1


def excepted(version, owner, expires_in: int, **given) -> PolicyException:
    told = {
        "kind": "use_before_validation",
        "subject_key": "use",
        "reason": "Pilot.",
        "compensating_control": "Limits.",
    }
    expiry = timezone.localdate() + timedelta(days=expires_in)
    return PolicyException.objects.create(
        version=version, requested_by=owner, expiry=expiry, **told | {"state": "active"} | given
    )


def test_an_expired_exception_of_a_version_in_use_is_listed(model_version, owner, auditor):
    over = excepted(model_version, owner, -3)
    assert standing.expired_in_use(auditor) == []  # nobody uses it
    ModelVersion.objects.update(use_status="in_use")
    (found,) = standing.expired_in_use(auditor)
    assert (found.kind, found.id, found.ended) == ("exception", over.pk, over.expiry)
    PolicyException.objects.update(state="expired")
    assert [each.id for each in standing.expired_in_use(auditor)] == [over.pk]
    excepted(model_version, owner, 20)  # one that follows it
    assert standing.expired_in_use(auditor) == []


@pytest.mark.parametrize(
    ("use", "approval", "ends_in", "why"),
    [
        ("in_use", "approved_with_conditions", 30, None),
        ("restricted", "approved_with_conditions", None, None),
        ("not_in_use", "draft", None, None),
        ("in_use", "expired", None, "It is expired."),
        ("in_use", "draft", None, "It is in development."),
        ("in_use", "approved", -1, "Its approval ended on"),
    ],
)
def test_a_version_in_use_needs_a_current_approval(decision, auditor, use, approval, ends_in, why):
    ends = None if ends_in is None else timezone.localdate() + timedelta(days=ends_in)
    Decision.objects.update(valid_until=ends)
    ModelVersion.objects.update(use_status=use, approval_status=approval)
    found = standing.without_approval(auditor)
    assert len(found) == (why is not None)
    assert why is None or found[0].reasons[0].startswith(why)


def test_another_file_than_the_approved_one_is_told(decision, owner, auditor):
    version = decision.request.version
    ModelVersion.objects.update(use_status="in_use")
    version.deployments.create(sha256="0" * 64, environment="production", deployed_by=owner)
    assert standing.without_approval(auditor)[0].reasons == [
        "What runs is another file than the one that was approved."
    ]


def test_the_population_has_control_totals(as_auditor, decision):
    answer = as_auditor.get("/api/v1/audit-questions/decisions.csv")
    content = body(answer)
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert [row[0] for row in rows[1:-1]] == [str(decision.pk)]
    assert dict(zip(rows[0], rows[1], strict=True))["dossier_sha256"] == decision.dossier.sha256
    last = content.rstrip().rpartition(b"\r\n")[0] + b"\r\n"
    assert rows[-1][:5] == [
        "control",
        "count=1",
        f"first={decision.pk}",
        f"last={decision.pk}",
        f"sha256={hashlib.sha256(last).hexdigest()}",
    ]
    day = timezone.now().date()
    query = {"since": (day - timedelta(days=9)).isoformat(), "until": (day - timedelta(days=8)).isoformat()}
    before = body(as_auditor.get("/api/v1/audit-questions/decisions.csv", query))
    assert b"count=0" in before
    assert b"".join(as_auditor.get(reverse("population-file"))) == content


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("name", ["on", "until", "since"])
def test_the_first_and_the_last_of_all_days_are_days(as_auditor, day, name):
    pages = [reverse("findings-on" if name == "on" else "population-file"), reverse("population")]
    calls = ["/api/v1/audit-questions/" + ("findings-on/" if name == "on" else "decisions.csv")]
    for address in pages[: 1 + (name != "on")] + calls:
        answer = as_auditor.get(address, {name: day})
        assert (answer.status_code, bool(body(answer))) == (200, True)


def test_a_run_is_told_as_a_command(as_auditor, assessed):
    told = as_auditor.get(f"/api/v1/assessments/{assessed.pk}/reproduce/").json()
    words = shlex.split(told["command"])
    assert words[:3] == ["python", "manage.py", "assess"]
    assert (words[words.index("--seed") + 1], words[words.index("--target") + 1]) == ("7", "decision")
    given = Command().create_parser("manage.py", "assess").parse_args(words[3:])
    sensitive = assessed.dataset_version.columns.filter(role="sensitive").values_list("name", flat=True)
    assert (set(given.sensitive), given.plan, given.only) == (set(sensitive), "quick", None)
    digests = {each["part"]: each["sha256"] for each in told["inputs"]}
    assert digests == {
        "model": assessed.version.artifact.sha256,
        "data": assessed.dataset_version.artifact.sha256,
    }
    assert {word for word in words if word in {each["name"] for each in told["inputs"]}} == set(words[3:5])
    assert all(as_auditor.get(each["url"]).status_code == 200 for each in told["inputs"])


def test_the_button_runs_it_again_and_the_digest_is_compared(sign_in, validator, auditor, assessed):
    address = reverse("reproduce", args=[assessed.pk])
    assert sign_in(auditor).post(address).status_code == 403
    assert sign_in(validator).post(address).status_code == 302
    (again,) = reproduction.repeated(assessed)
    assert (again.same, again.differs) == (False, [])  # it waits for a worker
    run_once(again.assessment)
    (again,) = reproduction.repeated(assessed)
    assert again.same, again.differs
    assert again.assessment.results_sha256 == assessed.results_sha256
    assert "the same digest" in read(sign_in(auditor).get(address)).text
    again.assessment.results.first().measures.update(value=0.123)
    assert reproduction.repeated(assessed)[0].differs == ["tests"]
