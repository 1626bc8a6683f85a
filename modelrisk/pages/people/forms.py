"""What the pages of people ask for."""

from django import forms
from django.contrib.auth import get_user_model

from registry import access
from registry.forms import ActionForm
from registry.models import Assignment


class Person(forms.ModelChoiceField):
    """One of the active people, by the name that they sign in with."""

    def __init__(self, **kwargs) -> None:
        queryset = get_user_model().objects.filter(is_active=True).order_by("username")
        super().__init__(queryset=queryset, **kwargs)


class RoleForm(ActionForm):
    user = Person(label="Person")
    role = forms.ChoiceField(choices=access.ROLE_CHOICES)
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), help_text="Why this person needs it. Recorded with your name."
    )

    def __init__(self, *args, actor, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not access.roles_of(actor) & access.GRANTORS:
            self.fields["user"].queryset = self.fields["user"].queryset.filter(pk=actor.pk)
        self.fields["user"].initial = actor.pk


class ReasonForm(ActionForm):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), help_text="Recorded with your name.")


class ServiceAccountForm(ActionForm):
    name = forms.CharField(max_length=150, help_text="For example pipeline-retail.")
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="What it does, and where it runs.")


class PartForm(ActionForm):
    user = Person(label="Person")
    part = forms.ChoiceField(
        choices=Assignment.Part.choices,
        help_text="A new owner takes the place of the old one, who stays of the lineage.",
    )
