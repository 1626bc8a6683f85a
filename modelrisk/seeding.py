"""A registry of any size, drawn from a seed: for trying how lists behave when they are long.

Rows are written in bulk and past the actions: nothing here was done by anybody, and the audit events are made up. Never
beside real models. The same numbers and the same seed give the same rows, but for the times, which end today.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection, models, transaction
from django.utils import timezone

from assessments.battery.spec import FAMILIES
from assessments.models import Assessment, Finding, PolicyException, PolicyVersion, TestResult, Verdict
from registry import access
from registry.models import (
    ApprovalRequest,
    Artifact,
    AuditEvent,
    AuditMention,
    Condition,
    Dataset,
    DatasetVersion,
    Decision,
    MLModel,
    ModelVersion,
    Notification,
    RevalidationTrigger,
    RoleGrant,
    Scan,
    TierRating,
)
from registry.tiers import matrix

BLOCK = 5_000
OWNERS, DEVELOPERS = 60, 90
VERSIONS = 3  # of a model
TEMPLATES = 500  # assessments whose results are drawn; the others' are copies of theirs
DRAWN_EVENTS = 20_000  # the others are copies
DAYS = 3 * 365
DRAFTS = 80  # of the newest versions for one in each stage of a case
HELD, PROPOSED = 400, 200  # the gate holds every so manieth file; so many models have a rating that waits
NOTIFICATIONS = 200  # of a person
AREAS = ("Consumer lending", "Mortgages", "Cards", "Fraud", "Collections", "Pricing", "Treasury", "Human resources")
ACTS = ("version.upload", "dataset.edit_columns", "assessment.start", "approval.submit", "finding.raise", "tier.rate")
ROLES = (access.VALIDATOR, access.MRM_LEAD, access.APPROVER, access.COMMITTEE_CHAIR, access.COMPLIANCE,
         access.SECURITY_OFFICER, access.AUDITOR, access.ADMIN)  # fmt: skip
TIMES = (MLModel, ModelVersion, Artifact, Scan, Dataset, DatasetVersion, Assessment, Finding, ApprovalRequest, Decision,
         AuditEvent, TestResult)  # fmt: skip


class Seed:
    """Draws and writes it all. `say` hears how far it is."""

    def __init__(self, *, models: int, assessments: int, events: int, seed: int = 1, say: Callable = print) -> None:
        self.wanted = {"models": models, "assessments": assessments, "events": events}
        self.draw, self.say = random.Random(seed), say  # noqa: S311 - made-up rows
        self.now = timezone.now()
        self.people: dict[str, list] = {}

    def write(self) -> None:
        with given_times(*TIMES):
            for part in (self.make_people, self.make_models, self.make_data, self.make_assessments, self.make_cases):
                with transaction.atomic():
                    part()
                self.say(part.__name__.replace("_", " "))
            self.make_events()
            self.say("make events")
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")

    def make_people(self) -> None:
        kinds = {"owner": OWNERS, "developer": DEVELOPERS} | dict.fromkeys(ROLES, 2)
        users = get_user_model()
        made = [
            users(username=f"seeded_{kind}_{n}", password=UNUSABLE_PASSWORD_PREFIX)
            for kind, count in kinds.items()
            for n in range(count)
        ]
        everyone = users.objects.bulk_create(made)
        for user in everyone:
            self.people.setdefault(user.username.removeprefix("seeded_").rpartition("_")[0], []).append(user)
        long_ago = self.now - timedelta(days=DAYS)
        by = self.people[access.MRM_LEAD][0]
        keep(
            RoleGrant(user=user, role=kind, state="in_force", requested_by=by, requested_at=long_ago, granted_by=by,
                      granted_at=long_ago, reason="Seeded.")
            for kind, users in self.people.items() for user in users
        )  # fmt: skip

    def make_models(self) -> None:
        owners, developers = self.people["owner"], self.people["developer"]
        count = self.wanted["models"]
        self.models = keep(
            MLModel(name=f"Seeded model {n:06}", slug=f"seeded-model-{n:06}", domain=self.draw.choice(AREAS),
                    purpose="Made up.", tier=1 + n % 3, owner=owners[n % OWNERS], created_at=self.day(n, count))
            for n in range(count)
        )  # fmt: skip
        links = MLModel.developers.through
        keep(
            links(mlmodel_id=model.pk, user_id=developers[(n + k * 7) % DEVELOPERS].pk)
            for n, model in enumerate(self.models)
            for k in range(2)
        )
        artifacts = self.files("model", count * VERSIONS)
        self.versions = keep(
            ModelVersion(model=model, number=1 + k, artifact=artifacts[n * VERSIONS + k], format="joblib",
                         original_name="model.joblib", estimator={"class": "RandomForestClassifier", "task": "binary"},
                         created_by=developers[n % DEVELOPERS], created_at=model.created_at + timedelta(days=k),
                         **self.standing(n, k))
            for n, model in enumerate(self.models) for k in range(VERSIONS)
        )  # fmt: skip
        document = {"imports": [], "reasons": [], "libraries": {}, "schema": "modelrisk.scan/1"}
        keep(
            Scan(artifact=version.artifact, version=version, format="joblib", imports_sha256="0" * 64,
                 verdict="needs_waiver" if n % HELD == 0 else "allowed", document=document,
                 scanned_by=version.created_by, scanned_at=version.created_at)
            for n, version in enumerate(self.versions)
        )  # fmt: skip

    def standing(self, n: int, k: int) -> dict[str, str]:
        """How the k-th version of the n-th model stands: the second is mostly in use, the last in some stage."""
        if k == 0:
            return {"approval_status": "superseded", "use_status": "retired"}
        if k == 1:
            return {"approval_status": "approved", "use_status": "in_use"} if n % 9 else {"approval_status": "rejected"}
        stages = ["draft"] * DRAFTS + ["submitted", "in_validation", "returned", "validated", "pending_approval"]
        return {"approval_status": stages[n % len(stages)]}

    def files(self, kind: str, count: int) -> list[Artifact]:
        return keep(
            Artifact(
                sha256=hashlib.sha256(f"seeded {kind} {n}".encode()).hexdigest(), size=1000 + n, created_at=self.now
            )
            for n in range(count)
        )

    def make_data(self) -> None:
        count, owners = max(self.wanted["models"] // 10, 1), self.people["owner"]
        datasets = keep(
            Dataset(
                name=f"Seeded data {n:06}", slug=f"seeded-data-{n:06}", owner=owners[n % OWNERS], created_at=self.now
            )
            for n in range(count)
        )
        artifacts = self.files("data", 2 * count)
        self.data = keep(
            DatasetVersion(dataset=one, number=1 + k, artifact=artifacts[2 * n + k], format="csv", rows=10_000,
                           original_name="data.csv", created_by=one.owner, created_at=self.now)
            for n, one in enumerate(datasets) for k in range(2)
        )  # fmt: skip

    def make_assessments(self) -> None:
        count = self.wanted["assessments"]
        tests = [f"{family}.test" for family in FAMILIES]
        policy = PolicyVersion.objects.order_by("pk").first()
        same: dict[str, Any] = {
            "plan": {"tests": [{"id": test, "params": {}} for test in tests], "seed": 1},
            "policy": {"name": "Seeded", "version": 1, "criteria": []},
            "catalogue": [],
            "policy_version": policy,
        }
        states = ["done"] * 96 + ["failed", "cancelled", "failed", "cancelled"]
        open_ones = set(range(count - min(5, count), count))
        made = keep(
            Assessment(version=(version := self.versions[n % len(self.versions)]), seed=n, plan_name="standard",
                       dataset_version=self.data[n % len(self.data)], requested_by=version.created_by,
                       state="queued" if n in open_ones else states[n % 100], created_at=self.day(n, count),
                       finished_at=None if n in open_ones else self.day(n, count) + timedelta(minutes=9), **same)
            for n in range(count)
        )  # fmt: skip
        self.assessments = [one.pk for one in made]
        drawn = made[:TEMPLATES]
        keep(
            TestResult(assessment=one, test=test, family=test.partition(".")[0], title=test, status="done",
                       recorded_at=self.now)
            for one in drawn for test in tests
        )  # fmt: skip
        words = ["pass"] * 90 + ["warn"] * 6 + ["inconclusive"] * 2 + ["fail"] * 2
        keep(
            Verdict(assessment=one, position=n, test=test, family=test.partition(".")[0], metric="seeded",
                    title="Seeded", better="higher", value=self.draw.random(), verdict=self.draw.choice(words))
            for one in drawn for n, test in enumerate(tests)
        )  # fmt: skip
        for kind in (TestResult, Verdict):
            copy_to_the_rest(kind, drawn, len(made))

    def make_cases(self) -> None:
        decided = [one for one in self.versions if one.number < VERSIONS]
        asked = [one for one in self.versions if one.number == VERSIONS and one.approval_status != "draft"]
        approvers, validators = self.people[access.APPROVER], self.people[access.VALIDATOR]
        requests = keep(
            ApprovalRequest(version=one, requested_by=one.created_by, requested_at=one.created_at, tier=one.model.tier,
                            validator=None if one.approval_status == "submitted" else validators[n % 2],
                            closed_at=one.created_at + timedelta(days=9) if one.number < VERSIONS else None)
            for n, one in enumerate([*decided, *asked])
        )  # fmt: skip
        self.decisions = keep(
            Decision(request=one, outcome="reject" if one.version.approval_status == "rejected" else "approve",
                     note="Made up.", decided_by=approvers[n % 2], decided_at=one.closed_at,
                     valid_until=(self.now + timedelta(days=10 + n % 700)).date())
            for n, one in enumerate(requests) if one.closed_at
        )  # fmt: skip
        self.make_findings()
        self.make_upkeep()
        self.make_notifications()
        known = {"matrix_version": 1, "matrix_sha256": matrix.sha256(), "materiality": 2, "inherent": 2}
        lead = self.people[access.MRM_LEAD][0]
        keep(
            TierRating(model=model, answers={}, computed_tier=model.tier, rated_by=model.owner,
                       rated_at=model.created_at, **known, **({"state": "proposed"} if n % PROPOSED == 0 else
                                   {"state": "confirmed", "settled_by": lead, "settled_at": model.created_at}))
            for n, model in enumerate(self.models)
        )  # fmt: skip

    def make_findings(self) -> None:
        severities, validators = list(Finding.Severity.values), self.people[access.VALIDATOR]
        states = ["verified_closed"] * 17 + ["issued", "open", "remediation_submitted"]
        findings = keep(
            Finding(version=one, title=f"Seeded finding {n}", description="Made up.", severity=severities[n % 5],
                    state=states[n % 20], owner=one.model.owner, raised_by=validators[n % 2], raised_at=one.created_at,
                    ended_at=self.now if n % 20 < 17 else None,
                    due=(self.now + timedelta(days=n % 300 - 30)).date())
            for n, one in enumerate(self.versions[::2])
        )  # fmt: skip
        exceptions = ["requested", "active", "expired", "closed"]
        keep(
            PolicyException(version=one.version, kind="risk_acceptance", finding=one, subject_key=f"finding:{one.pk}",
                            reason="Made up.", compensating_control="Made up.", requested_by=one.owner,
                            expiry=(self.now + timedelta(days=n % 90 - 10)).date(), state=exceptions[n % 4])
            for n, one in enumerate(findings[::15])
        )  # fmt: skip

    def make_upkeep(self) -> None:
        """What keeps approvals true, and roles that were asked for."""
        states, lead = ["satisfied"] * 4 + ["open", "evidence_submitted"], self.people[access.MRM_LEAD][0]
        keep(
            Condition(decision=one, number=1, text="Made up.", owner=one.request.version.model.owner,
                      due=(self.now + timedelta(days=n % 300 - 30)).date(), state=states[n % len(states)])
            for n, one in enumerate(self.decisions[::5])
        )  # fmt: skip
        used = [one for one in self.versions if one.use_status == "in_use"]
        keep(
            RevalidationTrigger(version=one, kind="incident", reason="Made up.", raised_by=lead, raised_at=self.now)
            for one in used[::15]
        )
        keep(
            RoleGrant(user=user, role=access.OWNER, requested_by=user, requested_at=self.now, reason="Seeded.")
            for user in self.people["developer"][::3]
        )

    def make_notifications(self) -> None:
        keep(
            Notification(recipient=user, key=f"case.decided:seeded-{n}", subject=f"Seeded event {n}", url="/models/",
                         made_at=self.day(n, NOTIFICATIONS), read_at=self.now if n < NOTIFICATIONS - 50 else None)
            for users in self.people.values() for user in users for n in range(NOTIFICATIONS)
        )  # fmt: skip

    def make_events(self) -> None:
        """The first ones drawn, the others copies of them, later ones later."""
        count = self.wanted["events"]
        drawn, people = min(DRAWN_EVENTS, count), [user for users in self.people.values() for user in users]
        start = self.now - timedelta(days=DAYS)
        first = keep(self.event(n, people, start) for n in range(drawn))[0].pk
        blocks = max(-(-(count - drawn) // DRAWN_EVENTS), 1)
        for n in range(1, blocks + 1):
            missing = min(DRAWN_EVENTS, count - drawn - (n - 1) * DRAWN_EVENTS)
            if missing > 0:
                copy_events(first, missing, start + timedelta(days=DAYS) * n / blocks)
        mentions, events = AuditMention._meta.db_table, AuditEvent._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {mentions} (event_id, object_type, object_id) "  # noqa: S608 - our own names
                f"SELECT id, 'registry.approvalrequest', object_id FROM {events} WHERE action = 'approval.submit'"
            )

    def event(self, n: int, people: list, at: datetime) -> AuditEvent:
        user, version = people[n % len(people)], self.versions[n % len(self.versions)]
        return AuditEvent(
            actor=user,
            actor_name=user.username,
            action=ACTS[n % len(ACTS)],
            refused=n % 50 == 0,
            at=at,
            object_type="registry.modelversion",
            object_id=str(version.pk),
            object_label=str(version),
            summary=f"Made up, about {version}",
            detail={"note": "Made up.", "seeded": n},
            request_id=f"{n:032x}",
        )

    def day(self, n: int, of: int) -> datetime:
        """Spread over the years, the last one today."""
        return self.now - timedelta(days=DAYS) * (1 - (n + 1) / max(of, 1))


@contextmanager
def given_times(*kinds: type[models.Model]) -> Iterator[None]:
    """Let rows have the times that they are given, where they would be given now."""
    fields = [field for kind in kinds for field in kind._meta.concrete_fields if getattr(field, "auto_now_add", False)]
    for field in fields:
        field.auto_now_add = False
    try:
        yield
    finally:
        for field in fields:
            field.auto_now_add = True


def keep(rows: Iterable) -> list:
    """Write them, block by block, in order."""
    kept, rows = [], iter(rows)
    while block := list(islice(rows, BLOCK)):
        kept += type(block[0])._base_manager.bulk_create(block)
    return kept


def copy_to_the_rest(kind: type[models.Model], drawn: list[Assessment], count: int) -> None:
    """Give each further assessment copies of the rows of one of those that were drawn."""
    if not drawn or count <= len(drawn):
        return
    table, runs, first = kind._meta.db_table, Assessment._meta.db_table, drawn[0].pk
    names = [f.column for f in kind._meta.concrete_fields if not f.primary_key and f.column != "assessment_id"]
    columns = ", ".join(f'"{name}"' for name in names)
    wanted = ", ".join(f'drawn."{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (assessment_id, {columns}) "  # noqa: S608 - our own names
            f"SELECT run.id, {wanted} FROM {runs} AS run JOIN {table} AS drawn "
            f"ON drawn.assessment_id = %s + (run.id - %s) %% %s WHERE run.id >= %s AND run.state = 'done'",
            [first, first, len(drawn), first + len(drawn)],
        )


def copy_events(first: int, count: int, at: datetime) -> None:
    """So many events, from this one on, once more at another time."""
    table = AuditEvent._meta.db_table
    columns = [f.column for f in AuditEvent._meta.concrete_fields if not f.primary_key and f.column != "at"]
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (at, {names}) "  # noqa: S608 - our own names
            f"SELECT %s, {names} FROM {table} WHERE id >= %s ORDER BY id LIMIT %s",
            [connection.ops.adapt_datetimefield_value(at), first, count],
        )
