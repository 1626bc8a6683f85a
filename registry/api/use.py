"""The use of a version over REST, from its deployment to its retirement. The rules are the actions'."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action as route
from rest_framework.response import Response

from registry.api import case_inputs, inputs
from registry.api.case_serializers import DeploymentSerializer
from registry.api.offers import offer
from registry.api.serializers import VersionSerializer
from registry.approvals import reinstating, use
from registry.models import ModelVersion


class UseSteps:
    """Mixed into the versions, beside CaseSteps."""

    @extend_schema(responses=DeploymentSerializer(many=True), filters=False)
    @route(detail=True, methods=["get"])
    def deployments(self, request, pk=None):
        """Where it is used, and was."""
        rows = self.get_object().deployments.select_related("version__model", "deployed_by")
        return self.page_of(rows, DeploymentSerializer)

    @extend_schema(request=case_inputs.NewDeploymentSerializer, responses={201: DeploymentSerializer})
    @route(detail=True, methods=["post"])
    def deploy(self, request, pk=None):
        """Bring the approved version into use. Older approved versions of the model are superseded by it."""
        version = self.get_object()
        made = use.deploy(version, actor=request.user, **inputs.read(self, case_inputs.NewDeploymentSerializer))
        return Response(DeploymentSerializer(made, context=self.get_serializer_context()).data, status=201)

    @extend_schema(request=case_inputs.StepReasonSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def restrict(self, request, pk=None):
        """It may be used only within the limits that the reason names."""
        return self._step(use.restrict, case_inputs.StepReasonSerializer)

    @extend_schema(request=case_inputs.StepReasonSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def suspend(self, request, pk=None):
        """It may not be used until its deciders reinstate it."""
        return self._step(use.suspend, case_inputs.StepReasonSerializer)

    @extend_schema(request=case_inputs.StepReasonSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def reinstate(self, request, pk=None):
        """Vote for its use again; the vote that completes the quorum brings it back. Never with a token."""
        return self._step(reinstating.reinstate, case_inputs.StepReasonSerializer)

    @extend_schema(request=case_inputs.DecommissioningSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def decommission(self, request, pk=None):
        """Begin to take it out of use."""
        return self._step(use.decommission, case_inputs.DecommissioningSerializer)

    @extend_schema(request=case_inputs.RetirementSerializer, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def retire(self, request, pk=None):
        """Out of use for good."""
        return self._step(use.retire, case_inputs.RetirementSerializer)


offer(ModelVersion, use.deploy, route="version-deploy")
offer(ModelVersion, use.restrict, route="version-restrict")
offer(ModelVersion, use.suspend, route="version-suspend")
offer(ModelVersion, reinstating.reinstate, route="version-reinstate")
offer(ModelVersion, use.decommission, route="version-decommission")
offer(ModelVersion, use.retire, route="version-retire")
