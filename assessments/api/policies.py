"""What models are held to, over REST: versions, their making and signing, what differs, what a change would do."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from assessments.actions import policies as actions
from assessments.models import Policy, PolicySignature, PolicyVersion, Verdict
from assessments.policy.comparing import Changed, Difference, compare
from assessments.policy.force import HOUSE, in_force
from assessments.policy.replay import Outcome, Replay, replay
from registry.api import inputs
from registry.api.offers import AvailableActions, offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import LinkSerializer, username
from registry.refusals import BadInput, Conflict


class PolicySignatureSerializer(serializers.ModelSerializer):
    signer = username()

    class Meta:
        model = PolicySignature
        fields = ["signer", "role", "comment", "sha256", "authenticated_at", "signed_at"]


class PolicyVersionRowSerializer(serializers.ModelSerializer):
    """As it stands in a list."""

    url = serializers.HyperlinkedIdentityField(view_name="api:policy-version-detail")
    policy = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    in_force = serializers.BooleanField(source="is_in_force", read_only=True)
    drafted_by = username()
    ended_by = username(allow_null=True)
    signatures = PolicySignatureSerializer(many=True, read_only=True)

    class Meta:
        model = PolicyVersion
        fields = [
            "id",
            "url",
            "policy",
            "number",
            "state",
            "in_force",
            "sha256",
            "rationale",
            "origin",
            "drafted_by",
            "drafted_at",
            "proposed_at",
            "wanted_from",
            "approved_at",
            "effective_from",
            "effective_to",
            "signatures",
            "ended_by",
            "ended_at",
            "ended_because",
        ]


class PolicyVersionSerializer(PolicyVersionRowSerializer):
    document = serializers.DictField(read_only=True, help_text="Criteria, mandatory battery and age of evidence.")
    runs = serializers.SerializerMethodField(help_text="How many assessments that you see were judged by it.")
    available_actions = AvailableActions()

    class Meta(PolicyVersionRowSerializer.Meta):
        fields = [*PolicyVersionRowSerializer.Meta.fields, "document", "runs", "available_actions"]

    def get_runs(self, version) -> int:
        return int(version.assessments.visible_to(self.context["request"].user).count())


class DraftSerializer(serializers.Serializer):
    base = VisibleRow(
        queryset=PolicyVersion.objects.all(), required=False, help_text="Whose document it begins with; the newest."
    )
    document = serializers.JSONField(required=False, help_text="As `document/` gives it; instead of that of the base.")
    rationale = serializers.CharField(required=False, allow_blank=True)


class EditSerializer(serializers.Serializer):
    document = serializers.JSONField(required=False)
    rationale = serializers.CharField(required=False, allow_blank=True)


class ProposalSerializer(serializers.Serializer):
    rationale = serializers.CharField(required=False, help_text="Why it differs from the version before.")
    effective_from = serializers.DateTimeField(
        required=False, allow_null=True, help_text="At once with the last signature, where there is none."
    )


class SignatureSerializer(serializers.Serializer):
    comment = serializers.CharField(required=False, allow_blank=True)


class EndingSerializer(serializers.Serializer):
    reason = serializers.CharField()


class FromToSerializer(serializers.Serializer):
    field = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class ChangedCriterionSerializer(serializers.Serializer):
    test = serializers.CharField()
    metric = serializers.CharField()
    title = serializers.CharField()
    scope = serializers.DictField()
    changes = FromToSerializer(many=True)
    rationale = serializers.CharField(allow_blank=True)


class TierChangeSerializer(serializers.Serializer):
    tier = serializers.CharField()
    added = serializers.ListField(child=serializers.CharField(), help_text="Tests that become mandatory.")
    removed = serializers.ListField(child=serializers.CharField())
    changes = FromToSerializer(many=True)


class PolicyDifferenceSerializer(serializers.Serializer):
    """From one version to another."""

    old = LinkSerializer()
    new = LinkSerializer()
    summary = serializers.CharField()
    rationale = serializers.CharField(allow_blank=True, help_text="Of the newer version as a whole.")
    changed = ChangedCriterionSerializer(many=True)
    added = serializers.ListField(child=serializers.DictField())
    removed = serializers.ListField(child=serializers.DictField())
    tiers = TierChangeSerializer(many=True)


class WordChangeSerializer(serializers.Serializer):
    """How many have another word. null: one of the policies says nothing of it."""

    before = serializers.ChoiceField(choices=Verdict.Word.choices, allow_null=True)
    after = serializers.ChoiceField(choices=Verdict.Word.choices, allow_null=True)
    count = serializers.IntegerField()


class ReplayedVerdictSerializer(serializers.Serializer):
    test = serializers.CharField()
    metric = serializers.CharField()
    title = serializers.CharField()
    group = serializers.DictField()
    before = serializers.ChoiceField(choices=Verdict.Word.choices, allow_null=True)
    after = serializers.ChoiceField(choices=Verdict.Word.choices, allow_null=True)
    value = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class PolicyOutcomeSerializer(serializers.Serializer):
    """One assessment under another policy; nothing was run again."""

    assessment = LinkSerializer()
    version = LinkSerializer()
    policy = LinkSerializer()
    before = serializers.ChoiceField(choices=Verdict.Word.choices, help_text="The worst word, as recorded.")
    after = serializers.ChoiceField(choices=Verdict.Word.choices, help_text="The worst word under this policy.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Of words, under this policy.")
    changes = ReplayedVerdictSerializer(many=True)


class PolicyReplaySerializer(serializers.Serializer):
    """The newest assessment of each version that is in use or put to a decision, and that you see."""

    policy = LinkSerializer()
    assessments = serializers.IntegerField()
    changed = serializers.IntegerField(help_text="How many of them have another word anywhere.")
    overall = WordChangeSerializer(many=True, help_text="Of the worst word of an assessment.")
    criteria = WordChangeSerializer(many=True, help_text="Of single numbers.")
    rows = PolicyOutcomeSerializer(many=True)


class PolicyVersionFilters(ListFilters):
    state = serializers.ChoiceField(choices=PolicyVersion.State.choices, required=False)
    in_force_at = serializers.DateTimeField(
        required=False, help_text="Only the one that was in force at this moment, for example 2026-03-31T23:59:59Z."
    )


class Against(ListFilters):
    against = VisibleRow(
        queryset=PolicyVersion.objects.all(), required=False, help_text="The older one; the approved one before it."
    )


class PolicyVersionViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Versions of the house policy: each drafted by one person and signed by two others."""

    queryset = PolicyVersion.objects.select_related("policy", "drafted_by", "ended_by").prefetch_related(
        "signatures__signer"
    )

    def get_serializer_class(self):
        return PolicyVersionRowSerializer if self.action == "list" else PolicyVersionSerializer

    @extend_schema(parameters=[PolicyVersionFilters])
    def list(self, request):
        """All versions, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        asked = PolicyVersionFilters.read(self)
        moment = asked.pop("in_force_at", None)
        rows = rows.filter(**asked).defer("document")
        return rows.in_force(moment) if moment else rows

    @extend_schema(request=DraftSerializer, responses={201: PolicyVersionSerializer})
    def create(self, request):
        """Draft a version, from the newest or with a document of your own. One is open at a time."""
        policy = Policy.objects.get(slug=HOUSE)
        made = actions.draft(policy, actor=request.user, **inputs.read(self, DraftSerializer))
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT})
    @route(detail=True, methods=["get"], pagination_class=None)
    def document(self, request, pk=None):
        """The document alone, as `create` and `PUT` take it."""
        return Response(self.get_object().document)

    @extend_schema(request=EditSerializer, responses={200: PolicyVersionSerializer})
    @document.mapping.put
    def edit(self, request, pk=None):
        """Change what a draft says. Everything wrong with a document is told at once, in `detail.problems`."""
        return self._acted(actions.edit, EditSerializer)

    @extend_schema(request=ProposalSerializer, responses={200: PolicyVersionSerializer})
    @route(detail=True, methods=["post"])
    def propose(self, request, pk=None):
        """Ask two other people to sign it. From now on nobody changes it."""
        return self._acted(actions.propose, ProposalSerializer)

    @extend_schema(request=SignatureSerializer, responses={200: PolicyVersionSerializer})
    @route(detail=True, methods=["post"])
    def sign(self, request, pk=None):
        """Approve it in your name, in a session in which you just gave your password; a token never signs."""
        return self._acted(actions.sign, SignatureSerializer)

    @extend_schema(request=EndingSerializer, responses={200: PolicyVersionSerializer})
    @route(detail=True, methods=["post"])
    def reject(self, request, pk=None):
        """It will not take effect."""
        return self._acted(actions.reject, EndingSerializer)

    @extend_schema(request=EndingSerializer, responses={200: PolicyVersionSerializer})
    @route(detail=True, methods=["post"])
    def withdraw(self, request, pk=None):
        """Take a draft or a proposal back."""
        return self._acted(actions.withdraw, EndingSerializer)

    @extend_schema(parameters=[Against], responses=PolicyDifferenceSerializer, filters=False)
    @route(detail=True, methods=["get"], pagination_class=None)
    def difference(self, request, pk=None):
        """What it says otherwise than an older version: limits old and new, with the rationale."""
        new = self.get_object()
        old = Against.read(self).get("against") or before(new)
        if old is None:
            raise BadInput(f"{new} is the first.", hint="Name another with `against`.", field="against")
        return Response(difference_json(old, new, self.request))

    @extend_schema(responses=PolicyReplaySerializer, filters=False)
    @route(detail=True, methods=["get"], pagination_class=None)
    def replay(self, request, pk=None):
        """What it would change, were it in force: stored measures judged by it, no test is run again."""
        version = self.get_object()
        return Response(replay_json(replay(version.document, user=request.user), version, request))

    def _acted(self, act, given: type[serializers.Serializer]) -> Response:
        act(self.get_object(), actor=self.request.user, **inputs.read(self, given))
        return Response(self.get_serializer(self.get_object()).data)


def before(version: PolicyVersion) -> PolicyVersion | None:
    """The approved version that it follows, or would follow."""
    earlier = version.policy.versions.filter(state=PolicyVersion.State.APPROVED, number__lt=version.number)
    found: PolicyVersion | None = earlier.select_related("policy").first()
    return found


def named_or_in_force(version: PolicyVersion | None) -> PolicyVersion:
    found = version or in_force()
    if found is None:
        raise Conflict("No policy is in force.")
    return found


def difference_json(old: PolicyVersion, new: PolicyVersion, request) -> dict:
    found: Difference = compare(old.document, new.document)
    return {
        "old": link(old, "policy-version-detail", request),
        "new": link(new, "policy-version-detail", request),
        "summary": found.told,
        "rationale": new.rationale,
        "changed": [_changed(one) for one in found.changed],
        "added": found.added,
        "removed": found.removed,
        "tiers": [
            {
                "tier": one.tier,
                "added": one.added,
                "removed": one.removed,
                "changes": [
                    _from_to(name, pair) for name, pair in (("plan", one.plan), ("evidence_days", one.days)) if pair
                ],
            }
            for one in found.tiers
        ],
    }


def _changed(one: Changed) -> dict:
    named = {name: one.criterion[name] for name in ("test", "metric", "title")}
    changes = [_from_to(name, pair) for name, pair in (one.limits | one.words).items()]
    return {**named, "scope": one.criterion.get("scope") or {}, "changes": changes, "rationale": one.rationale}


def _from_to(name: str, pair: tuple) -> dict:
    return {"field": name, "old": pair[0], "new": pair[1]}


def replay_json(found: Replay, version: PolicyVersion, request) -> dict:
    return {
        "policy": link(version, "policy-version-detail", request),
        "assessments": found.assessments,
        "changed": found.changed,
        "overall": _counts(found.overall),
        "criteria": _counts(found.criteria),
        "rows": [outcome_json(row, version, request) for row in found.rows],
    }


def outcome_json(row: Outcome, version: PolicyVersion, request) -> dict:
    return {
        "assessment": link(row.assessment, "assessment-detail", request),
        "version": link(row.assessment.version, "version-detail", request),
        "policy": link(version, "policy-version-detail", request),
        "before": row.before,
        "after": row.after,
        "counts": row.counts,
        "changes": ReplayedVerdictSerializer(row.changes, many=True).data,
    }


def _counts(rows: list[tuple[str | None, str | None, int]]) -> list[dict]:
    return [{"before": before, "after": after, "count": n} for before, after, n in rows]


def link(row, name: str, request) -> dict:
    return {"id": row.pk, "label": str(row), "url": reverse(f"api:{name}", args=[row.pk], request=request)}


for _name in ("edit", "propose", "sign", "reject", "withdraw"):
    _method, _route = ("PUT", "document") if _name == "edit" else ("POST", _name)
    offer(PolicyVersion, getattr(actions, _name), method=_method, route=f"policy-version-{_route}")
