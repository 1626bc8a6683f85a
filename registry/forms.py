"""What people fill in. A form checks only shape; the rules are in the actions, which speak through `ActionForm`."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from registry import access, contexts, scanning
from registry.models import Column, DatasetVersion, MLModel, Relation
from registry.refusals import BadInput


class LongSelect(forms.Select):
    """A choice of thousands: the same markup without a template for each option, which takes a third of a second."""

    def render(self, name, value, attrs=None, renderer=None) -> str:
        chosen = set(self.format_value(value))
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if str(key) in chosen else "", label) for key, label in self.choices),
        )
        told = flatatt({"name": name, **self.build_attrs(self.attrs, attrs)})
        return format_html("<select{}>{}</select>", told, options)


class ActionForm(forms.Form):
    """A form whose action may still refuse what was typed: message and hint appear on the same page."""

    problem: BadInput | None = None

    def perform(self, act: Callable[[], Any]) -> Any | None:
        """What `act` returns, or None where the form or the action finds the input unusable."""
        if not self.is_valid():
            return None
        try:
            return act()
        except BadInput as error:
            self.problem = error
            self.add_error(error.field if error.field in self.fields else None, error.message)
            return None

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows this form."""
        if self.problem is not None and self.problem.code == "too_big":
            return 413
        return 400 if self.is_bound and self.errors else 200


class ContextForm(ActionForm):
    use_case = forms.ChoiceField(
        choices=[("", "not said yet"), *contexts.use_cases().items()], required=False, label="Used for"
    )
    legal_contexts = forms.MultipleChoiceField(
        choices=list(contexts.legal_contexts().items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Which laws look at that use: policy and battery go by them.",
    )


class ModelUseForm(ContextForm):
    purpose = forms.CharField(
        required=False,
        label="Intended use",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What decisions it serves, for whom, and what it must not be used for. A submission takes it.",
    )


class RegisterModelForm(ContextForm):
    name = forms.CharField(max_length=120, help_text="As people call it, for example Consumer credit score.")
    domain = forms.CharField(
        max_length=80, required=False, label="Business area", help_text="For example Consumer lending."
    )
    tier = forms.TypedChoiceField(
        choices=MLModel.Tier.choices,
        coerce=int,
        initial=MLModel.Tier.TWO,
        help_text="How much depends on it: tier 1 matters most.",
    )
    purpose = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What decisions it serves, for whom, and what it must not be used for.",
    )
    developers = forms.ModelMultipleChoiceField(
        queryset=get_user_model().objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They may add versions and may not decide on them. You are the owner.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["developers"].queryset = access.people_with(access.DEVELOPER).order_by("username")


class UploadVersionForm(ActionForm):
    file = forms.FileField(
        label="Model file",
        allow_empty_file=True,
        help_text="The fitted estimator or pipeline. It is scanned before anything loads it.",
        widget=forms.FileInput(attrs={"accept": ",".join(scanning.MODEL_FORMATS)}),
    )
    notes = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="What changed",
        help_text="For those who review it: what is new in this version, and why.",
    )


class GrantWaiverForm(ActionForm):
    """`seen` is the digest of the imports that are on the page: a waiver is for those that were read."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), help_text="Why this file is needed, and what you looked at."
    )
    compensating_control = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What keeps the risk small meanwhile, for example the source was reviewed at commit 4f2c.",
    )
    valid_until = forms.DateField(
        label="Valid until",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day on which it holds.",
    )
    read = forms.BooleanField(label="I have read every name in the list")

    def asked(self) -> dict:
        """What the action `grant` takes."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "read"}
        return given | {"imports_sha256": given.pop("seen")}


class RevokeWaiverForm(ActionForm):
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), label="Why it ends now", help_text="Recorded with your name."
    )


class RegisterDatasetForm(ActionForm):
    name = forms.CharField(max_length=120, help_text="For example Loan applications 2025, hold-out.")
    description = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Where the rows come from, over what time, and what one row is.",
    )


class UploadDatasetForm(ActionForm):
    file = forms.FileField(
        label="Data file",
        allow_empty_file=True,
        help_text="CSV with a header line, Parquet, or a DataFrame saved with joblib.dump.",
        widget=forms.FileInput(attrs={"accept": ".csv,.parquet,.pq,.joblib,.pkl,.pickle"}),
    )
    target = forms.CharField(
        required=False, label="Target column", help_text="What the model predicts; left empty, it is guessed."
    )
    favourable = forms.CharField(
        required=False,
        max_length=200,
        label="Favourable value",
        help_text="The outcome a person hopes for, for example approved; left empty, it is guessed. Amounts have none.",
    )


class ColumnsForm(ActionForm):
    """A row of fields for each column of a dataset version, and the favourable value of the target."""

    favourable = forms.CharField(
        max_length=200,
        required=False,
        label="Favourable value of the target",
        help_text="The outcome a person hopes for. Leave it empty where the target is an amount.",
    )
    PARTS = ("role", "kind", "mutable", "minimum", "maximum", "integer", "swap_price")

    def __init__(self, *args, version: DatasetVersion, **kwargs):
        super().__init__(*args, **kwargs)
        self.version = version
        self.columns = list(version.columns.all())
        self.fields["favourable"].initial = version.favourable
        for column in self.columns:
            for part in self._parts(column):
                self.fields[f"c{column.pk}-{part}"] = _column_field(column, part)

    def _parts(self, column: Column) -> list[str]:
        """A swap has a price where there are categories to swap."""
        swapped = column.kind == Column.Kind.CATEGORY and column.role != Column.Role.TARGET
        return [part for part in self.PARTS if part != "swap_price" or swapped]

    def rows(self) -> list[dict]:
        """The columns with their bound fields, for the table."""
        return [
            {"column": column} | {part: self[f"c{column.pk}-{part}"] for part in self._parts(column)}
            for column in self.columns
        ]

    def edits(self) -> list[dict]:
        """What edit_columns takes."""
        given = self.cleaned_data
        return [
            {"name": column.name} | {part: given[f"c{column.pk}-{part}"] for part in self._parts(column)}
            for column in self.columns
        ]


class RelationForm(ActionForm):
    """A relation between columns, known by its text, and what is said of it."""

    text = forms.CharField(
        max_length=4000,
        label="Another relation",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="For example open_accounts <= total_accounts, or if status = 'retired' then age >= 50. It is counted "
        "on this data first.",
    )
    state = forms.ChoiceField(
        choices=Relation.State.choices, initial=Relation.State.CONFIRMED, widget=forms.HiddenInput()
    )


def _column_field(column: Column, part: str) -> forms.Field:
    label = f"{part.replace('_', ' ')} of {column.name}"
    shown = {"aria-label": label}
    value = getattr(column, part)
    if part in ("role", "kind", "mutable"):
        choices = {"role": Column.Role, "kind": Column.Kind, "mutable": Column.Mutable}[part].choices
        return forms.ChoiceField(choices=choices, initial=value, label=label, widget=forms.Select(attrs=shown))
    if part == "integer":
        return forms.BooleanField(required=False, initial=value, label=label, widget=forms.CheckboxInput(attrs=shown))
    if value is not None and value.is_integer():
        value = int(value)  # 17, not 17.0
    widget = forms.NumberInput(attrs={"step": "any", **shown})
    if part == "swap_price":
        return forms.FloatField(min_value=0, initial=value, label=label, widget=widget)
    return forms.FloatField(required=False, initial=value, label=label, widget=widget)
