"""Start, cancel, retry. An assessment is a row first; the queue is told of it after the commit."""

import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from assessments import admission, fitting, leasing, planning
from assessments.catalogue import catalogue
from assessments.models import Assessment, TestResult
from assessments.policy import force
from registry import access, relations, storage
from registry.action import Done, action
from registry.column_edits import EDITABLE
from registry.models import DatasetVersion, ModelVersion
from registry.refusals import BadInput, Conflict, NotNow

State = Assessment.State
ATTEMPTS = Assessment._meta.get_field("max_attempts").default
LONGEST_KEY = 80  # characters
SEEDS = 2**31

Tests = Iterable[str | Mapping[str, Any]]


def start(
    version: ModelVersion,
    *,
    actor,
    dataset_version: DatasetVersion,
    reference: DatasetVersion | None = None,
    plan_name: str = "standard",
    tests: Tests | None = None,
    seed: int | None = None,
    idempotency_key: str | None = None,
) -> Assessment:
    """Ask for an assessment. The same key asked again by the same person gives the same one, and starts nothing.

    tests: ids, families or {id, params}; None: all of the plan. seed: None draws one, which is kept.
    """
    asked = {"dataset_version": dataset_version, "reference": reference, "plan_name": plan_name, "seed": seed}
    asked["tests"] = None if tests is None else list(tests)
    if not idempotency_key:
        return _start(version, actor=actor, **asked)
    key = _key(actor, idempotency_key)
    try:
        return _earlier(key, version, asked) or _start(version, actor=actor, idempotency_key=key, **asked)
    except IntegrityError:  # the same request came twice at once
        if earlier := _earlier(key, version, asked):
            return earlier
        raise


def _may_start(version: ModelVersion, actor, **_) -> str | None:
    return access.may_assess(version, actor) or access.not_admitted(version) or _purged(version)


def _purged(*sources: ModelVersion | DatasetVersion | None) -> NotNow | None:
    said = next((said for source in sources if source and (said := storage.gone(source.artifact))), None)
    return NotNow(said) if said else None


def _may_retry(assessment: Assessment, actor, **_) -> str | None:
    return access.may_retry(assessment, actor) or admission.refusal(assessment)


@action("assessment.start", rule=_may_start)
def _start(
    version: ModelVersion,
    *,
    actor,
    dataset_version: DatasetVersion,
    reference: DatasetVersion | None,
    plan_name: str,
    tests: list | None,
    seed: int | None,
    idempotency_key: str | None = None,
) -> Done:
    if gone := _purged(dataset_version, reference):
        raise Conflict(gone)
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    policy = force.required()
    plan = _plan(version, dataset_version, reference, plan_name, tests, seed)
    entries = catalogue()
    assessment = Assessment.objects.create(
        version=version,
        dataset_version=dataset_version,
        reference=reference,
        plan_name=plan_name,
        seed=seed,
        plan=plan,
        policy=policy.sealed_document,
        policy_version=policy,
        context=force.context_of(version.model).to_json(),
        catalogue={test["id"]: entries[test["id"]] for test in plan["tests"]},
        idempotency_key=idempotency_key,
        requested_by=actor,
    )
    # A queue that is away loses nothing: the reaper rings again.
    transaction.on_commit(partial(leasing.ring, assessment.pk), robust=True)
    return Done(
        assessment,
        summary=f"Started {assessment} of {version} on {dataset_version}",
        detail={
            "version": version.pk,
            "dataset_version": dataset_version.pk,
            "plan": plan_name,
            "tests": [test["id"] for test in plan["tests"]],
            "seed": seed,
            "policy": {"version": policy.number, "sha256": policy.sha256},
        },
    )


start.action_name = _start.action_name
start.refusal = _start.refusal


@action("assessment.cancel", rule=access.may_cancel)
def cancel(assessment: Assessment, *, actor) -> Done:
    """End it: at once where it waits, within seconds where it runs. What was found is kept."""
    if assessment.state == State.QUEUED:
        assessment.state = State.CANCELLED
        assessment.finished_at = timezone.now()
        assessment.error = f"Cancelled by {actor.get_username()} while it waited for a worker."
        assessment.hint = ""  # that of an attempt that failed: it is not tried again
    elif assessment.state != State.RUNNING:
        raise Conflict(f"{assessment} is {assessment.get_state_display()} already.")
    assessment.cancel_requested = True
    assessment.save(update_fields=["state", "finished_at", "error", "hint", "cancel_requested"])
    return Done(assessment, summary=f"Cancelled {assessment} of {assessment.version}")


@action("assessment.retry", rule=_may_retry)
def retry(assessment: Assessment, *, actor) -> Done:
    """Queue a failed or cancelled one again. Finished tests are kept; those that ended in an error run again."""
    queued = Assessment.objects.filter(pk=assessment.pk, state__in=[State.FAILED, State.CANCELLED]).update(
        state=State.QUEUED,
        cancel_requested=False,
        max_attempts=F("attempt") + ATTEMPTS,
        lease_until=None,
        rung_at=None,
        finished_at=None,
        error="",
        hint="",
    )
    if not queued:
        raise Conflict(f"{assessment} is {assessment.get_state_display()}.")
    unfinished = [TestResult.Status.ERROR, TestResult.Status.SKIPPED]
    again = assessment.results.filter(status__in=unfinished)
    tests = sorted(again.values_list("test", flat=True))
    again.delete()
    # A queue that is away loses nothing: the reaper rings again.
    transaction.on_commit(partial(leasing.ring, assessment.pk), robust=True)
    assessment.refresh_from_db()
    summary = f"Queued {assessment} of {assessment.version} again"
    return Done(assessment, summary=summary, detail={"tests_again": tests})


def _plan(
    version: ModelVersion,
    dataset_version: DatasetVersion,
    reference: DatasetVersion | None,
    plan_name: str,
    tests: list | None,
    seed: int,
) -> dict[str, Any]:
    target = dataset_version.target
    if target is None:
        raise BadInput(
            f"{dataset_version} has no target column.",
            hint="Edit its columns and mark the one that the model predicts as target.",
            code="no_target",
            field="dataset_version",
        )
    regression = version.estimator.get("task") == "regression"
    if not dataset_version.favourable and not regression:
        raise BadInput(
            f"The favourable label of {target.name} in {dataset_version} is not set.",
            hint="Edit its columns and say which label is the good outcome for a person.",
            code="no_favourable",
            field="dataset_version",
        )
    fitting.check(version, dataset_version, target)
    try:
        return planning.build_plan(
            model=_file("model", version) | {"trust": admission.trust_of(version)},
            data=_file("data", dataset_version),
            reference=_file("reference", reference) if reference else None,
            target=target.name,
            favourable="" if regression else dataset_version.favourable,
            task="regression" if regression else "auto",
            columns=list(dataset_version.columns.values("name", *EDITABLE)),
            relations=relations.confirmed(dataset_version),
            plan_name=plan_name,
            tests=tests,
            seed=seed,
            legal_contexts=version.model.legal_contexts,
        )
    except planning.BadRequest as error:
        raise BadInput(error.message, hint=error.hint, code=error.code) from error


def _file(part: str, source: ModelVersion | DatasetVersion) -> dict[str, str]:
    return {"path": f"{part}.{source.format}", "format": source.format, "sha256": source.artifact.sha256}


def _key(actor, given: str) -> str:
    """The key of this person: two people may use the same."""
    if len(given) > LONGEST_KEY:
        raise BadInput(f"The idempotency key is longer than {LONGEST_KEY} characters.", field="idempotency_key")
    return f"{actor.pk}:{given}"


def _earlier(key: str, version: ModelVersion, asked: dict[str, Any]) -> Assessment | None:
    """The assessment that this key started. Raises Conflict where something else was asked with it."""
    found = Assessment.objects.filter(idempotency_key=key).first()
    if found is None:
        return None
    reference = asked["reference"]
    try:
        # With the legal contexts of then: a model whose use was said since is asked for the same.
        contexts = found.context.get("legal_contexts", ())
        tests = planning.planned_tests(asked["tests"], asked["plan_name"], contexts)
    except planning.BadRequest as error:
        raise BadInput(error.message, hint=error.hint, code=error.code) from error
    same = (
        found.version_id == version.pk
        and found.dataset_version_id == asked["dataset_version"].pk
        and found.reference_id == (reference.pk if reference else None)
        and found.plan_name == asked["plan_name"]
        and found.plan["tests"] == tests
        and asked["seed"] in {None, found.seed}
    )
    if not same:
        raise Conflict(f"This idempotency key started {found}, which is a different request.", code="key_reused")
    return found
