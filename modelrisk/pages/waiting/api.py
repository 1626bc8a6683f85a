"""The inbox over REST: the rows of the page, in its order."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from modelrisk.pages import waiting


class WaitingSerializer(serializers.Serializer):
    kind = serializers.CharField(help_text="Stays the same over releases, for example decide.")
    what = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    about = serializers.CharField()
    tier = serializers.IntegerField(allow_null=True)
    since = serializers.DateTimeField()
    due = serializers.DateField(allow_null=True)
    overdue = serializers.BooleanField(source="is_overdue")
    blocked = serializers.CharField(
        allow_blank=True, help_text="Your role could do it, and this conflict forbids it; empty where you may."
    )
    page = serializers.SerializerMethodField(help_text="Where a person does it.")

    def get_page(self, row: waiting.Waiting) -> str:
        return self.context["request"].build_absolute_uri(row.url)


class InboxSerializer(serializers.Serializer):
    count = serializers.IntegerField(help_text="Of the rows that are not blocked.")
    rows = WaitingSerializer(many=True)


class InboxView(APIView):
    @extend_schema(responses=InboxSerializer)
    def get(self, request):
        """What waits for you: overdue first, then what is due soonest; at the end what a conflict forbids."""
        rows = waiting.for_user(request.user)
        found = {"count": sum(not row.blocked for row in rows), "rows": rows}
        return Response(InboxSerializer(found, context={"request": request}).data)
