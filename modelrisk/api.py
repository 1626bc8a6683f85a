"""/api/v1/: every viewset of both apps in one list, the document about them, and the docs that show it."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from assessments.api.assessments import (
    AssessmentViewSet,
    ExplainabilityViewSet,
    FairnessViewSet,
    RobustnessViewSet,
)
from assessments.api.coverage import CoverageView, RegulationView
from assessments.api.exceptions import ExceptionViewSet
from assessments.api.findings import FindingViewSet
from assessments.api.policies import PolicyVersionViewSet
from assessments.api.reference import CatalogueView, PolicyView
from modelrisk.pages.people.api import ModelPeopleView, RolesView
from modelrisk.pages.waiting.api import InboxView
from modelrisk.questions import api as questions
from modelrisk.walkthrough import api as walkthrough
from registry.api.accounts import LoginView, LogoutView, PasswordView, ReauthenticateView, WhoAmIView
from registry.api.artifacts import ArtifactViewSet, WaiverViewSet
from registry.api.audit import (
    AuditCheckpointViewSet,
    AuditCheckViewSet,
    AuditEventViewSet,
    AuditKeyView,
    AuditSealViewSet,
)
from registry.api.case import DossierViewSet
from registry.api.datasets import DatasetVersionViewSet, DatasetViewSet
from registry.api.models import ModelViewSet, VersionViewSet
from registry.api.notifications import NotificationViewSet, WebhookViewSet
from registry.api.people import AssignmentViewSet, RoleGrantViewSet, ServiceAccountViewSet
from registry.api.reading import AsAsked
from registry.api.retention import LegalHoldViewSet, PurgeViewSet, RetentionOfFileView, RetentionView
from registry.api.tiering import TieringView, TierRatingViewSet
from registry.api.trail import DecisionViewSet
from registry.api.upkeep import (
    AttestationViewSet,
    ChangeNoteViewSet,
    ConditionViewSet,
    RevalidationTriggerViewSet,
)

router = SimpleRouter()
router.register("models", ModelViewSet, basename="model")
router.register("versions", VersionViewSet, basename="version")
router.register("artifacts", ArtifactViewSet, basename="artifact")
router.register("waivers", WaiverViewSet, basename="waiver")
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("dataset-versions", DatasetVersionViewSet, basename="dataset-version")
router.register("assessments", AssessmentViewSet, basename="assessment")
router.register("policy-versions", PolicyVersionViewSet, basename="policy-version")
router.register("findings", FindingViewSet, basename="finding")
router.register("conditions", ConditionViewSet, basename="condition")
router.register("revalidation-triggers", RevalidationTriggerViewSet, basename="revalidation-trigger")
router.register("attestations", AttestationViewSet, basename="attestation")
router.register("change-notes", ChangeNoteViewSet, basename="change-note")
router.register("exceptions", ExceptionViewSet, basename="exception")
# The direct doors of the original system.
router.register("robustness", RobustnessViewSet, basename="robustness")
router.register("fairness", FairnessViewSet, basename="fairness")
router.register("explainability", ExplainabilityViewSet, basename="explainability")
router.register("role-grants", RoleGrantViewSet, basename="role-grant")
router.register("assignments", AssignmentViewSet, basename="assignment")
router.register("service-accounts", ServiceAccountViewSet, basename="service-account")
router.register("dossiers", DossierViewSet, basename="dossier")
router.register("decisions", DecisionViewSet, basename="decision")
router.register("notifications", NotificationViewSet, basename="notification")
router.register("webhooks", WebhookViewSet, basename="webhook")
router.register("tier-ratings", TierRatingViewSet, basename="tier-rating")
router.register("legal-holds", LegalHoldViewSet, basename="legal-hold")
router.register("purges", PurgeViewSet, basename="purge")
router.register("audit-events", AuditEventViewSet, basename="audit-event")
router.register("audit-seals", AuditSealViewSet, basename="audit-seal")
router.register("audit-checkpoints", AuditCheckpointViewSet, basename="audit-checkpoint")
router.register("audit-checks", AuditCheckViewSet, basename="audit-check")


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files: no script in the page, no network."""

    url_name = "api:schema"
    template_name = "api/docs.html"


class NoSuchAddress(APIView):
    """An unknown address under /api/v1/ answers in JSON too."""

    schema = None
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request, *args, **kwargs):
        raise NotFound("There is nothing at this address.")


decision_urls = [
    path("authority/", walkthrough.AuthorityView.as_view(), name="decision-authority"),
    path("evidence/", walkthrough.EvidenceView.as_view(), name="decision-evidence"),
    path("check-evidence/", walkthrough.CheckEvidenceView.as_view(), name="decision-check-evidence"),
    path("thresholds/", walkthrough.ThresholdsView.as_view(), name="decision-thresholds"),
    path("failed/", walkthrough.FailedView.as_view(), name="decision-failed"),
    path("independence/", walkthrough.IndependenceView.as_view(), name="decision-independence"),
    path("since/", walkthrough.SinceView.as_view(), name="decision-since"),
    path("evidence-pack/", walkthrough.DecisionPackView.as_view(), name="decision-pack"),
]
version_urls = [
    path("check-evidence/", walkthrough.CheckVersionView.as_view(), name="version-check-evidence"),
    path("evidence-pack/", walkthrough.VersionPackView.as_view(), name="version-pack"),
    path("coverage/", CoverageView.as_view(), name="version-coverage"),
]

app_name = "api"
urlpatterns = [
    # A file: its address ends as files do, and says what it is whatever the client accepts.
    re_path(
        r"^assessments/(?P<pk>[0-9]{1,18})/charts/(?P<chart_id>[^/\x00]{1,120})\.(?P<picture>svg|png|csv)$",
        AssessmentViewSet.as_view({"get": "chart"}, content_negotiation_class=AsAsked),
        name="assessment-chart",
    ),
    re_path(
        r"^audit-events/export\.(?P<form>csv|jsonl)$",
        AuditEventViewSet.as_view({"get": "export"}, content_negotiation_class=AsAsked),
        name="audit-export",
    ),
    path("audit-keys/", AuditKeyView.as_view(), name="audit-keys"),
    *router.urls,
    re_path("^decisions/(?P<pk>[0-9]{1,18})/", include(decision_urls)),
    re_path("^versions/(?P<pk>[0-9]{1,18})/", include(version_urls)),
    re_path("^models/(?P<pk>[0-9]{1,18})/people/$", ModelPeopleView.as_view(), name="model-people"),
    path("roles/", RolesView.as_view(), name="roles"),
    path("audit-questions/", questions.QuestionsView.as_view(), name="audit-questions"),
    path("audit-questions/findings-on/", questions.FindingsOnView.as_view(), name="findings-on"),
    path("audit-questions/expired-in-use/", questions.ExpiredInUseView.as_view(), name="expired-in-use"),
    path("audit-questions/without-approval/", questions.WithoutApprovalView.as_view(), name="without-approval"),
    path("audit-questions/decisions.csv", questions.PopulationView.as_view(), name="population"),
    re_path(
        "^assessments/(?P<pk>[0-9]{1,18})/reproduce/$", questions.ReproduceView.as_view(), name="assessment-reproduce"
    ),
    path("regulation/", RegulationView.as_view(), name="regulation"),
    path("retention/", RetentionView.as_view(), name="retention"),
    re_path("^artifacts/(?P<pk>[0-9]{1,18})/retention/$", RetentionOfFileView.as_view(), name="artifact-retention"),
    path("tiering/", TieringView.as_view(), name="tiering"),
    path("catalogue/", CatalogueView.as_view(), name="catalogue"),
    path("inbox/", InboxView.as_view(), name="inbox"),
    path("policy/", PolicyView.as_view(), name="policy"),
    path("auth/login/", LoginView.as_view(), name="login"),
    path("auth/logout/", LogoutView.as_view(), name="logout"),
    path("auth/reauthenticate/", ReauthenticateView.as_view(), name="reauthenticate"),
    path("auth/password/", PasswordView.as_view(), name="password"),
    path("whoami/", WhoAmIView.as_view(), name="whoami"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", Docs.as_view(), name="docs"),
    re_path("", NoSuchAddress.as_view(), name="nothing"),
]
