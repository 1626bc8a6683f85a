"""Page and API are two doors to the same action: for each of the cast both open, or both stay shut."""

import io
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta

import joblib
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from assessments.actions import assessments as assessing
from assessments.actions import policies as policing
from assessments.models import Policy, PolicyVersion
from assessments.policy.forms import LimitsForm
from modelrisk.walkthrough.identity import check_evidence
from registry import access, actions, waivers
from registry.approvals import actions as approvals
from registry.approvals import reinstating, use
from registry.forms import ColumnsForm
from registry.models import Dataset, MLModel, Waiver
from registry.relations import judge_relation
from tests import cases, gate
from tests.api.contract import ContractClient
from tests.conftest import make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_gates():
    """Who may, not what is missing: the gates of other apps are their own tests' matter."""
    with cases.without_gates():
        yield


CAST = [
    "mrm_lead",
    "owner",
    "developer",
    "validator",
    "approver",
    "security_officer",
    "auditor",
    "outsider",
    "neighbour",
]


@dataclass(frozen=True)
class Door:
    """One action: how to bring the scene to where it matters, its subject, and how both doors are asked."""

    action: Callable
    subject: Callable
    api: Callable
    page: Callable
    before: Callable = lambda scene: None
    signed: bool = False  # in person: over the API in a session, for a token signs nothing


def another_model(scene) -> SimpleUploadedFile:
    written = io.BytesIO()
    joblib.dump({"version": "another"}, written)
    return SimpleUploadedFile("another.joblib", written.getvalue())


def another_table() -> SimpleUploadedFile:
    rows = "".join(f"{n},{n % 2}\n" for n in range(50))
    return SimpleUploadedFile("another.csv", f"age,income\n{rows}".encode())


def version_page(name: str, scene) -> str:
    return reverse(name, args=[scene.model.slug, scene.version.number])


def start_page(client, scene):
    given = {"dataset_version": scene.dataset_version.pk, "plan_name": "quick"}
    return client.post(version_page("version", scene), given)


def start_api(client, scene):
    given = {"version": scene.version.pk, "dataset_version": scene.dataset_version.pk, "plan": "quick"}
    return client.post("/api/v1/assessments/", given)


def columns_page(client, scene):
    form = ColumnsForm(version=scene.dataset_version)
    given = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    given = {name: value for name, value in given.items() if value not in (None, False)}
    return client.post(reverse("dataset-version", args=[scene.dataset_version.dataset.slug, 1]), given)


def put_state(state: str) -> Callable:
    def before(scene) -> None:
        scene.assessment.state = state
        scene.assessment.save(update_fields=["state"])

    return before


def bring(state: str) -> Callable:
    return lambda scene: cases.bring(scene.version, state)


def hold_the_file(scene) -> None:
    gate.scanned(scene.version.artifact, scene.model.owner, "needs_waiver")


def waive_the_file(scene) -> None:
    hold_the_file(scene)
    gate.waived(scene.version.artifact, make_user("another_officer", access.SECURITY_OFFICER))


def waiver_of(scene) -> Waiver:
    return scene.version.artifact.waivers.first()


WAIVER = {
    "reason": "Needed for the pilot.",
    "compensating_control": "Checked by hand.",
    "valid_until": (timezone.localdate() + timedelta(days=30)).isoformat(),
}


def grant_api(client, scene):
    given = WAIVER | {"imports_sha256": scene.version.artifact.scan.imports_sha256}
    return client.post(f"/api/v1/artifacts/{scene.version.artifact_id}/waivers/", given)


def grant_page(client, scene):
    given = WAIVER | {"seen": scene.version.artifact.scan.imports_sha256, "read": "on"}
    return client.post(reverse("artifact", args=[scene.version.artifact.sha256]), given)


def revoke_page(client, scene):
    address = reverse("waiver-revoke", args=[scene.version.artifact.sha256, waiver_of(scene).pk])
    return client.post(address, REVOCATION)


def draft_a_policy(scene) -> PolicyVersion:
    officer = make_user("compliance_officer", access.COMPLIANCE)
    document = deepcopy(PolicyVersion.objects.get().document)
    document["criteria"][0]["fail"] = 0.65
    return policing.draft(Policy.objects.get(), actor=officer, document=document, rationale="Scorecards reach 0.70.")


def propose_a_policy(scene) -> None:
    version = draft_a_policy(scene)
    policing.propose(version, actor=version.drafted_by)


def edit_policy_page(client, scene):
    """As the form holds it."""
    form = LimitsForm(version=PolicyVersion.objects.get(number=2))
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    given = {name: "" if value is None else str(value) for name, value in values.items()}
    return client.post(reverse("policy-edit", args=["house", 2]), given)


def policy_door(action: Callable, step: str, before: Callable, given: dict, page: Callable | None = None) -> Door:
    """One step of a version that another person drafted."""

    def by_api(client, scene):
        ask = client.put if step == "document" else client.post
        return ask(f"/api/v1/policy-versions/{PolicyVersion.objects.get(number=2).pk}/{step}/", given)

    def by_page(client, scene):
        return client.post(reverse(f"policy-{step}", args=["house", 2]), given)

    return Door(
        action=action,
        subject=lambda scene: PolicyVersion.objects.get(number=2),
        before=before,
        api=by_api,
        page=page or by_page,
    )


REVOCATION = {"reason": "It calls home, whatever is asked."}
REASON = {"reason": "Written down for those who must act on it."}
REPORT = {"report": "Fit for its use, with the limits that the findings name."}
SIGNED = {"validate", "fail_validation", "reinstate"}  # in a session: a token signs nothing
CASE_STEPS = [
    ("submit", approvals.submit, "draft", {}),
    ("start_validation", approvals.start_validation, "submitted", {"validator": "validator", "scope": "All of it."}),
    ("return", approvals.send_back, "in_validation", REASON),
    ("validate", approvals.validate, "in_validation", REPORT),
    ("fail_validation", approvals.fail_validation, "in_validation", REPORT),
    ("put_to_decision", approvals.put_to_decision, "validated", {}),
    ("withdraw", approvals.withdraw, "submitted", REASON),
]
USE_STEPS = [
    ("deploy", use.deploy, "approved", {"environment": "production", "sha256": None}),
    ("restrict", use.restrict, "in_use", REASON),
    ("suspend", use.suspend, "in_use", REASON),
    ("reinstate", reinstating.reinstate, "restricted", REASON),
    ("decommission", use.decommission, "in_use", REASON),
    ("retire", use.retire, "decommissioning", REASON | {"archive": "The records room."}),
]


def of_scene(scene, given: dict) -> dict:
    return given | ({"sha256": scene.version.artifact.sha256} if "sha256" in given else {})


def step_api(event: str, **given) -> Callable:
    def knock(client, scene):
        return client.post(f"/api/v1/versions/{scene.version.pk}/{event.replace('_', '-')}/", of_scene(scene, given))

    return knock


def step_page(event: str, **given) -> Callable:
    def knock(client, scene):
        chosen = {"validator": cases.people().validator.pk} if "validator" in given else {}
        address = reverse("version-step", args=[scene.model.slug, scene.version.number, event])
        return client.post(address, of_scene(scene, given) | chosen)

    return knock


def rejection(scene) -> dict:
    return {"outcome": "reject", "comment": "Too few rows to tell.", "seen": cases.seen(scene.version)}


DOORS = {
    "model.register": Door(
        action=actions.register_model,
        subject=lambda scene: MLModel,
        api=lambda client, scene: client.post("/api/v1/models/", {"name": "Another"}),
        page=lambda client, scene: client.post(reverse("register-model"), {"name": "Another", "tier": 2}),
    ),
    "model.edit_context": Door(
        action=actions.edit_context,
        subject=lambda scene: scene.model,
        api=lambda client, scene: client.put(f"/api/v1/models/{scene.model.pk}/context/", {"use_case": "credit"}),
        page=lambda client, scene: client.post(
            reverse("model-context", args=[scene.model.slug]), {"use_case": "credit"}
        ),
    ),
    "policy.draft": Door(
        action=policing.draft,
        subject=lambda scene: Policy.objects.get(),
        api=lambda client, scene: client.post("/api/v1/policy-versions/", {}),
        page=lambda client, scene: client.post(reverse("policy-draft", args=["house"])),
    ),
    "policy.edit": policy_door(
        policing.edit, "document", draft_a_policy, {"rationale": "Another one."}, page=edit_policy_page
    ),
    "policy.propose": policy_door(policing.propose, "propose", draft_a_policy, {"rationale": "Scorecards reach 0.70."}),
    "policy.reject": policy_door(policing.reject, "reject", propose_a_policy, {"reason": "Too strict for pilots."}),
    "policy.withdraw": policy_door(policing.withdraw, "withdraw", propose_a_policy, {"reason": "Not yet, next year."}),
    "dataset.register": Door(
        action=actions.register_dataset,
        subject=lambda scene: Dataset,
        api=lambda client, scene: client.post("/api/v1/datasets/", {"name": "Another"}),
        page=lambda client, scene: client.post(reverse("dataset-register"), {"name": "Another"}),
    ),
    "dataset.upload": Door(
        action=actions.upload_dataset_version,
        subject=lambda scene: scene.dataset_version.dataset,
        api=lambda client, scene: client.post(
            f"/api/v1/datasets/{scene.dataset_version.dataset_id}/versions/",
            {"file": another_table()},
            format="multipart",
        ),
        page=lambda client, scene: client.post(reverse("dataset", args=["census"]), {"file": another_table()}),
    ),
    "dataset.edit_columns": Door(
        action=actions.edit_columns,
        subject=lambda scene: scene.dataset_version,
        api=lambda client, scene: client.put(
            f"/api/v1/dataset-versions/{scene.dataset_version.pk}/columns/",
            {"columns": [{"name": "age", "mutable": "up"}]},
        ),
        page=columns_page,
    ),
    "dataset.judge_relation": Door(
        action=judge_relation,
        subject=lambda scene: scene.dataset_version,
        api=lambda client, scene: client.put(
            f"/api/v1/dataset-versions/{scene.dataset_version.pk}/relations/", {"text": "age >= 0"}
        ),
        page=lambda client, scene: client.post(
            reverse("dataset-relation", args=[scene.dataset_version.dataset.slug, 1]),
            {"text": "age >= 0", "state": "confirmed"},
        ),
    ),
    "version.rescan": Door(
        action=waivers.rescan,
        subject=lambda scene: scene.version,
        api=lambda client, scene: client.post(f"/api/v1/versions/{scene.version.pk}/rescan/"),
        page=lambda client, scene: client.post(version_page("version-rescan", scene)),
    ),
    "evidence.check": Door(
        action=check_evidence,
        subject=lambda scene: scene.version,
        api=lambda client, scene: client.post(f"/api/v1/versions/{scene.version.pk}/check-evidence/"),
        page=lambda client, scene: client.post(version_page("version-check-evidence", scene)),
    ),
    "waiver.grant": Door(
        action=waivers.grant,
        subject=lambda scene: scene.version.artifact,
        before=hold_the_file,
        api=grant_api,
        page=grant_page,
    ),
    "waiver.revoke": Door(
        action=waivers.revoke,
        subject=waiver_of,
        before=waive_the_file,
        api=lambda client, scene: client.post(f"/api/v1/waivers/{waiver_of(scene).pk}/revoke/", REVOCATION),
        page=revoke_page,
    ),
    "assessment.start": Door(
        action=assessing.start, subject=lambda scene: scene.version, api=start_api, page=start_page
    ),
    "assessment.cancel": Door(
        action=assessing.cancel,
        subject=lambda scene: scene.assessment,
        before=put_state("queued"),
        api=lambda client, scene: client.post(f"/api/v1/assessments/{scene.assessment.pk}/cancel/"),
        page=lambda client, scene: client.post(reverse("assessment-cancel", args=[scene.assessment.pk])),
    ),
    "assessment.retry": Door(
        action=assessing.retry,
        subject=lambda scene: scene.assessment,
        before=put_state("failed"),
        api=lambda client, scene: client.post(f"/api/v1/assessments/{scene.assessment.pk}/retry/"),
        page=lambda client, scene: client.post(reverse("assessment-retry", args=[scene.assessment.pk])),
    ),
    **{
        f"approval.{event}": Door(
            action=act,
            subject=lambda scene: scene.version,
            before=bring(state),
            api=step_api(event, **given),
            page=step_page(event, **given),
            signed=event in SIGNED,
        )
        for event, act, state, given in CASE_STEPS
    },
    **{
        f"use.{event}": Door(
            action=act,
            subject=lambda scene: scene.version,
            before=bring(state),
            api=step_api(event, **given),
            page=step_page(event, **given),
            signed=event in SIGNED,
        )
        for event, act, state, given in USE_STEPS
    },
    "approval.vote": Door(
        action=approvals.vote,
        subject=lambda scene: scene.version,
        before=bring("pending_approval"),
        api=lambda client, scene: client.post(f"/api/v1/versions/{scene.version.pk}/vote/", rejection(scene)),
        page=lambda client, scene: client.post(version_page("review", scene), rejection(scene)),
        signed=True,
    ),
}


def in_session(user) -> ContractClient:
    """The API in a session of a person who gave the password a moment ago."""
    client = ContractClient()
    client.default_format = "json"
    client.force_login(user)
    return client


def tried(knock: Callable, client, scene) -> int:
    """The status of the answer; what it changed is undone."""
    point = transaction.savepoint()
    status = knock(client, scene).status_code
    transaction.savepoint_rollback(point)
    return status


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_both_doors_open_or_both_stay_shut(call, scene, cast, door):
    cast["neighbour"] = make_user("neighbour", "owner", "developer")
    cast["mrm_lead"] = cases.people().mrm_lead
    door.before(scene)
    for name in CAST:
        knock_at_both(door, scene, cast[name], call)


def knock_at_both(door: Door, scene, user, call) -> None:
    """As this person; what a door let in is undone."""
    browser = Client()
    browser.force_login(user)
    subject = door.subject(scene)
    if not isinstance(subject, type):
        subject.refresh_from_db()
    with signed_in(user) if door.signed else nullcontext():
        may = door.action.refusal(subject, user) is None
    visible = isinstance(subject, type) or type(subject).objects.visible_to(user).filter(pk=subject.pk).exists()
    api = in_session(user) if door.signed else call(user)
    by_api, by_page = (tried(door.api, api, scene), tried(door.page, browser, scene))
    who = f"{user}: {by_api}, {by_page}"
    assert (by_api in {200, 201, 202}) is (by_page == 302) is (may and visible), who
    if not may and visible:
        assert by_api == 403, who
    if not visible:
        assert by_api in {400, 404}, who


@pytest.mark.parametrize("state", ["submitted", "pending_approval", "in_use"])
def test_what_is_offered_is_what_the_doors_do(scene, cast, state):
    cast["mrm_lead"] = cases.people().mrm_lead
    cases.bring(scene.version, state)
    of_file = f"artifacts/{scene.version.artifact_id}/"
    addresses = (f"versions/{scene.version.pk}/", f"assessments/{scene.assessment.pk}/", of_file, "whoami/")
    for name in CAST[:6]:
        api = in_session(cast[name])
        for offered in (each for at in addresses for each in api.get(f"/api/v1/{at}").json()["available_actions"]):
            if offered["name"] not in DOORS or offered["name"] == "version.upload":
                continue
            status = tried(DOORS[offered["name"]].api, api, scene)
            assert offered["allowed"] is (status < 300), (name, offered)
            assert bool(offered["reason"]) is not offered["allowed"], (name, offered)


@pytest.mark.parametrize("name", ["validator", "approver", "auditor"])
def test_a_stranger_to_the_model_may_not_upload_whatever_the_door(call, scene, cast, name):
    browser = Client()
    browser.force_login(cast[name])
    by_api = call(cast[name]).post(
        f"/api/v1/models/{scene.model.pk}/versions/", {"file": another_model(scene)}, format="multipart"
    )
    by_page = browser.post(reverse("model", args=[scene.model.slug]), {"file": another_model(scene)})
    assert (by_api.status_code, by_page.status_code) == (403, 403)
    assert by_api.json()["message"] == actions.upload_version.refusal(scene.model, cast[name])


@pytest.mark.processes
@pytest.mark.parametrize("name", ["owner", "developer"])
def test_who_builds_the_model_gets_as_far_as_the_sandbox_through_both_doors(call, scene, cast, name):
    browser = Client()
    browser.force_login(cast[name])
    by_api = call(cast[name]).post(
        f"/api/v1/models/{scene.model.pk}/versions/", {"file": another_model(scene)}, format="multipart"
    )
    by_page = browser.post(reverse("model", args=[scene.model.slug]), {"file": another_model(scene)})
    assert (by_api.status_code, by_page.status_code) == (400, 400)
    assert by_api.json()["message"] in by_page.content.decode().replace("&#x27;", "'")
