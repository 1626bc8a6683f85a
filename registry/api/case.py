"""The steps of a version's case over REST, and what is signed in it. The rules are the actions'."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api import case_inputs, inputs
from registry.api.case_serializers import CaseSerializer, DossierRowSerializer, DossierSerializer, VoteSerializer
from registry.api.offers import offer
from registry.api.reading import FILE_ANSWERS, AsAsked, ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import VersionSerializer
from registry.approvals import actions
from registry.models import Dossier, ModelVersion
from registry.views.files import send_dossier


class CaseSteps:
    """Mixed into the versions: each step answers with the version as it then is, but for those that make a row."""

    def _step(self, act, form: type | None = None) -> Response:
        version = self.get_object()
        act(version, actor=self.request.user, **(inputs.read(self, form) if form else {}))
        return Response(VersionSerializer(self.get_object(), context=self.get_serializer_context()).data)

    @extend_schema(responses=CaseSerializer(many=True), filters=False)
    @route(detail=True, methods=["get"])
    def cases(self, request, pk=None):
        """Its cases, newest first, each with its validation and its dossiers."""
        rows = self.get_object().approval_requests.select_related(
            *("version__model", "requested_by", "validator", "validated_by")
        )
        return self.page_of(rows.prefetch_related("dossiers__frozen_by"), CaseSerializer)

    @extend_schema(request=case_inputs.SubmissionSerializer, responses={201: CaseSerializer})
    @route(detail=True, methods=["post"])
    def submit(self, request, pk=None):
        """Hand the version to the validating side, with the evidence as it is now."""
        version = self.get_object()
        case = actions.submit(version, actor=request.user, **inputs.read(self, case_inputs.SubmissionSerializer))
        return Response(CaseSerializer(case, context=self.get_serializer_context()).data, status=201)

    @extend_schema(request=case_inputs.AssignmentOfValidatorSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"], url_path="start-validation")
    def start_validation(self, request, pk=None):
        """Assign the lead validator, and say what is validated."""
        return self._step(actions.start_validation, case_inputs.AssignmentOfValidatorSerializer)

    @extend_schema(request=case_inputs.StepReasonSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"], url_path="return", url_name="return")
    def send_back(self, request, pk=None):
        """End the case: the owner answers the gaps, and submits anew."""
        return self._step(actions.send_back, case_inputs.StepReasonSerializer)

    @extend_schema(request=case_inputs.ReportSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def validate(self, request, pk=None):
        """The lead validator's signature under the report. Never with a token."""
        return self._step(actions.validate, case_inputs.ReportSerializer)

    @extend_schema(request=case_inputs.ReportSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"], url_path="fail-validation")
    def fail_validation(self, request, pk=None):
        """The version is not fit for its use. Signed by the lead validator, never with a token."""
        return self._step(actions.fail_validation, case_inputs.ReportSerializer)

    @extend_schema(request=None, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"], url_path="put-to-decision")
    def put_to_decision(self, request, pk=None):
        """Freeze the dossier that the deciders sign."""
        return self._step(actions.put_to_decision)

    @extend_schema(request=case_inputs.NewVoteSerializer, responses={201: VoteSerializer})
    @route(detail=True, methods=["post"])
    def vote(self, request, pk=None):
        """Sign the dossier: approve, approve with conditions, reject or return. Never with a token.

        The vote that completes the quorum decides.
        """
        version = self.get_object()
        cast = actions.vote(version, actor=request.user, **inputs.read(self, case_inputs.NewVoteSerializer))
        return Response(VoteSerializer(cast, context=self.get_serializer_context()).data, status=201)

    @extend_schema(request=case_inputs.StepReasonSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def withdraw(self, request, pk=None):
        """Take the version back for good; another try is another version."""
        return self._step(actions.withdraw, case_inputs.StepReasonSerializer)


class DossierFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)


class DossierViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """What deciders sign, revision by revision. Frozen: nothing of it changes but that a later revision replaces it."""

    queryset = Dossier.objects.select_related("frozen_by", "request__version__model")

    def get_serializer_class(self):
        return DossierRowSerializer if self.action == "list" else DossierSerializer

    @extend_schema(parameters=[DossierFilters])
    def list(self, request):
        """Dossiers, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        return rows.filter(**{f"request__{name}": value for name, value in DossierFilters.read(self).items()})

    @extend_schema(responses=FILE_ANSWERS)
    @route(detail=True, methods=["get"], content_negotiation_class=AsAsked)
    def document(self, request, pk=None):
        """The document in its one canonical form: its SHA-256 is the one that was signed."""
        return send_dossier(self.get_object())


offer(ModelVersion, actions.submit, route="version-submit")
offer(ModelVersion, actions.start_validation, route="version-start-validation")
offer(ModelVersion, actions.send_back, route="version-return")
offer(ModelVersion, actions.validate, route="version-validate")
offer(ModelVersion, actions.fail_validation, route="version-fail-validation")
offer(ModelVersion, actions.put_to_decision, route="version-put-to-decision")
offer(ModelVersion, actions.vote, route="version-vote")
offer(ModelVersion, actions.withdraw, route="version-withdraw")
