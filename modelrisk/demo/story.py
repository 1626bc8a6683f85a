"""The demo's people and what each does, through the same actions as any page: nothing is written past the rules.

Every step looks first whether it was done: told again on the same state, the story adds nothing.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files import File

from assessments.actions import assessments
from assessments.catalogue import tests_of
from assessments.models import Assessment
from modelrisk.demo.census import FAVOURABLE, SENSITIVE, TARGET
from registry import access, actions, waivers
from registry.models import Column, Dataset, DatasetVersion, MLModel, ModelVersion
from registry.people import grant_first, system_user
from registry.storage import digest_of

SEED = 20_261_114
CAST = {
    access.OWNER: "answers for the models; registered and submitted them",
    access.DEVELOPER: "built them; uploads versions",
    access.VALIDATOR: "tested them; raised the findings, signed the report",
    access.MRM_LEAD: "assigns validators, puts cases to decision, grants roles",
    access.APPROVER: "decides; one case waits",
    access.COMMITTEE_CHAIR: "decides beside the approver where the tier is 1",
    access.SECURITY_OFFICER: "answers for files that the gate holds; one waits",
    access.AUDITOR: "reads everything, changes nothing",
    access.ADMIN: "runs the system, at /admin/; decides nothing",
}
PURPOSE = (
    "Estimates from census facts whether a person earns more than 50,000 a year, to choose whom an offer of a savings "
    "plan is sent to. Must not be used to refuse credit, work or housing."
)
MODELS = {"random_forest": "random forest", "gradient_boosting": "gradient boosting"}
HELD = "scorecard"  # the model whose file makes a function of its own: the gate holds it for a waiver
# Which facts a person could change, for attacks and advice; the rest is guessed well enough.
CHANGES = {
    "age": Column.Mutable.UP,
    "education_num": Column.Mutable.UP,
    "sex": Column.Mutable.FIXED,
    "race": Column.Mutable.FIXED,
    "native_country": Column.Mutable.FIXED,
}


@dataclass(frozen=True)
class Told:
    """What the story made: a version and its assessment for each model; and a version that waits for a waiver."""

    dataset: Dataset
    assessments: dict[str, Assessment]
    held: ModelVersion


def make_people(password: str) -> dict[str, Any]:
    """A user for each role, named after it; all with the given password. The admin is a superuser too."""
    people = {}
    for name in CAST:
        user, made = get_user_model().objects.get_or_create(
            username=name, defaults={"is_staff": name == access.ADMIN, "is_superuser": name == access.ADMIN}
        )
        if made or not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password"])
        people[name] = user
    _give_roles(people)
    return people


def _give_roles(people: dict[str, Any]) -> None:
    """To each the role of their name, by the system: those who can grant come last, for then it may no more."""
    for name in sorted(people, key=lambda name: name in access.GRANTORS):
        if name in access.ROLES and not access.roles_now(people[name]):
            grant_first(people[name], actor=system_user(), role=name, reason="One of the demo's people.")


def tell(people: dict[str, Any], folder: Path, title: str, plan_name: str) -> Told:
    """Register data and models from the training folder and start an assessment of each model that the gate lets in."""
    dataset = Dataset.objects.filter(name=title).first() or actions.register_dataset(
        Dataset, actor=people["owner"], name=title, description="The table the demo's models learnt from, in two parts."
    )
    train = _data_version(dataset, people, folder / "train.csv")
    test = _data_version(dataset, people, folder / "test.csv")
    started = {}
    for stem, method in MODELS.items():
        version = _model_version(f"{title}: {method}", people, folder / f"{stem}.joblib")
        started[stem] = assessments.start(
            version,
            actor=people["validator"],
            dataset_version=test,
            reference=train,
            plan_name=plan_name,
            seed=SEED,
            idempotency_key=f"demo-{version.pk}-{test.pk}-{plan_name}-{_battery(plan_name)}",
        )
    held = _model_version(f"{title}: {HELD}", people, folder / f"{HELD}.joblib")
    return Told(dataset, started, held)


def _data_version(dataset: Dataset, people: dict[str, Any], path: Path) -> DatasetVersion:
    if found := dataset.versions.filter(artifact__sha256=_digest(path)).first():
        return found
    with open(path, "rb") as source:
        version = actions.upload_dataset_version(
            dataset, actor=people["owner"], file=File(source, path.name), target=TARGET, favourable=FAVOURABLE
        )
    known = set(version.columns.values_list("name", flat=True))
    edits = [{"name": name, "role": Column.Role.SENSITIVE} for name in SENSITIVE if name in known]
    edits += [{"name": "fnlwgt", "role": Column.Role.IGNORED}] if "fnlwgt" in known else []
    by_name = {edit["name"]: edit for edit in edits}
    for name, mutable in CHANGES.items():
        if name in known:
            by_name.setdefault(name, {"name": name})["mutable"] = mutable
    return actions.edit_columns(version, actor=people["owner"], columns=list(by_name.values()), favourable=FAVOURABLE)


def _model_version(name: str, people: dict[str, Any], path: Path) -> ModelVersion:
    model = MLModel.objects.filter(name=name).first() or actions.register_model(
        MLModel,
        actor=people["owner"],
        name=name,
        purpose=PURPOSE,
        domain="Marketing",
        tier=2,
        developers=[people["developer"]],
    )
    if found := model.versions.filter(artifact__sha256=_digest(path)).first():
        if found.gate == ModelVersion.Gate.NOT_SCANNED:  # of a demo from before there was a gate
            waivers.rescan(found, actor=people["developer"])
        return found
    with open(path, "rb") as source:
        return actions.upload_version(
            model, actor=people["developer"], file=File(source, path.name), notes="Trained by modelrisk.demo.training."
        )


def _battery(plan_name: str) -> str:
    """Another battery is another assessment: a demo goes on after the product was updated."""
    return hashlib.sha256(" ".join(tests_of(plan_name)).encode()).hexdigest()[:12]


def _digest(path: Path) -> str:
    with open(path, "rb") as source:
        return digest_of(File(source))[0]
