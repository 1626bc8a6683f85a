"""People as API clients, rows for them to look at, and a browser for the docs."""

import io
from dataclasses import dataclass

import pandas
import pytest

from assessments.actions.assessments import start
from assessments.models import Assessment, Chart, TestResult
from registry import tokens
from registry.models import DatasetVersion, MLModel, ModelVersion
from tests.api.contract import ContractClient
from tests.assessments.conftest import FEATURES, make_dataset_version, make_version, tiny_files  # noqa: F401
from tests.evidence import finish


@pytest.fixture
def call(db):
    """`call(user)`: the API as this person, with a real token; `call(None)` as nobody."""

    def client(user) -> ContractClient:
        made = ContractClient()
        made.default_format = "json"
        if user is not None:
            _row, text = tokens.issue(user, actor=user)
            made.credentials(HTTP_AUTHORIZATION=f"Token {text}")
        return made

    return client


@dataclass(frozen=True)
class Scene:
    """A model of the owner's, built by the developer, and what hangs on it."""

    model: MLModel
    version: ModelVersion
    dataset_version: DatasetVersion
    assessment: Assessment

    @property
    def addresses(self) -> list[str]:
        """Every address about these rows that can be read."""
        model, version, data = self.model.pk, self.version.pk, self.dataset_version
        artifact = self.version.artifact_id
        run = f"assessments/{self.assessment.pk}/"
        return [
            f"models/{model}/",
            f"models/{model}/versions/",
            f"models/{model}/history/",
            f"versions/{version}/",
            f"versions/{version}/file/",
            f"versions/{version}/gate/",
            f"versions/{version}/coverage/",
            f"versions/{version}/history/",
            f"artifacts/{artifact}/",
            f"artifacts/{artifact}/scans/",
            f"artifacts/{artifact}/waivers/",
            f"artifacts/{artifact}/history/",
            f"datasets/{data.dataset_id}/",
            f"datasets/{data.dataset_id}/versions/",
            f"datasets/{data.dataset_id}/history/",
            f"dataset-versions/{data.pk}/",
            f"dataset-versions/{data.pk}/file/",
            f"dataset-versions/{data.pk}/history/",
            run,
            f"{run}results/",
            f"{run}history/",
            f"{run}charts/",
            f"{run}charts/roc.svg",
            f"{run}charts/roc.png",
            f"{run}charts/roc.csv",
        ]


@pytest.fixture
def scene(owner, developer, tiny_files) -> Scene:  # noqa: F811
    model = MLModel.objects.create(name="Income", slug="income", purpose="Offers.", owner=owner)
    model.developers.add(developer)
    version = make_version(model, tiny_files.model, FEATURES)
    dataset_version = make_dataset_version(owner, tiny_files.data)
    profile_columns(dataset_version, tiny_files.data)
    return Scene(model, version, dataset_version, make_assessment(version, dataset_version, owner))


def profile_columns(dataset_version: DatasetVersion, content: bytes) -> None:
    """As the sandbox does on arrival."""
    frame = pandas.read_csv(io.BytesIO(content))
    for column in dataset_version.columns.all():
        values = frame[column.name]
        counts = values.value_counts()
        numbers = values.describe() if column.kind == "number" else {}
        column.profile = {
            "dtype": str(values.dtype),
            "missing": 0,
            "distinct": len(counts),
            "top": [[str(value), int(count)] for value, count in counts.head(10).items()],
            **{name: numbers.get(name) for name in ("min", "max", "mean", "std")},
        }
        column.save(update_fields=["profile"])


def make_assessment(version, dataset_version, user, *, state: str = "done") -> Assessment:
    """A whole battery, with one test's result and its chart, as the worker records them."""
    assessment = start(version, actor=user, dataset_version=dataset_version, seed=1)
    assessment.state = state
    assessment.save(update_fields=["state"])
    if state == "done":
        result = TestResult.objects.create(
            assessment=assessment, test="performance.discrimination", family="performance", title="d", status="done"
        )
        curve = {"name": "Income", "fpr": [0.0, 0.2, 1.0], "tpr": [0.0, 0.8, 1.0], "auc": 0.8}
        Chart.objects.create(
            result=result, position=0, chart_id="roc", title="ROC", alt="ROC", data={"kind": "roc", "series": [curve]}
        )
        assessment.verdicts.create(
            position=0, test=result.test, family="performance", metric="roc_auc", title="AUC", better="higher",
            value=0.8, warn=0.7, fail=0.6, verdict="pass",
        )  # fmt: skip
        finish(assessment)
    return assessment
