"""Files that the gate holds: for the security officer. One row a file, however many versions it is."""

from collections.abc import Iterator

from django.urls import reverse

from modelrisk.pages.waiting.row import AT_MOST, Waiting
from registry.models import ModelVersion


def found(user) -> Iterator[Waiting]:
    held = ModelVersion.objects.waiting_for_waiver(user).select_related("model", "artifact", "created_by")
    files = {version.artifact_id: version for version in held.defer("estimator").order_by("-pk")[:AT_MOST]}
    for version in files.values():
        yield Waiting.of(
            version,
            kind="waive",
            what="Decide on a waiver",
            note=f"uploaded by {version.created_by}",
            since=version.created_at,
            url=reverse("artifact", args=[version.artifact.sha256]),
            button="Look",
            gate=version.gate_now,
        )
