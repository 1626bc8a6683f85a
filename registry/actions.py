"""What people do with models and datasets: register, upload, say what the columns are."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.base import File
from django.db import IntegrityError, models
from django.urls import reverse
from django.utils.text import slugify

from registry import access, admission, column_edits, contexts, receiving, relations, scanning
from registry.action import Done, action
from registry.columns import guess
from registry.models import Assignment, Column, Dataset, DatasetVersion, MLModel, ModelVersion, Relation
from registry.notifying import having_role, notify
from registry.refusals import BadInput
from registry.service_accounts import person_behind

PAGES = {"register"}  # addresses beside those of models and datasets: no name may hide behind them


@action("model.register", rule=access.may_register)
def register_model(
    _model_class: type[MLModel],
    *,
    actor,
    name: str,
    purpose: str = "",
    domain: str = "",
    tier: int = 2,
    developers: Iterable = (),
    use_case: str = "",
    legal_contexts: Iterable[str] = (),
) -> Done:
    """Add a model to the inventory; the actor becomes its owner, or the person who answers for a service account."""
    name, owner = _free_name(MLModel, name), person_behind(actor)
    if tier not in MLModel.Tier.values:
        raise BadInput(f"There is no tier {tier!r}.", hint="Choose 1, 2 or 3.", field="tier")
    used = _use(use_case, legal_contexts)
    try:
        model = MLModel.objects.create(
            name=name, slug=_free_slug(MLModel, name), purpose=purpose, domain=domain, tier=tier, owner=owner, **used
        )
    except IntegrityError as error:
        raise _taken(MLModel, name) from error
    if owner.pk != actor.pk:  # a service account builds; the person who answers for it owns
        developers = {*developers, actor}
    _give_parts(model, actor, developers)
    detail = {
        "name": name,
        "purpose": purpose,
        "domain": domain,
        "tier": tier,
        "developers": sorted(user.get_username() for user in developers),
        **used,
    }
    return Done(model, summary=f"Registered the model {name}", detail=detail)


def _give_parts(model: MLModel, actor, developers: Iterable) -> None:
    model.developers.set(developers)
    parts = [(model.owner, Assignment.Part.OWNER), *((user, Assignment.Part.DEVELOPER) for user in developers)]
    Assignment.objects.bulk_create(
        Assignment(model=model, user=user, part=part, assigned_by=actor) for user, part in parts
    )


@action("model.edit_context", rule=access.may_edit_context)
def edit_context(
    model: MLModel,
    *,
    actor,
    use_case: str | None = None,
    legal_contexts: Iterable[str] | None = None,
    purpose: str = "",
) -> Done:
    """Say what it is used for and which laws look at that: the policy may hold such models to more. What is left out
    stays, and so does the purpose where none is given. Assessments keep what they were judged by."""
    before = {"use_case": model.use_case, "legal_contexts": model.legal_contexts, "purpose": model.purpose}
    after = _use(
        model.use_case if use_case is None else use_case,
        model.legal_contexts if legal_contexts is None else legal_contexts,
    )
    model.use_case, model.legal_contexts = after["use_case"], after["legal_contexts"]
    model.purpose = after["purpose"] = purpose.strip() or model.purpose
    model.save(update_fields=["use_case", "legal_contexts", "purpose"])
    return Done(model, summary=f"Set the use of {model}", detail={"before": before, "after": after})


def _use(use_case: str, legal_contexts: Iterable[str]) -> dict:
    known = contexts.use_cases()
    if use_case and use_case not in known:
        hint = f"Choose one of {', '.join(known)}, or leave it empty."
        raise BadInput(f"There is no use case {use_case!r}.", hint=hint, field="use_case")
    try:
        return {"use_case": use_case, "legal_contexts": contexts.in_order(legal_contexts)}
    except KeyError as error:
        hint = f"Choose of {', '.join(contexts.legal_contexts())}."
        raise BadInput(f"There is no legal context {error.args[0]}.", hint=hint, field="legal_contexts") from error


@contextmanager
def _receive_model(model: MLModel, *, actor, file: File, notes: str = "") -> Iterator[dict]:
    def refuse(sha256: str) -> None:
        _refuse_twin(model.versions, sha256)

    def read(path: Path, format: str, sha256: str) -> dict:
        name = receiving.name_of(file)
        return admission.read_model(path, format, model=model, actor=actor, name=name, sha256=sha256)

    with receiving.receive(file, find_format=scanning.model_format, read=read, refuse=refuse) as received:
        yield {"received": received, "notes": notes}


@action("version.upload", rule=access.may_upload_version, prepare=_receive_model)
def upload_version(model: MLModel, *, actor, received: receiving.Received, notes: str) -> Done:
    """Add a version. Called as `upload_version(model, actor=…, file=…, notes=…)`. Raises RefusedFile.

    What needs a waiver is stored and waits: what it holds stays unknown until one is granted.
    """
    _refuse_twin(model.versions, received.sha256)
    artifact = received.artifact()
    admission.check_format(artifact, received, actor=actor)
    version = model.versions.create(
        number=_next_number(model.versions),
        artifact=artifact,
        format=received.format,
        original_name=received.name,
        estimator=received.content["estimator"],
        notes=notes,
        created_by=actor,
    )
    scan = admission.keep(artifact, received.content["scan"], actor=actor, version=version)
    if version.gate == ModelVersion.Gate.WAIVED:  # the same bytes were waived before, as a version of another model
        admission.fill_in(artifact, admission.known_facts(artifact))
        version.refresh_from_db(fields=["estimator"])
    if version.gate == ModelVersion.Gate.NEEDS_WAIVER:
        _tell_officers(version, actor)
    summary = f"Uploaded {version} ({received.name}): {version.Gate(version.gate).label}"
    return Done(version, summary=summary, detail=_file_detail(received) | admission.told_of(scan.document))


def _tell_officers(version: ModelVersion, actor) -> None:
    told = having_role(access.SECURITY_OFFICER, but=[actor, version.model.owner])
    why = f"{actor} uploaded it. It cannot be run until a security officer grants a waiver for what its file imports."
    page = reverse("artifact", args=[version.artifact.sha256])
    notify(told, f"waiver.needed:{version.artifact_id}", f"The file of {version} needs a waiver", why, page)


@action("dataset.register", rule=access.may_register)
def register_dataset(_dataset_class: type[Dataset], *, actor, name: str, description: str = "") -> Done:
    """Add a dataset; the actor becomes its owner, or the person who answers for a service account."""
    name = _free_name(Dataset, name)
    try:
        dataset = Dataset.objects.create(
            name=name, slug=_free_slug(Dataset, name), description=description, owner=person_behind(actor)
        )
    except IntegrityError as error:
        raise _taken(Dataset, name) from error
    detail = {"name": name, "description": description}
    return Done(dataset, summary=f"Registered the dataset {name}", detail=detail)


@contextmanager
def _receive_data(
    dataset: Dataset, *, actor, file: File, target: str | None = None, favourable: str | None = None
) -> Iterator[dict]:
    def refuse(sha256: str) -> None:
        _refuse_twin(dataset.versions, sha256)

    previous = dataset.versions.order_by("-number").first()

    def read(path: Path, format: str, _sha256: str) -> dict:
        known = relations.confirmed(previous) if previous else ()
        return scanning.profile_dataset(path, format, suggest=True, relations=known)

    with receiving.receive(
        file, find_format=scanning.data_format, read=read, refuse=refuse, kept_as=scanning.kept_as
    ) as received:
        column_edits.check_target(received.content, target, favourable)
        yield {"received": received, "target": target, "favourable": favourable}


@action("dataset.upload", rule=access.may_edit_dataset, prepare=_receive_data)
def upload_dataset_version(
    dataset: Dataset, *, actor, received: receiving.Received, target: str | None, favourable: str | None
) -> Done:
    """Add a version, each column read as in the version before, or guessed.

    Called as `upload_dataset_version(dataset, actor=…, file=…, target=…, favourable=…)`.
    """
    _refuse_twin(dataset.versions, received.sha256)
    previous = dataset.versions.order_by("-number").first()
    profile = received.content
    guessed = guess(profile, target=target, favourable=favourable)
    settled = column_edits.carried_over(guessed, previous, keep_target=target is None)
    version = dataset.versions.create(
        number=_next_number(dataset.versions),
        artifact=received.artifact(),
        format=received.format,
        original_name=received.name,
        rows=profile["rows"],
        favourable=column_edits.settled_favourable(settled, profile, favourable, previous),
        created_by=actor,
    )
    Column.objects.bulk_create(column_edits.rows_for(version, settled, profile))
    Relation.objects.bulk_create(relations.suggested(version, profile, previous))
    return Done(version, summary=f"Uploaded {version} ({received.name})", detail=_file_detail(received))


def _may_edit_columns(version: DatasetVersion, actor, **_) -> str | None:
    return access.may_edit_dataset(version.dataset, actor)


@action("dataset.edit_columns", rule=_may_edit_columns)
def edit_columns(version: DatasetVersion, *, actor, columns: list[dict], favourable: str) -> Done:
    """Say what the columns are; those not named stay as they are. Assessments keep what they ran with."""
    rows = list(version.columns.all())
    detail = column_edits.apply(version, rows, columns, favourable)
    # The target leaves its row before another takes it: there may be only one at any moment.
    for row in sorted(rows, key=lambda row: row.role == Column.Role.TARGET):
        if row.name in detail["columns"]:
            row.save(update_fields=column_edits.EDITABLE)
    version.save(update_fields=["favourable"])
    return Done(version, summary=_edit_summary(version, detail), detail=detail)


def _edit_summary(version: DatasetVersion, detail: dict) -> str:
    changed = len(detail["columns"])
    if changed:
        return f"Changed {changed} column{'s' * (changed != 1)} of {version}"
    return (
        f"Set the favourable label of {version}" if detail.get("favourable") else f"Confirmed the columns of {version}"
    )


def _next_number(versions: models.Manager) -> int:
    """Under the lock on the parent row, so that two uploads at once get two numbers."""
    return (versions.aggregate(last=models.Max("number"))["last"] or 0) + 1


def _refuse_twin(versions: models.Manager, sha256: str) -> None:
    twin = versions.filter(artifact__sha256=sha256).first()
    if twin is not None:
        raise BadInput(
            f"This file is already {twin}.",
            hint="A version is a new file; upload the changed one.",
            code="same_file",
            field="file",
        )


def _free_name(kind: type[models.Model], name: str) -> str:
    name = " ".join(name.split())
    noun = kind._meta.verbose_name
    if not name:
        raise BadInput(f"The {noun} needs a name.", field="name")
    if len(name) > 120:
        raise BadInput(f"The name has {len(name)} characters; at most 120 fit.", field="name")
    if kind._default_manager.filter(name__iexact=name).exists():
        raise _taken(kind, name)
    return name


def _taken(kind: type[models.Model], name: str) -> BadInput:
    return BadInput(
        f"There is already a {kind._meta.verbose_name} named {name}.",
        hint="Choose another name, or upload a new version of it.",
        code="name_taken",
        field="name",
    )


def _free_slug(kind: type[models.Model], name: str) -> str:
    """From the name; numbered where another name, or a page of ours, has the same."""
    stem = slugify(name) or kind._meta.model_name
    taken = set(kind._default_manager.filter(slug__startswith=stem).values_list("slug", flat=True)) | PAGES
    number, slug = 1, stem
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    return slug


def _file_detail(received: receiving.Received) -> dict:
    return {
        "file": received.name,
        "sha256": received.sha256,
        "bytes": received.size,
        "format": received.format,
        **({"converted_from": received.converted_from} if received.converted_from else {}),
    }
