"""What one was told, and webhooks."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry.api import inputs
from registry.api.offers import AvailableActions, offer
from registry.api.reading import ListFilters, VisibleRows
from registry.api.serializers import username
from registry.models import Delivery, Notification, Webhook
from registry.notifying import EVENTS, webhooks


class NotificationSerializer(serializers.ModelSerializer):
    event = serializers.CharField(read_only=True)
    page = serializers.CharField(source="url", read_only=True, help_text="About it, from the root of this site.")

    class Meta:
        model = Notification
        fields = ["id", "key", "event", "subject", "body", "page", "made_at", "read_at"]


class NotificationFilters(ListFilters):
    unread = serializers.BooleanField(required=False, default=None, allow_null=True)


class MarkReadSerializer(serializers.Serializer):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=1000,
        help_text="Without them: all.",
    )


class MarkedSerializer(serializers.Serializer):
    unread = serializers.IntegerField(help_text="How many are left.")


class NotificationViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """What you were told; each thing once."""

    queryset = Notification.objects.all()
    serializer_class = NotificationSerializer

    @extend_schema(parameters=[NotificationFilters])
    def list(self, request):
        """Your notifications, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        unread = NotificationFilters.read(self).get("unread")
        return rows if unread is None else rows.filter(read_at__isnull=unread)

    @extend_schema(request=MarkReadSerializer, responses=MarkedSerializer, filters=False)
    @route(detail=False, methods=["post"], pagination_class=None)
    def read(self, request):
        """Mark some as read, or all of them."""
        rows = self.get_queryset().unread()
        ids = inputs.read(self, MarkReadSerializer).get("ids")
        (rows if ids is None else rows.filter(pk__in=ids)).update(read_at=timezone.now())
        return Response({"unread": rows.count()})


class WebhookSerializer(serializers.ModelSerializer):
    made_by = username()
    events = serializers.ListField(child=serializers.CharField(), read_only=True)
    available_actions = AvailableActions()

    class Meta:
        model = Webhook
        fields = ["id", "name", "url", "events", "active", "made_by", "made_at", "available_actions"]


class MadeWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="Signatures are made with it; it is not shown again.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class NewWebhookSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=500, help_text="https only.")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=list(EVENTS)), required=False, help_text="None: all."
    )


class DeliverySerializer(serializers.ModelSerializer):
    class Meta:
        model = Delivery
        fields = ["id", "key", "state", "attempts", "next_try_at", "answer", "made_at", "ended_at"]


class WebhookViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Addresses of other systems that are told of events; kept by administrators."""

    queryset = Webhook.objects.select_related("made_by")
    serializer_class = WebhookSerializer

    @extend_schema(request=NewWebhookSerializer, responses={201: MadeWebhookSerializer})
    def create(self, request):
        """Add one. Its secret is in this answer and nowhere else.

        Each call carries `X-ModelRisk-Signature: t=<seconds>,v1=<hex>`: HMAC-SHA256 with the secret over
        `<seconds>.<body>`; and `X-ModelRisk-Delivery`, the same number in each attempt.
        """
        made = webhooks.add(Webhook, actor=request.user, **inputs.read(self, NewWebhookSerializer))
        return Response(MadeWebhookSerializer(made, context=self.get_serializer_context()).data, status=201)

    @extend_schema(request=None, responses=WebhookSerializer)
    @route(detail=True, methods=["post"])
    def end(self, request, pk=None):
        """Tell it nothing any more."""
        webhooks.end(self.get_object(), actor=request.user)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses=DeliverySerializer(many=True), filters=False)
    @route(detail=True, methods=["get"], serializer_class=DeliverySerializer)
    def deliveries(self, request, pk=None):
        """What it was sent and what came back, newest first."""
        return self.page_of(self.get_object().deliveries.all(), DeliverySerializer)


offer(Webhook, webhooks.end, route="webhook-end")
