"""What one was told, and the webhooks by which other systems are."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from registry.forms import ActionForm
from registry.models import Delivery, Notification, Webhook
from registry.notifying import EVENTS, webhooks
from registry.refusals import Refused
from registry.views.keyset import before_id

SHOWN_DELIVERIES = 20


@require_GET
def notifications(request) -> HttpResponse:
    mine = Notification.objects.visible_to(request.user)
    only_unread = request.GET.get("show") == "unread"
    context = {
        "page": before_id(mine.unread() if only_unread else mine, request),
        "unread": mine.unread().count(),
        "only_unread": only_unread,
        "keeps_webhooks": webhooks.add.refusal(Webhook, request.user) is None,
    }
    return render(request, "registry/notifications.html", context)


@require_POST
def read(request) -> HttpResponse:
    """Mark one as read and go where it leads; without one, mark all."""
    mine = Notification.objects.visible_to(request.user)
    given = request.POST.get("notification", "")
    if not given:
        mine.unread().update(read_at=timezone.now())
        return redirect("notifications")
    told = get_object_or_404(mine, pk=given if given.isdecimal() and len(given) < 19 else 0)
    mine.unread().filter(pk=told.pk).update(read_at=timezone.now())
    return redirect(told.url if told.url.startswith("/") and not told.url.startswith("//") else "notifications")


class WebhookForm(ActionForm):
    name = forms.CharField(max_length=80, help_text="For example Risk channel.")
    url = forms.CharField(max_length=500, label="Address", help_text="https only; it is called with a small JSON body.")
    events = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {said}") for name, said in EVENTS.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: it hears of all.",
    )


@never_cache
@require_http_methods(["GET", "POST"])
def hooks(request) -> HttpResponse:
    """Posting adds one; its secret is in this one answer and nowhere else."""
    if request.method == "GET" and (reason := webhooks.add.refusal(Webhook, request.user)):
        raise Refused(reason)
    form, made = WebhookForm(request.POST or None), None
    if request.method == "POST":
        made = form.perform(lambda: webhooks.add(Webhook, actor=request.user, **form.cleaned_data))
    if made is not None:
        form = WebhookForm()
    deliveries = Delivery.objects.filter(webhook__isnull=False).select_related("webhook")
    context = {
        "form": form,
        "made": made,
        "hooks": Webhook.objects.select_related("made_by"),
        "deliveries": deliveries[:SHOWN_DELIVERIES],
    }
    return render(request, "registry/webhooks.html", context, status=201 if made else form.status)


@require_POST
def end_hook(request, pk: int) -> HttpResponse:
    hook = get_object_or_404(Webhook.objects.visible_to(request.user), pk=pk)
    webhooks.end(hook, actor=request.user)
    messages.success(request, f"The webhook {hook} is told nothing any more.")
    return redirect("webhooks")
