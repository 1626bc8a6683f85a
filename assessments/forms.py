"""What is asked when an assessment is started."""

import uuid

from django import forms

from assessments import estimates
from assessments.actions.findings import DAYS_TO_END
from assessments.catalogue import catalogue
from assessments.findings.states import Event
from assessments.models import Assessment, Finding, Verdict
from registry.forms import ActionForm, LongSelect
from registry.models import DatasetVersion

WHAT_FOR = {
    "quick": "a first look, with fewer rows and resamples",
    "standard": "what a decision rests on",
    "thorough": "more rows and resamples, for narrower intervals",
}


def titled(entry: dict) -> str:
    """The test's title; with the plans that run it, where not all do."""
    plans = entry["plans"]
    return entry["title"] if len(plans) == len(WHAT_FOR) else f"{entry['title']} ({' and '.join(plans)} plan)"


def _time(version, on: DatasetVersion | None, plan_name: str) -> str:
    return "" if on is None else f" ({estimates.before_start(version, on, plan_name=plan_name)['text']})"


class StartForm(ActionForm):
    dataset_version = forms.ModelChoiceField(
        DatasetVersion.objects.none(), label="Data to assess it on", widget=LongSelect
    )
    reference = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        required=False,
        label="Training data",
        widget=LongSelect,
        help_text="Gives attacks and explanations their ranges and background.",
    )
    plan_name = forms.ChoiceField(label="Plan", widget=forms.RadioSelect, initial="standard")
    tests = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Only these tests",
        help_text="None marked: all tests of the plan.",
    )
    seed = forms.IntegerField(
        required=False, min_value=0, max_value=2**32 - 1, help_text="The same seed gives the same numbers."
    )
    # A form sent twice starts one assessment.
    key = forms.CharField(widget=forms.HiddenInput, max_length=80, required=False)

    def __init__(self, *args, user, version, **kwargs):
        super().__init__(*args, **kwargs)
        versions = DatasetVersion.objects.visible_to(user).select_related("dataset").order_by("-created_at")
        self.fields["dataset_version"].queryset = versions
        self.fields["reference"].queryset = versions
        # What the model was last assessed on is the likely choice.
        last = Assessment.objects.filter(version__model=version.model_id).values("dataset_version", "reference").first()
        self.initial |= last or {}
        self.fields["dataset_version"].empty_label = "Choose a dataset version"
        self.fields["reference"].empty_label = "None"
        self.fields["key"].initial = uuid.uuid4().hex
        on = self._likely(versions)
        self.fields["plan_name"].choices = [
            (value, f"{label}: {WHAT_FOR[value]}{_time(version, on, value)}")
            for value, label in Assessment.PlanName.choices
        ]
        if on is not None:
            self.fields["plan_name"].help_text = f"The times are estimates for {on} with {on.rows or 0:,} rows."
        self.fields["tests"].choices = [(test, titled(entry)) for test, entry in catalogue().items()]

    def _likely(self, versions) -> DatasetVersion | None:
        """The data that is chosen, or likely to be: the estimate is about it."""
        given = self.data.get("dataset_version") if self.is_bound else self.initial.get("dataset_version")
        chosen = versions.filter(pk=given).first() if str(given or "").isdecimal() else None
        return chosen or versions.first()

    def asked(self) -> dict:
        """What the action `start` takes."""
        given = dict(self.cleaned_data)
        return given | {"idempotency_key": given.pop("key") or None, "tests": given["tests"] or None}


def severity_label(value: str, label: str) -> str:
    days = DAYS_TO_END[value]
    return f"{label}: {days} days" if days else f"{label}: no day"


class RaiseFindingForm(ActionForm):
    title = forms.CharField(max_length=200, help_text="The issue in one line.")
    description = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What is wrong, how it was found, and what harm it may do.",
    )
    severity = forms.ChoiceField(
        choices=[(value, severity_label(value, label)) for value, label in Finding.Severity.choices],
        initial=Finding.Severity.HIGH,
        help_text="Critical and high ones hold up approval.",
    )
    due = forms.DateField(
        required=False,
        label="Must have ended by",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Empty: the day of its severity.",
    )
    draft = forms.BooleanField(
        required=False, label="Keep it as a draft, which only the second line sees until it is issued"
    )

    def __init__(self, *args, verdict: Verdict | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        if verdict is not None:
            self.initial |= {"title": verdict.title[:200], "description": verdict.reason}


class FindingStepForm(ActionForm):
    """One event and its words."""

    event = forms.ChoiceField(choices=[(event.value, event.value) for event in Event], widget=forms.HiddenInput)
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args, event: Event | None = None, step=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.step = step
        if step is not None:
            self.initial["event"] = event
            self.fields["text"].label = step.asks
