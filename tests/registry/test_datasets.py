"""Uploading data: profiled, its columns guessed, carried over to the next version, and edited with a record."""

import hashlib
import io

import joblib
import pandas as pd
import pytest

from registry import actions, storage
from registry.models import Artifact, AuditEvent, Column, Dataset, DatasetVersion
from registry.refusals import BadInput, Refused
from tests import small


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    """Each file is read in the real sandbox, the first time."""
    settings.MODELRISK_FILE_READER = "tests.read_once"


def columns_of(version) -> dict[str, Column]:
    return {column.name: column for column in version.columns.all()}


def test_a_version_is_profiled_on_arrival(dataset, owner, small_data):
    version = actions.upload_dataset_version(dataset, actor=owner, file=small.upload(small_data))
    frame = small.applicants()
    income = columns_of(version)["income"]
    assert (version.number, version.format, version.rows) == (1, "csv", 240)
    assert list(columns_of(version)) == list(frame.columns)
    assert (income.minimum, income.maximum) == (frame.income.min(), frame.income.max())
    assert income.profile["mean"] == pytest.approx(frame.income.mean(), rel=1e-12)
    assert columns_of(version)["age"].integer
    assert dict(columns_of(version)["housing"].profile["top"]) == frame.housing.value_counts().to_dict()


def test_roles_are_guessed(dataset_version):
    roles = {name: column.role for name, column in columns_of(dataset_version).items()}
    assert roles == {
        "age": "sensitive",
        "income": "feature",
        "housing": "feature",
        "sex": "sensitive",
        "decision": "target",
    }
    assert dataset_version.favourable == "approved"


def test_parquet_and_joblib_tables_are_read_like_csv(dataset, owner, tmp_path):
    frame = small.applicants()
    frame.head(100).to_parquet(tmp_path / "a.parquet")
    joblib.dump(frame.head(120), tmp_path / "a.joblib")
    for name, rows in (("a.parquet", 100), ("a.joblib", 120)):
        version = actions.upload_dataset_version(dataset, actor=owner, file=small.upload(tmp_path / name))
        assert (version.format, version.rows, version.columns.count()) == ("parquet", rows, 5)


def test_of_a_pickled_table_only_the_parquet_is_kept(dataset, owner, tmp_path):
    frame = small.applicants().head(120)
    joblib.dump(frame, tmp_path / "a.joblib")
    version = actions.upload_dataset_version(dataset, actor=owner, file=small.upload(tmp_path / "a.joblib"))
    original = hashlib.sha256((tmp_path / "a.joblib").read_bytes()).hexdigest()
    kept = pd.read_parquet(io.BytesIO(b"".join(storage.open_stream(version.artifact))))
    pd.testing.assert_frame_equal(kept.astype(object), frame.astype(object))
    assert (version.original_name, storage.is_stored(original)) == ("a.parquet", False)
    told = AuditEvent.objects.about(version).get(action="dataset.upload").detail
    assert told["converted_from"]["sha256"] == original
    assert told["sha256"] == version.artifact.sha256


def test_a_pickled_table_is_not_taken_twice(dataset, owner, tmp_path):
    joblib.dump(small.applicants(), tmp_path / "a.joblib")
    actions.upload_dataset_version(dataset, actor=owner, file=small.upload(tmp_path / "a.joblib"))
    with pytest.raises(BadInput) as told:
        actions.upload_dataset_version(dataset, actor=owner, file=small.upload(tmp_path / "a.joblib"))
    assert told.value.code == "same_file"


def test_the_uploader_may_name_target_and_favourable_label(dataset, owner, small_data):
    version = actions.upload_dataset_version(
        dataset, actor=owner, file=small.upload(small_data), target="housing", favourable="own"
    )
    assert (version.target.name, version.favourable) == ("housing", "own")


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"target": "salary"}, "no_target", "target"),
        ({"target": "decision", "favourable": "granted"}, "label_mismatch", "favourable"),
    ],
)
def test_a_target_or_label_that_is_not_there_is_refused(dataset, owner, small_data, given, code, field):
    with pytest.raises(BadInput) as told:
        actions.upload_dataset_version(dataset, actor=owner, file=small.upload(small_data), **given)
    assert (told.value.code, told.value.field) == (code, field)
    assert "decision" in told.value.text
    assert not DatasetVersion.objects.exists()


UNUSABLE = {
    "empty_file": ("data.csv", b""),
    "too_few_rows": ("data.csv", b"a,b\n1,2\n"),
    "unreadable_data": ("data.parquet", b"a,b\n1,2\n"),
    "unsupported_format": ("data.xlsx", b"PK\x03\x04"),
}


@pytest.mark.parametrize("code", UNUSABLE)
def test_an_unusable_file_leaves_nothing_behind(dataset, owner, tmp_path, code):
    name, content = UNUSABLE[code]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as told:
        actions.upload_dataset_version(dataset, actor=owner, file=small.upload(tmp_path / name))
    assert (told.value.code, told.value.field) == (code, "file")
    assert (DatasetVersion.objects.count(), Column.objects.count(), Artifact.objects.count()) == (0, 0, 0)


def test_the_same_file_is_refused_with_the_version_that_has_it(dataset_version, owner, small_data):
    with pytest.raises(BadInput, match="This file is already Applicants v1"):
        actions.upload_dataset_version(dataset_version.dataset, actor=owner, file=small.upload(small_data))


def test_what_was_said_of_the_columns_holds_for_the_next_version(dataset_version, owner, tmp_path):
    actions.edit_columns(
        dataset_version,
        actor=owner,
        columns=[{"name": "housing", "role": "ignored"}, {"name": "income", "mutable": "up", "maximum": 9000.0}],
        favourable="declined",
    )
    later = small.write_data(tmp_path / "later.csv", seed=3)
    second = actions.upload_dataset_version(dataset_version.dataset, actor=owner, file=small.upload(later))
    columns = columns_of(second)
    assert (columns["housing"].role, columns["income"].mutable, columns["income"].maximum) == ("ignored", "up", 9000.0)
    assert (second.number, second.target.name, second.favourable) == (2, "decision", "declined")


# --- editing ------------------------------------------------------------------------------------
def edit(version, actor, *columns, favourable="approved"):
    return actions.edit_columns(version, actor=actor, columns=list(columns), favourable=favourable)


def test_an_edit_is_recorded_field_by_field(dataset_version, owner):
    edit(
        dataset_version, owner, {"name": "age", "role": "feature", "minimum": 18.0}, {"name": "sex", "mutable": "fixed"}
    )
    event = AuditEvent.objects.about(dataset_version).first()
    assert event.summary == "Changed 1 column of Applicants v1"
    assert event.detail == {"columns": {"age": {"role": ["sensitive", "feature"]}}}


def test_the_target_can_move_to_another_column(dataset_version, owner):
    edit(
        dataset_version,
        owner,
        {"name": "sex", "role": "target"},
        {"name": "decision", "role": "feature"},
        favourable="male",
    )
    dataset_version = DatasetVersion.objects.get()
    assert (dataset_version.target.name, dataset_version.favourable) == ("sex", "male")
    assert AuditEvent.objects.about(dataset_version).first().detail["favourable"] == ["approved", "male"]


BAD_EDITS = {
    "no target": {"name": "decision", "role": "feature"},
    "two targets": {"name": "sex", "role": "target"},
    "unknown column": {"name": "salary", "role": "feature"},
    "unknown role": {"name": "sex", "role": "secret"},
    "unknown field": {"name": "sex", "colour": "red"},
    "bounds swapped": {"name": "income", "minimum": 10.0, "maximum": 1.0},
    "bound of a category": {"name": "housing", "minimum": 1.0},
    "bound that is no number": {"name": "income", "minimum": float("nan")},
    "bound in words": {"name": "income", "minimum": "low"},
    "category that increases": {"name": "housing", "mutable": "up"},
    "words as numbers": {"name": "housing", "kind": "number"},
}


@pytest.mark.parametrize("fault", BAD_EDITS)
def test_a_bad_edit_changes_nothing(dataset_version, owner, fault):
    before = list(dataset_version.columns.values())
    with pytest.raises(BadInput) as told:
        edit(dataset_version, owner, BAD_EDITS[fault])
    assert told.value.field == "columns"
    assert list(dataset_version.columns.values()) == before


@pytest.mark.parametrize("favourable", ["", "granted"])
def test_the_favourable_label_is_a_value_of_the_target(dataset_version, owner, favourable):
    with pytest.raises(BadInput) as told:
        edit(dataset_version, owner, favourable=favourable)
    assert told.value.field == "favourable"
    assert "approved" in told.value.hint


def test_labels_are_matched_by_value(dataset, owner, tmp_path):
    frame = small.applicants()
    frame["decision"] = (frame.decision == "approved").astype(float)
    frame.to_csv(tmp_path / "numbers.csv", index=False)
    version = actions.upload_dataset_version(
        dataset, actor=owner, file=small.upload(tmp_path / "numbers.csv"), target="decision"
    )
    assert edit(version, owner, favourable="1").favourable == "1"
    assert edit(version, owner, favourable="0.0").favourable == "0.0"


def test_an_amount_needs_no_favourable_label(dataset, owner, tmp_path):
    small.applicants().to_csv(tmp_path / "amounts.csv", index=False)
    version = actions.upload_dataset_version(
        dataset, actor=owner, file=small.upload(tmp_path / "amounts.csv"), target="income"
    )
    assert version.favourable == ""
    assert edit(version, owner, {"name": "age", "role": "feature"}, favourable="").target.name == "income"


def test_the_owner_and_a_validator_edit(dataset_version, validator, developer, approver, auditor, outsider):
    assert edit(dataset_version, validator, {"name": "age", "role": "feature"})
    for person in (developer, approver, auditor, outsider):
        with pytest.raises(Refused, match="Only the owner"):
            edit(dataset_version, person, {"name": "age", "role": "sensitive"})
    assert Column.objects.get(name="age").role == "feature"


def test_a_dataset_name_is_taken_whatever_its_case(dataset, owner):
    with pytest.raises(BadInput, match="already a dataset named") as told:
        actions.register_dataset(Dataset, actor=owner, name="APPLICANTS")
    assert told.value.field == "name"


def test_columns_that_cannot_be_told_apart_are_refused(dataset, owner, tmp_path):
    (tmp_path / "a.csv").write_text("age,age\u200b,y\n" + "1,2,0\n2,3,1\n" * 20)
    with pytest.raises(BadInput, match="Two columns are named 'age'"):
        actions.upload_dataset_version(dataset, actor=owner, file=small.upload(tmp_path / "a.csv"))
    assert (DatasetVersion.objects.count(), Artifact.objects.count()) == (0, 0)
