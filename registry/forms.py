"""Forms of the pages. They ask; what is allowed is said once, by the actions, and comes back through `show`."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth import get_user_model

from registry.approvals import rules
from registry.column_edits import EDITABLE
from registry.models import Column, DatasetVersion, Decision, MLModel, ModelVersion
from registry.refusals import BadInput


class ActionForm(forms.Form):
    """A form whose fields are what an action is given: `action(subject, actor=…, **form.cleaned_data)`."""

    def show(self, error: BadInput) -> None:
        """Put what the action objects to next to its field."""
        self.add_error(error.field if error.field in self.fields else None, error.text)


class RegisterModelForm(ActionForm):
    name = forms.CharField(max_length=120, help_text="As people call it, for example Consumer credit score.")
    purpose = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What decisions it serves, for whom, and what it must not be used for.",
    )
    domain = forms.CharField(
        max_length=80, required=False, label="Business area", help_text="For example Consumer lending."
    )
    tier = forms.TypedChoiceField(
        choices=MLModel.Tier.choices,
        coerce=int,
        initial=MLModel.Tier.TWO,
        help_text="How much depends on it: tier 1 matters most.",
    )
    developers = forms.ModelMultipleChoiceField(
        queryset=get_user_model().objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Who builds it. They may add versions; they may not decide on them.",
    )

    def __init__(self, *args: Any, actor: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = get_user_model().objects.filter(is_active=True).order_by("username")
        self.fields["developers"].queryset = people.exclude(pk=actor.pk) if actor else people


class UploadVersionForm(ActionForm):
    file = forms.FileField(
        label="Model file",
        allow_empty_file=True,  # the action says more about an empty file
        widget=forms.FileInput(attrs={"accept": ".joblib,.pkl,.pickle"}),
        help_text="The fitted scikit-learn pipeline, saved with joblib.dump(model, 'model.joblib').",
    )
    notes = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="What changed",
        help_text="For those who review it: what is new in this version, and why.",
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
        widget=forms.FileInput(attrs={"accept": ".csv,.parquet,.pq,.joblib,.pkl,.pickle"}),
        help_text="CSV with a header line, Parquet, or a DataFrame saved with joblib.dump.",
    )
    target = forms.CharField(
        max_length=255,
        required=False,
        label="Column to predict",
        help_text="Left empty, it is guessed; you can change it afterwards.",
    )
    favourable = forms.CharField(
        max_length=200,
        required=False,
        label="Favourable value",
        help_text="The value of that column that a person hopes for, for example approved or >50K.",
    )


class ColumnForm(forms.Form):
    """One column. Each control is labelled with the column's name, for those who do not see the table."""

    role = forms.ChoiceField(choices=Column.Role.choices)
    kind = forms.ChoiceField(choices=Column.Kind.choices)
    mutable = forms.ChoiceField(choices=Column.Mutable.choices, label="could a person change it")
    minimum = forms.FloatField(required=False, label="lowest possible value")
    maximum = forms.FloatField(required=False, label="highest possible value")
    integer = forms.BooleanField(required=False, label="whole numbers only")

    def __init__(self, *args: Any, column: Column, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.column = column
        for name, field in self.fields.items():
            field.label = f"{column.name}: {field.label or name}"
            field.widget.attrs["aria-label"] = field.label
        for name in ("minimum", "maximum"):
            self.fields[name].widget.attrs["step"] = "any"


class FavourableForm(forms.Form):
    favourable = forms.CharField(max_length=200, label="Favourable value")

    def __init__(self, *args: Any, version: DatasetVersion, **kwargs: Any) -> None:
        super().__init__(*args, initial={"favourable": version.favourable}, **kwargs)
        target = version.target
        known = [text for text, _count in (target.profile.get("top") or [])[:12]] if target else []
        wish = "The value of the target that a person hopes for."
        self.fields["favourable"].help_text = f"{wish} {target}: {', '.join(known)}." if known else wish


class ColumnsFormset:
    """A form for each column of a dataset version, in the order of the file, and the favourable value of the target.

    `columns = ColumnsFormset(version, data=request.POST)`; then `edit_columns(version, actor=…, **columns.given())`.
    It needs no management form: the columns of a version never change in number.
    """

    def __init__(self, version: DatasetVersion, *, data: Any = None) -> None:
        self.favourable = FavourableForm(data, version=version)
        self.forms = [
            ColumnForm(
                data,
                column=column,
                prefix=f"column-{column.position}",
                initial=forms.model_to_dict(column, fields=EDITABLE),
            )
            for column in version.columns.all()
        ]
        self.errors: list[str] = []

    def __iter__(self) -> Iterator[ColumnForm]:
        return iter(self.forms)

    def is_valid(self) -> bool:
        """Asks every form, so that all errors show at once."""
        answers = [form.is_valid() for form in (self.favourable, *self.forms)]
        return all(answers)

    def given(self) -> dict[str, Any]:
        columns = [{"name": form.column.name, **form.cleaned_data} for form in self.forms]
        return {"columns": columns, "favourable": self.favourable.cleaned_data["favourable"]}

    def show(self, error: BadInput) -> None:
        """Put what the action objects to next to the favourable value, or over the table."""
        if error.field == "favourable":
            self.favourable.add_error("favourable", error.text)
        else:
            self.errors.append(error.text)


class RequestApprovalForm(ActionForm):
    note = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What the person who decides should know.",
    )


class DecisionForm(ActionForm):
    """Offers what this person may decide now; `unavailable` says why the rest is not offered."""

    outcome = forms.ChoiceField(widget=forms.RadioSelect, label="Decision")
    note = forms.CharField(
        required=False,
        label="Reason",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Kept with the decision. Needed to reject or to set conditions; then it must name them.",
    )
    valid_until = forms.DateField(
        required=False,
        label="Valid until",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="When the approval must be looked at again.",
    )

    def __init__(self, *args: Any, version: ModelVersion, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reasons = rules.outcomes(version, actor)
        labels = dict(Decision.Outcome.choices)
        self.fields["outcome"].choices = [(key, labels[key]) for key, reason in reasons.items() if reason is None]
        self.unavailable = [(labels[key], str(reason)) for key, reason in reasons.items() if reason is not None]
