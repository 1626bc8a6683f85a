"""Starting an assessment once, however often the request is sent."""

from drf_spectacular.utils import OpenApiParameter

from assessments.actions import assessments as actions
from assessments.models import Assessment
from registry.refusals import BadInput, Conflict

LONGEST_KEY = 64
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description=f"Up to {LONGEST_KEY} printable characters of your choice. Sent again with the same key, the request "
    "answers with the assessment that it started the first time, and starts nothing.",
)


def start(view, given: dict) -> Assessment:
    """Start it, or find what the same key of the same person started before."""
    actor, version = view.request.user, given["version"]
    asked = {name: value for name, value in given.items() if name != "version"}
    key = _key(view.request)
    assessment = actions.start(version, actor=actor, **asked, idempotency_key=f"{actor.pk}:{key}" if key else None)
    if key:
        _check_same(assessment, given)
    return assessment


def _key(request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise BadInput(
            "The Idempotency-Key cannot be used.",
            hint=f"Give up to {LONGEST_KEY} printable ASCII characters, for example a UUID.",
            code="bad_key",
            field="Idempotency-Key",
        )
    return key


def _check_same(assessment: Assessment, given: dict) -> None:
    """A key stands for one request; another request under it is a mistake, not a repetition."""
    asked = {
        "version": given["version"].pk,
        "dataset_version": given["dataset_version"].pk,
        "reference": given["reference"].pk if given.get("reference") else None,
        "plan": given.get("plan_name", Assessment.PlanName.STANDARD),
    }
    stands = {
        "version": assessment.version_id,
        "dataset_version": assessment.dataset_version_id,
        "reference": assessment.reference_id,
        "plan": assessment.plan_name,
    }
    if "seed" in given:
        asked["seed"], stands["seed"] = given["seed"], assessment.seed
    if "tests" in given:
        asked["tests"] = {test if isinstance(test, str) else test["id"] for test in given["tests"]}
        stands["tests"] = set(assessment.planned_tests)
    different = [name for name, value in asked.items() if value != stands[name]]
    if different:
        raise Conflict(
            f"This Idempotency-Key started {assessment}, which differs in {', '.join(different)}.", code="key_reused"
        )
