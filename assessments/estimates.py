"""How long an assessment will take, for page, API and row: costing with what is known of the model."""

from collections.abc import Iterable, Mapping
from typing import Any

from assessments import costing, planning
from assessments.models import Assessment, TestResult
from registry.models import DatasetVersion, ModelVersion
from registry.refusals import BadInput


def before_start(
    version: ModelVersion,
    dataset_version: DatasetVersion,
    *,
    plan_name: str = "standard",
    tests: Iterable[str | Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """costing's estimate for what `start` would start. Raises BadInput for tests that are not there."""
    try:
        planned = planning.planned_tests(tests, plan_name)
    except planning.BadRequest as error:
        raise BadInput(error.message, hint=error.hint, code=error.code) from error
    return _estimate(planned, version, dataset_version, plan_name, earlier(version))


def of(assessment: Assessment) -> dict[str, Any]:
    """The same for one that was started."""
    tests, version = assessment.plan["tests"], assessment.version
    known = earlier(version, but=assessment)
    return _estimate(tests, version, assessment.dataset_version, assessment.plan_name, known)


def earlier(version: ModelVersion, but: Assessment | None = None) -> tuple[float, float] | None:
    """(seconds that tests took, seconds said of them) in the last finished assessment of the version."""
    done = Assessment.objects.filter(version=version, state=Assessment.State.DONE).select_related("dataset_version")
    last = done.exclude(pk=but.pk if but else None).order_by("-pk").first()
    if last is None:
        return None
    took = dict(last.results.filter(status=TestResult.Status.DONE).values_list("test", "seconds"))
    said = _estimate([{"id": test} for test in took], version, last.dataset_version, last.plan_name, None)
    return sum(took.values()), sum(said["tests"].values())


def _estimate(
    tests: Iterable[Mapping[str, Any]],
    version: ModelVersion,
    dataset_version: DatasetVersion,
    plan_name: str,
    before: tuple[float, float] | None,
) -> dict[str, Any]:
    name = " ".join([str(version.estimator.get("class", "")), *map(str, version.estimator.get("steps") or [])])
    columns = max(dataset_version.columns.count(), 1)
    return costing.estimate(
        tests, plan_name=plan_name, rows=dataset_version.rows or 0, columns=columns, estimator=name, before=before
    )
