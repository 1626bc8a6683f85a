"""What tests see: labels, groups, columns, cached answers and the count of queries."""

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from assessments.battery import banding
from assessments.battery.errors import LoadError
from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject
from tests.battery.applicants import applicants
from tests.battery.subjects import Rule


def table():
    return applicants(200).drop(columns=["job", "grade"]).dropna().reset_index(drop=True)


def subject_of(frame, columns=(), target=None, **options):
    known = table()
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(known[["age", "income"]], known["repaid"])
    return Subject(model, frame, target or Target("repaid", "yes"), columns, **options)


def refused(frame, target=None, columns=(), **options) -> LoadError:
    with pytest.raises(LoadError) as error:
        subject_of(frame, columns, target, **options)
    return error.value


def test_data_without_the_target_is_refused():
    error = refused(table(), Target("credit"))
    assert error.code == "no_target"
    assert "'credit'" in error.message
    assert "'repaid'" in error.hint


def test_one_class_only_is_refused():
    frame = table()
    assert refused(frame[frame["repaid"] == "yes"]).code == "one_class"


def test_too_few_known_outcomes_are_refused():
    frame = table()
    frame.loc[29:, "repaid"] = np.nan
    assert refused(frame).code == "too_few_rows"


def test_a_target_of_many_values_is_refused():
    assert refused(table().assign(member=np.arange(len(table()))), Target("member")).code == "label_mismatch"


def test_a_favourable_label_that_is_not_there_is_refused():
    error = refused(table(), Target("repaid", "perhaps"))
    assert error.code == "label_mismatch"
    assert "'no', 'yes'" in error.hint


def test_a_task_that_the_model_does_not_do_is_refused():
    assert refused(table(), task="multiclass").code == "bad_plan"
    assert subject_of(table(), task="binary").task == "binary"


def test_a_column_of_the_plan_that_the_data_lacks_is_refused():
    assert refused(table(), columns=(Column("race", "sensitive"),)).code == "missing_column"
    assert subject_of(table(), (Column("race", "ignored"),)).sensitive == []


def test_rows_without_outcome_are_left_out_with_a_note():
    frame = table()
    frame.loc[[3, 5], "repaid"] = np.nan
    subject = subject_of(frame)
    assert len(subject.frame) == len(subject.y) == len(subject.predicted) == len(frame) - 2
    assert (subject.y_favourable == (frame["repaid"].dropna() == "yes")).all()
    assert "2 rows without a value in 'repaid' were left out." in subject.notes


def test_the_last_label_is_favourable_where_none_is_given():
    subject = subject_of(table(), target=Target("repaid"))
    assert subject.favourable == "yes"
    assert "No favourable label was given" in " ".join(subject.notes)
    assert subject_of(table(), target=Target("repaid", "no")).y_favourable.sum() == (table()["repaid"] == "no").sum()


def test_a_model_that_sees_the_answer_is_noted():
    frame = table()
    frame["repaid"] = (frame["repaid"] == "yes").astype(int)
    model = DecisionTreeClassifier().fit(frame[["age", "repaid"]], frame["repaid"])
    assert "is the one to predict" in " ".join(Subject(model, frame, Target("repaid", "1")).notes)


def test_columns_are_filled_in_from_the_reference():
    frame = table()
    reference = frame.assign(age=frame["age"] + 100, income=frame["income"].round())
    planned = (Column("age", mutable="up", max=300.0), Column("sex", "sensitive"))
    columns = subject_of(frame, planned, reference=reference).columns
    age = columns["age"]
    assert (age.kind, age.integer, age.mutable) == ("number", True, "up")
    assert (age.min, age.max) == (float(reference["age"].min()), 300.0)
    assert columns["income"].integer is True
    assert subject_of(frame).columns["income"].integer is False
    assert (columns["sex"].kind, columns["sex"].role, columns["sex"].min) == ("category", "sensitive", None)
    assert columns["repaid"].role == "target"


def test_queries_count_each_row_asked_and_the_cache_once():
    subject = subject_of(table())
    n = len(subject.frame)
    assert subject.queries == 0
    for _ in range(2):
        _ = subject.predicted
    assert subject.queries == n
    _ = subject.scores, subject.favourable_score
    assert subject.queries == 2 * n
    subject.predict(subject.frame.head(7))
    subject.predict_scores(subject.frame.head(5))
    assert subject.queries == 2 * n + 12
    subject.count_afresh()
    _ = subject.predicted
    assert subject.queries == n


def test_the_favourable_score_is_the_column_of_the_favourable_label():
    subject = subject_of(table(), target=Target("repaid", "no"))
    assert np.array_equal(subject.favourable_score, subject.scores[:, 0])
    assert subject.estimator.classes_.tolist() == subject.labels == ["no", "yes"]


def test_ages_are_banded_in_decades():
    ages = pd.Series(np.random.default_rng(0).permutation(np.arange(18, 80)))
    names, codes = banding.groups(ages)
    assert names == ["18–25", "26–35", "36–45", "46–55", "56–65", "66–75", "76–79"]
    for position, name in enumerate(names):
        low, high = (int(part) for part in name.split("–"))
        assert (np.flatnonzero(codes == position) == np.flatnonzero(ages.between(low, high))).all()


def test_missing_is_a_group_of_its_own_the_last():
    names, codes = banding.groups(pd.Series(["b", None, "a", "b"], dtype=object))
    assert names == ["a", "b", "missing"]
    assert codes.tolist() == [1, 2, 0, 1]
    names, codes = banding.groups(pd.Series([*range(18, 60), None]))
    assert names[-1] == "missing"
    assert codes[-1] == len(names) - 1


def test_few_numbers_are_groups_by_value():
    names, codes = banding.groups(pd.Series([2.0, 10.0, 1.0, np.nan, 2.0]))
    assert names == ["1", "2", "10", "missing"]
    assert codes.tolist() == [1, 2, 0, 3, 1]


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0.01, 0.99, 57),
        np.arange(0, 40_000, 321),
        np.arange(-50, 50),
        np.arange(1, 13),
        np.array([*range(20), 1_000_000]),
        np.linspace(1e-6, 2e-6, 30),
    ],
    ids=["share", "money", "negative", "months", "outlier", "tiny"],
)
def test_any_number_column_gets_a_few_ordered_bands(values):
    names, codes = banding.groups(pd.Series(values))
    assert 2 <= len(names) <= 12
    assert len(set(names)) == len(names)
    assert (np.diff(codes) >= 0).all()
    assert set(codes) == set(range(len(names)))


def test_a_number_column_called_a_category_is_grouped_by_value():
    frame = table()
    subject = subject_of(frame, (Column("age", "sensitive", kind="category"),))
    assert subject.groups("age")[0] == [str(age) for age in sorted(set(frame["age"]))]


@pytest.mark.parametrize(
    "column",
    [
        Column("member", "sensitive"),
        Column("sex", kind="number"),
        Column("age", min=200.0),
        Column("age", min=9.0, max=3.0),
    ],
    ids=["too many groups", "text as number", "minimum above the data", "bounds crossed"],
)
def test_a_column_that_cannot_be_what_the_plan_says_is_refused(column):
    frame = applicants(300).drop(columns=["job", "grade"]).dropna().reset_index(drop=True)
    frame["member"] = [f"m{number}" for number in range(len(frame))]
    error = refused(frame, columns=(column,))
    assert error.code == "bad_plan"
    assert repr(column.name) in error.message


def test_infinite_numbers_are_missing():
    names, codes = banding.groups(pd.Series([*range(15), np.inf]))
    assert names[codes[-1]] == "missing"


def asked_of(rows, estimator, **options):
    return Subject(estimator, rows, Target("y", "1"), **options)


def test_relations_are_checked_on_the_training_data_first():
    rows = pd.DataFrame({"open": [1] * 100, "total": [2] * 100, "y": [0, 1] * 50})
    model = Rule(lambda frame: frame["open"] > 0, ["open", "total"])
    wrong = rows.assign(open=[3] * 10 + [1] * 90)
    with pytest.raises(LoadError, match=r"“open <= total” is broken by 10 % of 100 rows") as refused:
        asked_of(rows, model, reference=wrong, relations=("open <= total",))
    assert refused.value.code == "bad_relation"
    assert asked_of(rows, model, relations=("open <= total",)).relations[0].text == "open <= total"


def test_a_relation_that_a_row_in_a_thousand_breaks_is_kept_and_said():
    rows = pd.DataFrame({"open": [3] + [1] * 999, "total": [2] * 1000, "y": [0, 1] * 500})
    subject = asked_of(rows, Rule(lambda frame: frame["open"] > 0, ["open", "total"]), relations=("open <= total",))
    assert "Relation in the data: “open <= total” is broken by 0.1 % of 1,000 rows, row 0 first." in subject.notes


def test_a_relation_of_unknown_columns_is_refused():
    rows = pd.DataFrame({"open": [1] * 100, "y": [0, 1] * 50})
    with pytest.raises(LoadError, match="there is no column 'total'"):
        asked_of(rows, Rule(lambda frame: frame["open"], ["open"]), relations=("open <= total",))
