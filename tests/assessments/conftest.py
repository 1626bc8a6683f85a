"""A small model and its data, registered: what an assessment needs."""

import io
from dataclasses import dataclass

import pytest
from django.core.files.base import ContentFile

from assessments.actions.assessments import start
from registry import storage
from registry.models import Artifact, Column, Dataset, DatasetVersion, MLModel, ModelVersion
from tests import gate

ROWS = 240
FEATURES = ("age", "hours", "work", "sex")


@dataclass(frozen=True)
class TinyFiles:
    """The bytes of a fitted pipeline and of the data it was fitted on."""

    model: bytes
    data: bytes


@pytest.fixture(scope="session")
def tiny_files() -> TinyFiles:
    """Income from age and hours: two numbers, one text column, one sensitive column, text labels."""
    import joblib
    import numpy
    import pandas
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = numpy.random.default_rng(20261124)
    frame = pandas.DataFrame(
        {
            "age": rng.integers(18, 80, ROWS),
            "hours": rng.integers(10, 60, ROWS),
            "work": rng.choice(["private", "public", "self"], ROWS),
            "sex": rng.choice(["Female", "Male"], ROWS),
        }
    )
    chance = frame["hours"] / 20 + frame["age"] / 40 + (frame["sex"] == "Male") + rng.normal(0, 0.7, ROWS)
    labels = numpy.where(chance > 3.8, ">50K", "<=50K")
    encoder = make_column_transformer((OneHotEncoder(), ["work", "sex"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=2000)).fit(frame, labels)
    written = io.BytesIO()
    joblib.dump(model, written)
    return TinyFiles(written.getvalue(), frame.assign(income=labels).to_csv(index=False).encode())


def stored(content: bytes) -> Artifact:
    sha256, size = storage.put(ContentFile(content))
    return Artifact.objects.get_or_create(sha256=sha256, defaults={"size": size})[0]


def make_version(model: MLModel, content: bytes, features: tuple[str, ...] = (), *, officer=None) -> ModelVersion:
    """A version whose scan allows it; with an officer, one that needs the waiver which this officer granted."""
    artifact = stored(content)
    gate.scanned(artifact, model.owner, "needs_waiver" if officer else "allowed")
    if officer:
        gate.waived(artifact, officer)
    return model.versions.create(
        number=model.versions.count() + 1,
        artifact=artifact,
        format="joblib",
        original_name="income.joblib",
        estimator={"features": list(features)},
        created_by=model.owner,
    )


@pytest.fixture
def version(owner, tiny_files) -> ModelVersion:
    model = MLModel.objects.create(name="Income", slug="income", purpose="Offers.", owner=owner)
    return make_version(model, tiny_files.model, FEATURES)


@pytest.fixture
def dataset_version(owner, tiny_files) -> DatasetVersion:
    return make_dataset_version(owner, tiny_files.data)


def make_dataset_version(owner, content: bytes) -> DatasetVersion:
    found = DatasetVersion.objects.create(
        dataset=Dataset.objects.create(name="Census", slug="census", owner=owner),
        number=1,
        artifact=stored(content),
        format="csv",
        original_name="census.csv",
        rows=ROWS,
        favourable=">50K",
        created_by=owner,
    )
    roles = {"age": "feature", "hours": "feature", "work": "feature", "sex": "sensitive", "income": "target"}
    for position, (name, role) in enumerate(roles.items()):
        kind = Column.Kind.NUMBER if name in {"age", "hours"} else Column.Kind.CATEGORY
        found.columns.create(position=position, name=name, role=role, kind=kind)
    return found


QUICK_TESTS = ["performance.discrimination", "performance.threshold_metrics", "performance.probability"]


@pytest.fixture
def waiting(version, dataset_version, owner):
    """An assessment of three quick tests, in the queue; no bell was rung."""
    return start(version, actor=owner, dataset_version=dataset_version, tests=QUICK_TESTS, seed=7, plan_name="quick")


@pytest.fixture
def another_waiting(waiting, version, dataset_version, owner):
    return start(version, actor=owner, dataset_version=dataset_version, tests=QUICK_TESTS, seed=8)
