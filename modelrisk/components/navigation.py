"""Where one is, where one may go, and what has just happened."""

from django import template
from django.contrib.messages import get_messages
from django.urls import NoReverseMatch, reverse

from registry import access
from registry.models import Notification

register = template.Library()
MODEL_PAGES = (
    "model",
    "version",
    "assessment",
    "register-model",
    "tier",
    "artifact",
    "waiver",
    "decision",
    "dossier",
    "upkeep",
    "attest",
    "reproduce",
)  # how their names begin
AUDIT_PAGES = ("audit", "retention", "legal-hold", "purge")


@register.inclusion_tag("ui/nav.html", takes_context=True)
def nav(context):
    """The main navigation: only what exists and what this person may open."""
    request = context.get("request")
    user = getattr(request, "user", None)
    # An error page may be drawn before anybody is known, or because the database does not answer.
    if user is None or context.get("status") == 500 or not user.is_authenticated:
        return {"items": [], "end": []}
    from modelrisk.pages import waiting  # the pages use these tags themselves

    area = getattr(request.resolver_match, "url_name", "") or ""
    in_audit = request.path.startswith(reverse("audit"))
    items = [
        _item(
            "Inbox", "inbox", area in ("inbox", "review"), count=min(waiting.actable(waiting.of_request(request)), 99)
        ),
        _item(
            "Models",
            "models",
            area.startswith(MODEL_PAGES),
        ),
        _item("Datasets", "datasets", area.startswith("dataset")),
        _item("Findings", "findings", not in_audit and area.startswith(("finding", "condition", "exception"))),
        _item("Policies", "policies", area.startswith("polic") or area in ("methodology", "regulation", "clause")),
    ]
    if access.sees_everything(user):  # the whole log is for those who see every model
        items.append(_item("Audit", "audit", in_audit or area.startswith(AUDIT_PAGES)))
    bell = min(Notification.objects.visible_to(user).unread()[:100].count(), 99)
    end = [
        _item("Notifications", "notifications", area.startswith("notification"), count=bell),
        _item("People", "people", area.startswith(("people", "role"))),
        _item("API", "api:docs", False),
        _item(user.get_username(), "account", area == "account"),
    ]
    return {"items": [i for i in items if i], "end": [i for i in end if i], "user": user, "request": request}


def _item(text: str, name: str, current: bool, count: int = 0) -> dict | None:
    try:
        return {"text": text, "url": reverse(name), "current": current, "count": count}
    except NoReverseMatch:
        return None  # a page that this installation does not have


@register.inclusion_tag("ui/breadcrumb.html")
def breadcrumb(*crumbs):
    """breadcrumb "Models" url "Income" url "v3": pairs of text and address, the last without one."""
    pairs = [(crumbs[i], crumbs[i + 1] if i + 1 < len(crumbs) else "") for i in range(0, len(crumbs), 2)]
    return {"pairs": pairs}


@register.inclusion_tag("ui/flash.html", takes_context=True)
def flash(context):
    request = context.get("request")
    return {"messages": get_messages(request) if request is not None else []}


@register.filter
def reads_everything(user) -> bool:
    """Whether the whole audit trail is open to this person."""
    return access.sees_everything(user)
