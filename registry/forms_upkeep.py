"""What is asked in the upkeep of an approval: evidence, triggers, attestations, the weight of a change."""

from django import forms

from registry.forms import ActionForm
from registry.models import Attestation, ChangeNote, RevalidationTrigger


class TextStepForm(ActionForm):
    """One event and its words."""

    event = forms.CharField(widget=forms.HiddenInput, max_length=40)
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))
    label = ""


class TriggerForm(ActionForm):
    kind = forms.ChoiceField(
        label="What happened",
        choices=[(kind.value, kind.label[:1].upper() + kind.label[1:]) for kind in RevalidationTrigger.BY_PERSONS],
    )
    reason = forms.CharField(
        label="In a few words",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What happened, when, and where it can be read. A new decision answers it.",
    )


class ChangeForm(ActionForm):
    weight = forms.ChoiceField(
        label="It is", choices=[(value, label.capitalize()) for value, label in ChangeNote.Weight.choices]
    )
    reason = forms.CharField(
        label="What changed, and why it weighs so",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Minor: looked at in the next review. Material: validated before use. Emergency: used under an "
        "exception.",
    )


class AttestationForm(ActionForm):
    """A yes or no for each fact, and a note where it is no."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for fact, label in Attestation.Fact.choices:
            self.fields[fact] = forms.ChoiceField(
                label=label, choices=[("yes", "Yes"), ("no", "No")], widget=forms.RadioSelect
            )
            self.fields[f"{fact}_note"] = forms.CharField(
                required=False, label=f"Note on the {fact}: needed with a no", widget=forms.Textarea(attrs={"rows": 2})
            )
            self.fields[f"{fact}_note"].sometimes_required = True

    def rows(self) -> list[tuple]:
        return [(self[fact], self[f"{fact}_note"]) for fact in Attestation.Fact.values]

    def answers(self) -> dict[str, dict]:
        """What the action `attest` takes."""
        given = self.cleaned_data
        return {
            fact: {"holds": given[fact] == "yes", "note": given[f"{fact}_note"]} for fact in Attestation.Fact.values
        }
