"""What may be done to an object next, and where: fills `available_actions` by asking each action's own rule.

An app whose actions concern another app's rows says so here, as gates do for approvals.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse


@dataclass(frozen=True)
class Offer:
    """An @action on a kind of row, and the address that performs it. `at_row`: the address takes the row's id."""

    action: Callable
    method: str
    route: str
    at_row: bool = True


_offers: dict[type, list[Offer]] = {}


def offer(kind: type, action: Callable, *, method: str = "POST", route: str, at_row: bool = True) -> None:
    _offers.setdefault(kind, []).append(Offer(action, method, f"api:{route}", at_row))


def offers_of(kind: type) -> list[Offer]:
    return list(_offers.get(kind, []))


def kinds() -> list[type]:
    """Of rows on which something is offered."""
    return list(_offers)


class AvailableActionSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="As in the audit trail.")
    allowed = serializers.BooleanField(help_text="Whether you may do it now.")
    reason = serializers.CharField(allow_blank=True, help_text="Why not.")
    method = serializers.CharField()
    url = serializers.URLField()


@extend_schema_field(AvailableActionSerializer(many=True))
class AvailableActions(serializers.Field):
    """Every action on this row, allowed or not, with the reason why not."""

    def __init__(self, **kwargs) -> None:
        super().__init__(source="*", read_only=True, **kwargs)

    def to_representation(self, row) -> list[dict]:
        request = self.context["request"]
        return [_as_json(found, row, request) for found in offers_of(row._meta.model)]


def _as_json(found: Offer, row, request) -> dict:
    reason = found.action.refusal(row, request.user)
    return {
        "name": found.action.action_name,
        "allowed": reason is None,
        "reason": str(reason or ""),
        "method": found.method,
        "url": reverse(found.route, args=[row.pk] if found.at_row else [], request=request),
    }
