"""The whole URL map on one screen."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path, re_path

from modelrisk.pages import (
    account,
    artifact,
    audit,
    decision,
    dossier,
    history,
    inbox,
    inventory,
    model,
    people,
    questions,
    reauthenticate,
    review,
    sign_in,
    upkeep,
    version,
    walkthrough,
)
from modelrisk.pages.health import healthz

SHA256 = "(?P<sha256>[0-9a-f]{64})"
pages = [
    path("", inbox.inbox, name="inbox"),
    path("running/", inbox.running, name="running"),
    path("login/", sign_in.SignIn.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("reauthenticate/", reauthenticate.reauthenticate, name="reauthenticate"),
    path("people/", people.people, name="people"),
    path("people/roles/", people.roles, name="roles"),
    path("people/grants/<int:pk>/grant/", people.grant, name="role-grant"),
    path("people/grants/<int:pk>/end/", people.end, name="role-end"),
    path("people/service-accounts/", people.make_account, name="service-account-make"),
    path("people/service-accounts/<int:pk>/token/", people.make_token, name="service-account-token"),
    path("people/parts/<int:pk>/end/", people.end_part, name="assignment-end"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/tokens/revoke/", account.revoke, name="token-revoke"),
    path("models/", inventory.models, name="models"),
    path("", include("registry.urls")),
    path("models/<slug:slug>/", model.model, name="model"),
    path("models/<slug:slug>/people/", people.model_people, name="model-people"),
    path("models/<slug:slug>/v<int:number>/", version.version, name="version"),
    path("models/<slug:slug>/v<int:number>/rescan/", artifact.rescan, name="version-rescan"),
    path("models/<slug:slug>/v<int:number>/upkeep/", upkeep.upkeep, name="upkeep"),
    path("models/<slug:slug>/v<int:number>/upkeep/trigger/", upkeep.trigger, name="version-trigger"),
    path("models/<slug:slug>/v<int:number>/upkeep/change/", upkeep.classify, name="version-change"),
    path("models/<slug:slug>/v<int:number>/attest/", upkeep.attest, name="attest"),
    path("models/<slug:slug>/v<int:number>/steps/<str:event>/", version.step, name="version-step"),
    path("models/<slug:slug>/v<int:number>/review/", review.review, name="review"),
    path("decisions/<int:pk>/", decision.decision, name="decision"),
    path("dossiers/<int:pk>/", dossier.dossier, name="dossier"),
    path("dossiers/<int:pk>/dossier.json", dossier.document, name="dossier-document"),
    re_path(f"^artifacts/{SHA256}/$", artifact.artifact, name="artifact"),
    re_path(f"^artifacts/{SHA256}/waivers/(?P<pk>[0-9]{{1,18}})/revoke/$", artifact.revoke, name="waiver-revoke"),
    path("", include("assessments.urls")),
    path("decisions/<int:pk>/authority/", walkthrough.who, name="decision-authority"),
    path("decisions/<int:pk>/evidence/", walkthrough.runs, name="decision-evidence"),
    path("decisions/<int:pk>/evidence/check/", walkthrough.check, name="decision-check-evidence"),
    path("decisions/<int:pk>/thresholds/", walkthrough.limits, name="decision-thresholds"),
    path("decisions/<int:pk>/failed/", walkthrough.failed, name="decision-failed"),
    path("decisions/<int:pk>/independence/", walkthrough.independence, name="decision-independence"),
    path("decisions/<int:pk>/since/", walkthrough.since_then, name="decision-since"),
    path("decisions/<int:pk>/pack/", walkthrough.pack, name="decision-pack"),
    path("decisions/<int:pk>/pack.zip", walkthrough.pack_file, name="decision-pack-file"),
    path("models/<slug:slug>/v<int:number>/evidence-pack.zip", walkthrough.version_pack, name="version-pack-file"),
    path("models/<slug:slug>/v<int:number>/check-evidence/", walkthrough.check_version, name="version-check-evidence"),
    path("audit/", audit.audit, name="audit"),
    path("audit/questions/", questions.questions, name="audit-questions"),
    path("audit/findings/", questions.findings_on, name="findings-on"),
    path("audit/expired-in-use/", questions.expired_in_use, name="expired-in-use"),
    path("audit/without-approval/", questions.without_approval, name="without-approval"),
    path("audit/decisions/", questions.population_of, name="population"),
    path("audit/decisions.csv", questions.population_file, name="population-file"),
    path("assessments/<int:pk>/reproduce/", questions.reproduce, name="reproduce"),
    path("audit/verify_pack.py", walkthrough.verifier, name="pack-verifier"),
    path("audit/verify/", audit.verify, name="audit-verify"),
    path("audit/verify_log.py", audit.verifier, name="audit-verifier"),
    path("audit/checkpoints/<int:number>.json", audit.checkpoint, name="audit-checkpoint"),
    re_path(r"^audit/export\.(?P<form>csv|jsonl)$", audit.export_log, name="audit-export"),
    path("audit/events/<int:pk>/", audit.event, name="audit-event"),
    path("history/<str:kind>/<int:pk>/", history.history, name="history"),
    path("history/<str:kind>/<int:pk>/as-of/", history.as_of_day, name="as-of"),
]

admin.site.login_form = sign_in.AdminSignInForm
urlpatterns = [
    *pages,
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("modelrisk.api")),
]

handler400 = "modelrisk.pages.errors.bad_request"
handler403 = "modelrisk.pages.errors.forbidden"
handler404 = "modelrisk.pages.errors.not_found"
handler500 = "modelrisk.pages.errors.server_error"
