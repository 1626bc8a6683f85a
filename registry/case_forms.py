"""What people fill in on a case, a form for each step. They check only shape; the rules are in the actions."""

from django import forms
from django.contrib.auth import get_user_model

from registry import access
from registry.forms import ActionForm
from registry.models import Condition, ModelVersion, Vote

MOST_CONDITIONS = 20


def _text(label: str, help_text: str, *, rows: int = 3, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=required, widget=forms.Textarea(attrs={"rows": rows})
    )


def _day(label: str, help_text: str, *, required: bool = False) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, help_text=help_text, required=required, widget=widget)


class StepForm(ActionForm):
    """Of one version. `cleaned_data` is what the action takes."""

    def __init__(self, *args, version: ModelVersion, **kwargs):
        super().__init__(*args, **kwargs)
        self.version = version


class SubmitForm(StepForm):
    note = _text(
        "Note to the validator",
        "What to look at, what you already know of, and, where it was returned, the answer to each gap.",
        required=False,
    )


class StartValidationForm(StepForm):
    validator = forms.ModelChoiceField(
        get_user_model().objects.none(), empty_label="Choose a validator", help_text="Without a part in building it."
    )
    scope = _text("Scope", "What is validated, and what is not.")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["validator"].queryset = access.people_with(access.VALIDATOR).order_by("username")


class ReasonForm(StepForm):
    reason = _text("Reason", "Recorded with your name, for those who must act on it.")


class ReinstateForm(StepForm):
    reason = _text("Why its cause is closed", "Your vote for its use, recorded with your name and role.")


class ReturnForm(StepForm):
    reason = _text("Gaps to close", "Each thing that the owner must answer before the next submission.")


class ReportForm(StepForm):
    report = _text(
        "Validation report",
        "Your opinion and the reasons for it; for each criterion that failed, its finding or why there is none.",
        rows=6,
    )


class NothingForm(StepForm):
    """The step takes no words."""


class DeployForm(StepForm):
    sha256 = forms.RegexField(
        r"^\s*[0-9A-Fa-f]{64}\s*$",
        label="SHA-256 of the file in your hands",
        help_text="As sha256sum prints it. Only the approved file comes into use.",
        error_messages={"invalid": "A SHA-256 has 64 hexadecimal digits."},
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    environment = forms.CharField(max_length=120, help_text="Where it runs, for example production.")
    restrictions = _text("Restrictions", "What its users must respect, as they acknowledged it.", required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.version.approval_status == ModelVersion.ApprovalStatus.CONDITIONS:
            self.fields["restrictions"].sometimes_required = True


class DecommissionForm(ReasonForm):
    replacement = forms.CharField(
        max_length=200, required=False, help_text="What takes its place; empty where nothing does."
    )


class RetireForm(ReasonForm):
    archive = forms.CharField(max_length=200, help_text="Where its records are kept.")
    retain_until = _day("Kept until", "The last day on which the records must exist.")


class ConditionForm(ActionForm):
    """One condition of an approval. An empty one is no condition."""

    text = _text("What must be done", "Measurable: somebody else can tell whether it was.", rows=2)
    owner = forms.ModelChoiceField(
        get_user_model().objects.none(), empty_label="Choose who answers for it", label="Owner"
    )
    due = _day("Due", "Breached on the day after, which suspends the use.", required=True)
    check_method = forms.ChoiceField(choices=[("", "Choose how it is checked"), *Condition.Check.choices])
    criterion = forms.ChoiceField(
        required=False, label="Criterion", help_text="Where a criterion of the policy checks it: which one."
    )

    def __init__(self, *args, criteria: list[tuple[str, str]], **kwargs):
        super().__init__(*args, empty_permitted=True, use_required_attribute=False, **kwargs)
        self.fields["owner"].queryset = get_user_model().objects.filter(is_active=True).order_by("username")
        self.fields["criterion"].choices = [("", "None"), *criteria]


class VoteForm(StepForm):
    """`outcomes`: each outcome with the reason why not, or None. `criteria`: (key, title) of those that may be named in
    a condition, with what the key stands for in `meaning`."""

    outcome = forms.ChoiceField(choices=Vote.Outcome.choices, widget=forms.RadioSelect, label="Outcome")
    comment = _text("Reason", "Recorded with your name and role.", rows=4)
    valid_until = _day("Valid until", "Empty: as long as the tier allows.")
    seen = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    rows = forms.IntegerField(required=False, min_value=1, max_value=MOST_CONDITIONS, widget=forms.HiddenInput)

    def __init__(
        self,
        *args,
        outcomes: dict[str, str | None],
        criteria: list[tuple[str, str]] = (),
        meaning: dict[str, dict] | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.meaning = meaning or {}
        words = dict(Vote.Outcome.choices)
        self.allowed = [(key, words[key]) for key, reason in outcomes.items() if reason is None]
        self.refused = [(words[key], reason) for key, reason in outcomes.items() if reason is not None]
        self.conditions = [
            ConditionForm(
                self.data if self.is_bound else None,
                initial=None if self.is_bound else self._typed(n),
                prefix=f"condition-{n}",
                criteria=list(criteria),
            )
            for n in range(1, self.row_count + 1)
        ]

    def _typed(self, n: int) -> dict:
        """What was typed into a condition before another one was asked for."""
        start = f"condition-{n}-"
        return {name.removeprefix(start): value for name, value in self.initial.items() if name.startswith(start)}

    @property
    def row_count(self) -> int:
        given = str((self.data if self.is_bound else self.initial).get("rows") or "1")
        return min(max(int(given), 1), MOST_CONDITIONS) if given.isdecimal() and len(given) < 4 else 1

    @property
    def outcome_choices(self):
        """The outcomes that may be chosen, for the page. What is sent is judged by the action: it says why not."""
        self.fields["outcome"].choices = self.allowed
        return self["outcome"]

    @property
    def wants_conditions(self) -> bool:
        return self.data.get("outcome") == Vote.Outcome.CONDITIONS

    def is_valid(self) -> bool:
        valid = super().is_valid()
        return valid and (not self.wants_conditions or all(row.is_valid() for row in self.conditions))

    @property
    def status(self) -> int:
        wrong = self.is_bound and self.wants_conditions and any(row.errors for row in self.conditions)
        return 400 if wrong else super().status

    def asked(self) -> dict:
        """What the action `vote` takes."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "rows"}
        rows = [row.cleaned_data for row in self.conditions if self.wants_conditions and row.has_changed()]
        return given | {"conditions": [row | {"criterion": self.meaning.get(row["criterion"], {})} for row in rows]}
