"""One stored file: what the gate read in it, what it would do, and who answers for it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from assessments import atlas
from modelrisk.pages.version import visible
from registry import waivers
from registry.forms import GrantWaiverForm, RevokeWaiverForm
from registry.models import Artifact, AuditEvent, DatasetVersion, ModelVersion, Scan, Waiver

# How a name is used -> in plain words; the order is that in which they are told.
USES = {
    "call": "called while the file is loaded",
    "call-of-result": "what it gives is called in turn",
    "new": "objects of it are made, without running its constructor",
    "new-of-result": "objects are made of what it gives",
    "build": "its objects are given their saved state",
    "build-on-global": "itself changed, for everyone who uses it",
}
GROUPS = (
    ("refused", "Refused", "No waiver lets these in."),
    ("needs_waiver", "Not on the allow-list", "What a waiver answers for."),
    ("allowed", "On the allow-list", "Reviewed for the library versions that are installed here."),
)


@require_http_methods(["GET", "POST"])
def artifact(request, sha256: str) -> HttpResponse:
    """Posting grants a waiver."""
    found = _visible(request, sha256)
    scan = found.scan
    form = GrantWaiverForm(request.POST or None, initial={"seen": scan.imports_sha256 if scan else ""})
    if request.method == "POST":
        waiver = form.perform(lambda: waivers.grant(found, actor=request.user, **form.asked()))
        if waiver is not None:
            told = f"a waiver for {waiver.sha256} with its {len(waiver.imports)} imports, by {request.user}"
            messages.success(request, f"Recorded: {told}. Its versions can be assessed.")
            return redirect("artifact", sha256)
    return _page(request, found, form=form, status=form.status)


@require_POST
def revoke(request, sha256: str, pk: int) -> HttpResponse:
    found = _visible(request, sha256)
    waiver = get_object_or_404(found.waivers.all(), pk=pk)
    form = RevokeWaiverForm(request.POST)
    if form.perform(lambda: waivers.revoke(waiver, actor=request.user, reason=form.cleaned_data["reason"])) is None:
        return _page(request, found, revoke_form=form, status=form.status)
    messages.success(request, f"Recorded: {waiver} is revoked, by {request.user}. What ran under it is stopped.")
    return redirect("artifact", sha256)


@require_POST
def rescan(request, slug: str, number: int) -> HttpResponse:
    version = visible(request, slug, number)
    scan = waivers.rescan(version, actor=request.user)
    messages.success(request, f"The file is scanned with {scan.allow_list}: {scan.get_verdict_display()}.")
    return redirect("artifact", version.artifact.sha256)


def _visible(request, sha256: str) -> Artifact:
    files = Artifact.objects.visible_to(request.user).with_seen_since(request.user)
    return get_object_or_404(files, sha256=sha256)


def _page(request, found: Artifact, *, form=None, revoke_form=None, status: int = 200) -> HttpResponse:
    scan = found.scan
    models = ModelVersion.objects.visible_to(request.user).with_gate().filter(artifact=found)
    models = list(models.select_related("model__owner", "created_by"))
    held = found.waivers.in_force().first()
    granted = list(found.waivers.visible_to(request.user).select_related("granted_by", "revoked_by"))
    in_force = next((waiver for waiver in granted if waiver == held), None)
    context = {
        "artifact": found,
        "scan": scan,
        "state": _state(scan, held),
        "held": held,
        "in_force": in_force,  # as far as this user may know it
        "groups": _groups(scan) if scan else [],
        "waived_names": _waived_names(scan) if scan else [],
        "atlas_version": atlas.version(),
        "scans": found.scans.visible_to(request.user).select_related("scanned_by"),
        "waivers": granted,
        "models": models,
        "datasets": DatasetVersion.objects.visible_to(request.user).filter(artifact=found).select_related("dataset"),
        "rescannable": next((v for v in models if waivers.rescan.refusal(v, request.user) is None), None),
        "form": form or GrantWaiverForm(initial={"seen": scan.imports_sha256 if scan else ""}),
        "refusal": waivers.grant.refusal(found, request.user),
        "revoke_form": revoke_form or RevokeWaiverForm(),
        "revoke_refusal": waivers.revoke.refusal(in_force, request.user) if in_force else "",
        "events": AuditEvent.objects.about_file(found, request.user)[:12],
    }
    return render(request, "pages/artifact.html", context, status=status)


def _state(scan: Scan | None, waiver: Waiver | None) -> str:
    """As `ModelVersion.gate`, of the file itself."""
    if scan is None:
        return ModelVersion.Gate.NOT_SCANNED
    held = waiver is not None and waiver.imports_sha256 == scan.imports_sha256
    return ModelVersion.Gate.WAIVED if held and scan.verdict == Scan.Verdict.NEEDS_WAIVER else scan.verdict


def _groups(scan: Scan) -> list[dict]:
    """The imports by verdict, worst first, each with how it is used in plain words."""
    found = scan.document["imports"]
    return [
        {"verdict": verdict, "title": title, "note": note, "rows": rows}
        for verdict, title, note in GROUPS
        if (rows := [_row(one) for one in found if one["verdict"] == verdict])
    ]


def _waived_names(scan: Scan) -> list[str]:
    return [one["name"] for one in scan.document["imports"] if one["verdict"] == Scan.Verdict.NEEDS_WAIVER]


def _row(found: dict) -> dict:
    told = [words for use, words in USES.items() if use in found["uses"]]
    told += [use for use in found["uses"] if use not in USES and use != "import"]
    module, _, name = found["name"].rpartition(":")
    return {
        "module": module,
        "name": name,
        "uses": "; ".join(told) or "kept as a value, which the model may call when it is used",
        "note": found.get("note", ""),
    }
