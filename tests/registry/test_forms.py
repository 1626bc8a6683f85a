"""The forms ask what the actions need, and show what the actions object to."""

import pytest

from registry import actions
from registry.approvals import gates
from registry.approvals.actions import request_approval
from registry.forms import ColumnsFormset, DecisionForm, RegisterModelForm, UploadDatasetForm, UploadVersionForm
from registry.models import MLModel, ModelVersion
from registry.refusals import BadInput
from tests import small


def posted(formset) -> dict:
    """What a browser would send back unchanged."""
    data = {"favourable": formset.favourable["favourable"].value()}
    for form in formset:
        for field in form:
            if field.value() not in (None, False):
                data[field.html_name] = field.value()
    return data


def test_a_model_is_registered_from_its_form(owner, developer):
    form = RegisterModelForm({"name": "Score", "tier": "1", "developers": [developer.pk]}, actor=owner)
    assert form.is_valid(), form.errors
    model = actions.register_model(MLModel, actor=owner, **form.cleaned_data)
    assert (model.tier, list(model.developers.all())) == (1, [developer])


def test_the_owner_is_not_offered_as_developer(owner, developer):
    form = RegisterModelForm(actor=owner)
    assert list(form.fields["developers"].queryset) == [developer]


def test_what_an_action_objects_to_stands_at_its_field(registered_model, owner):
    form = RegisterModelForm({"name": "Credit score", "tier": "2"}, actor=owner)
    assert form.is_valid()
    with pytest.raises(BadInput) as told:
        actions.register_model(MLModel, actor=owner, **form.cleaned_data)
    form.show(told.value)
    assert "already a model named Credit score" in form.errors["name"][0]


@pytest.mark.parametrize("form_class", [UploadVersionForm, UploadDatasetForm])
def test_an_empty_file_reaches_the_action_which_says_more(form_class):
    assert form_class({}, {"file": small.SimpleUploadedFile("model.joblib", b"")}).is_valid()
    assert not form_class({}, {}).is_valid()


def test_columns_sent_back_unchanged_change_nothing(dataset_version, owner):
    before = list(dataset_version.columns.values())
    formset = ColumnsFormset(dataset_version, data=posted(ColumnsFormset(dataset_version)))
    assert formset.is_valid(), [form.errors for form in formset]
    actions.edit_columns(dataset_version, actor=owner, **formset.given())
    assert list(dataset_version.columns.values()) == before


def test_a_changed_column_is_changed(dataset_version, owner):
    data = posted(ColumnsFormset(dataset_version)) | {"column-1-mutable": "up", "column-1-maximum": "9000"}
    formset = ColumnsFormset(dataset_version, data=data)
    assert formset.is_valid()
    actions.edit_columns(dataset_version, actor=owner, **formset.given())
    income = dataset_version.columns.get(name="income")
    assert (income.mutable, income.maximum) == ("up", 9000.0)


def test_every_control_names_its_column(dataset_version):
    for form in ColumnsFormset(dataset_version):
        for field in form:
            assert f'aria-label="{form.column.name}: ' in str(field)


def test_an_unknown_role_is_an_error_of_its_form(dataset_version):
    data = posted(ColumnsFormset(dataset_version)) | {"column-1-role": "secret"}
    formset = ColumnsFormset(dataset_version, data=data)
    assert not formset.is_valid()
    assert "role" in formset.forms[1].errors


def test_the_decision_form_offers_what_may_be_decided(model_version, owner, reviewer, monkeypatch):
    monkeypatch.setattr(gates, "_gates", [])
    failed = gates.Evidence(kind="assessment", id=1, label="Assessment 1", sha256="", summary={"fail": 1})
    monkeypatch.setattr(gates, "_evidence", [lambda version: [failed]])
    request_approval(model_version, actor=owner)
    form = DecisionForm(version=ModelVersion.objects.get(), actor=reviewer)
    assert [key for key, _ in form.fields["outcome"].choices] == ["approve_with_conditions", "reject"]
    assert [(label, "failed 1 criterion" in reason) for label, reason in form.unavailable] == [("Approve", True)]
