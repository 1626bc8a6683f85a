"""What people fill in to change what models are held to. The rules on it are the actions'."""

import json
from copy import deepcopy
from typing import Any

from django import forms

from assessments.models import PolicyVersion
from assessments.policy.scope import told
from registry.forms import ActionForm
from registry.refusals import BadInput

LARGEST = 4_000_000  # bytes of an uploaded document


class DraftForm(ActionForm):
    """No question: a draft begins with the newest version."""


class LimitsForm(ActionForm):
    """A row for each criterion: its limits, its smallest number of rows, and why."""

    rationale = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why this version differs from the one before. Asked for at the latest when it is proposed.",
    )
    owner = forms.CharField(max_length=120, help_text="Who answers for the limits.")
    days_1 = forms.IntegerField(min_value=1, label="Tier 1, days", help_text="How old results may be at a decision.")
    days_2 = forms.IntegerField(min_value=1, label="Tier 2, days")
    days_3 = forms.IntegerField(min_value=1, label="Tier 3, days")

    def __init__(self, *args, version: PolicyVersion, **kwargs):
        super().__init__(*args, **kwargs)
        self.document = version.document
        self.initial |= {"rationale": version.rationale, "owner": self.document.get("owner", "")}
        self.initial |= {f"days_{tier}": days for tier, days in self.document["evidence_days"].items()}
        for at, criterion in enumerate(self.document["criteria"]):
            told_as = f"{criterion['title']} ({criterion['test']})"
            self._add(f"warn_{at}", forms.FloatField(required=False), f"Warn: {told_as}", criterion["warn"])
            self._add(f"fail_{at}", forms.FloatField(required=False), f"Fail: {told_as}", criterion["fail"])
            rows = forms.IntegerField(min_value=1)
            self._add(f"rows_{at}", rows, f"Fewest rows: {told_as}", criterion["minimum_rows"])
            why = forms.CharField(required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))
            self._add(f"why_{at}", why, f"Rationale: {told_as}", criterion.get("rationale", ""))

    def _add(self, name: str, field: forms.Field, label: str, value: Any) -> None:
        field.widget.attrs |= {"aria-label": label}
        if isinstance(field, forms.FloatField):
            field.widget.attrs["step"] = "any"
        field.label = label
        self.fields[name] = field
        self.initial[name] = value

    def rows_of(self, family: str) -> list[dict[str, Any]]:
        return [
            {
                "criterion": criterion,
                "holds": told(criterion),
                **{part: self[f"{part}_{at}"] for part in ("warn", "fail", "rows", "why")},
            }
            for at, criterion in enumerate(self.document["criteria"])
            if criterion["family"] == family
        ]

    def asked(self) -> dict[str, Any]:
        """What the action `edit` takes."""
        given, document = self.cleaned_data, deepcopy(self.document)
        document["owner"] = given["owner"]
        document["evidence_days"] = {tier: given[f"days_{tier}"] for tier in ("1", "2", "3")}
        for at, criterion in enumerate(document["criteria"]):
            criterion |= {"warn": given[f"warn_{at}"], "fail": given[f"fail_{at}"]}
            criterion["minimum_rows"] = given[f"rows_{at}"]
            if given[f"why_{at}"] or "rationale" in criterion:
                criterion["rationale"] = given[f"why_{at}"]
        return {"document": document, "rationale": given["rationale"]}


class UploadForm(ActionForm):
    document = forms.FileField(
        label="Policy as JSON",
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
        help_text="The whole document, as the page of a version gives it. Criteria may be added, removed and scoped.",
    )

    def asked(self) -> dict[str, Any]:
        file = self.cleaned_data["document"]
        if file.size > LARGEST:
            raise BadInput("The document is larger than 4 MB.", hint="A policy is a few hundred kB.", field="document")
        try:
            return {"document": json.loads(file.read())}
        except ValueError as error:
            raise BadInput(f"This is not JSON: {error}.", hint="Check it in an editor.", field="document") from error


class ProposeForm(ActionForm):
    rationale = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), help_text="Why it differs from the version before, for the signers."
    )
    effective_from = forms.DateTimeField(
        required=False,
        label="In force from (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: at once with the second signature.",
    )


class SignForm(ActionForm):
    comment = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="Kept with your signature."
    )


class EndForm(ActionForm):
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), label="Why", help_text="Recorded with your name."
    )
