"""Starting an assessment once, however often the request is sent."""

from drf_spectacular.utils import OpenApiParameter

from assessments.actions import assessments as actions
from assessments.models import Assessment
from registry.refusals import BadInput

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description=f"Up to {actions.LONGEST_KEY} printable ASCII characters of your choice. Sent again with the same key, "
    "the request answers with the assessment that it started the first time, and starts nothing.",
)


def start(view, given: dict) -> Assessment:
    """Start it, or find what the same key of the same person started before."""
    asked = {name: value for name, value in given.items() if name != "version"}
    return actions.start(given["version"], actor=view.request.user, idempotency_key=_key(view.request), **asked)


def _key(request) -> str | None:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > actions.LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise BadInput(
            "The Idempotency-Key cannot be used.",
            hint=f"Give up to {actions.LONGEST_KEY} printable ASCII characters, for example a UUID.",
            code="bad_key",
            field="Idempotency-Key",
        )
    return key or None
