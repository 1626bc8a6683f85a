"""What is asked when someone wants an exception, and when someone decides on it."""

from datetime import timedelta

from django import forms
from django.utils import timezone

from assessments.catalogue import catalogue
from assessments.exceptions.states import LONGEST_DAYS, Event, Kind
from registry.forms import ActionForm


class RenewalForm(ActionForm):
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why the policy cannot be kept now, and what is done about it.",
    )
    compensating_control = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What keeps the risk small meanwhile, and who sees to it, for example each refusal is read by two.",
    )
    expiry = forms.DateField(
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="It holds until the end of this day.",
    )

    def __init__(self, *args, exception=None, **kwargs):
        super().__init__(*args, **kwargs)
        if exception is not None:
            self.initial |= {"reason": exception.reason, "compensating_control": exception.compensating_control}
            self._longest(exception.kind)

    def _longest(self, kind: str) -> None:
        days = LONGEST_DAYS[Kind(kind)]
        last = timezone.localdate() + timedelta(days=days)
        self.fields[
            "expiry"
        ].help_text = f"It holds until the end of this day: at most {days} days, to {last:%-d %b %Y}."


class ExceptionForm(RenewalForm):
    """`about` is what the address named: then only words and a day are asked."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label[:1].upper() + kind.label[1:]) for kind in (Kind.TEST, Kind.USE)],
        label="For",
        help_text="The risk of a finding is accepted from its page; a failed criterion, from its test's page.",
    )
    test = forms.ChoiceField(required=False, label="Missing test", help_text="Where a test is missing: which one.")
    field_order = ("kind", "test", "reason", "compensating_control", "expiry")

    def __init__(self, *args, about: dict, version, **kwargs):
        super().__init__(*args, **kwargs)
        self.about = about
        self.fields["test"].sometimes_required = True
        titles = sorted((entry["title"], test) for test, entry in catalogue().items())
        self.fields["test"].choices = [("", "None"), *((test, title) for title, test in titles)]
        if about:
            del self.fields["kind"], self.fields["test"]
            self._longest(about["kind"])
        else:
            self.fields["expiry"].help_text += " A use before validation lasts 90 days at most, others 365."

    def asked(self) -> dict:
        """What the action `request_exception` takes."""
        return self.cleaned_data | self.about


class ExceptionStepForm(ActionForm):
    """One event and its words."""

    event = forms.ChoiceField(
        choices=[(event.value, event.value) for event in Event if event != Event.EXPIRE], widget=forms.HiddenInput
    )
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))
