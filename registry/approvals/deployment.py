"""May this exact file be deployed now? Asked by pipelines; nothing is written.

The answer is no, with every reason, unless the version stands approved today, its conditions are kept, the gate lets
its file run, the stored bytes still hash to what was approved, and the file in the pipeline's hands is that file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from registry import access
from registry.approvals import gates, holding, rehashing
from registry.approvals.gates import Blocker
from registry.approvals.states import STANDING, Use
from registry.models import Decision, ModelVersion

OUT_OF_USE = {Use.SUSPENDED, Use.DECOMMISSIONING, Use.RETIRED}


@dataclass(frozen=True)
class Clearance:
    """The answer for one version at one moment. `decision`: the newest on it, or None."""

    version: ModelVersion
    sha256: str
    reasons: list[Blocker]
    decision: Decision | None
    checked_at: datetime

    @property
    def allowed(self) -> bool:
        return not self.reasons


def clearance(version: ModelVersion, *, sha256: str = "") -> Clearance:
    """sha256: the digest of the file that would be deployed, 64 hexadecimal digits; without it only the stored file is
    checked. Raises Unavailable where the file store does not answer: that is no answer, not a no."""
    decided = Decision.objects.select_related("decided_by", "request").filter(request__version=version)
    decision = decided.order_by("-pk").first()
    reasons = [
        *(*_not_approved(version, decision), *_not_usable(version), *holding.not_kept(version), *_held(version)),
        *(*_another_file(version, sha256), *_changed(version)),
    ]
    return Clearance(version, version.artifact.sha256, reasons, decision, timezone.now())


def _not_approved(version: ModelVersion, decision: Decision | None) -> Iterator[Blocker]:
    if gates.excused(version):
        return
    if version.approval_status not in STANDING:
        status = version.get_approval_status_display()
        yield Blocker("not_approved", f"{version} is {status}.", "Request its approval, and wait for the decision.")
    elif decision and decision.valid_until and decision.valid_until < timezone.localdate():
        ended = f"{decision.valid_until:%-d %B %Y}"
        yield Blocker("approval_ended", f"The approval of {version} ended on {ended}.", "Have a version approved anew.")


def _held(version: ModelVersion) -> Iterator[Blocker]:
    if problem := access.gate_problem(version):
        yield Blocker("held_by_the_gate", *problem)


def _another_file(version: ModelVersion, sha256: str) -> Iterator[Blocker]:
    if sha256 and sha256.lower() != version.artifact.sha256:
        yield Blocker(
            "another_file",
            f"The file to deploy is not the one of {version}: its SHA-256 differs.",
            "Deploy the file that was decided on; `file_url` of the version gives it.",
        )


def _changed(version: ModelVersion) -> Iterator[Blocker]:
    if trouble := rehashing.changed(version):
        yield trouble


def _not_usable(version: ModelVersion) -> Iterator[Blocker]:
    if version.use_status in OUT_OF_USE:
        status = version.get_use_status_display()
        yield Blocker(
            version.use_status, f"The use of {version} is {status}.", "See its history for who ended it, and why."
        )
