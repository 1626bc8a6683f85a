"""Labels and groups are matched by value; encoded classes only where it is sure what they stand for."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.errors import LoadError
from assessments.battery.labels import as_text, check_guess, encode, match_classes


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", " 1 ", np.int8(1), np.float32(1), np.str_("1"), b"1"])
def test_one_has_one_name_whatever_its_type(value):
    assert as_text(value) == "1"


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, pd.NaT, ""])
def test_missing_has_no_name(value):
    assert as_text(value) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(True, "True"), (0.5, "0.5"), (-0.0, "0"), (" >50K", ">50K"), ("007", "007")]
)
def test_other_values_keep_their_text(value, text):
    assert as_text(value) == text


def test_numbers_are_ordered_as_numbers():
    codes, names = encode(pd.Series([10, 9.0, None, "2"], dtype=object))
    assert names == ["2", "9", "10"]
    assert codes.tolist() == [2, 1, -1, 0]


def test_labels_that_agree_need_no_mapping():
    assert match_classes(["0", "1"], ["0", "1"], {}, "1") == ({"0": "0", "1": "1"}, False)


def test_a_model_may_know_a_label_that_the_data_lacks():
    assert match_classes(["a", "b", "c"], ["a", "c"], {}, "")[0] == {"a": "a", "b": "b", "c": "c"}


@pytest.mark.parametrize("favourable", ["good", ""])
def test_encoded_classes_follow_sorted_order_when_one_is_favourable(favourable):
    assert match_classes(["0", "1"], ["bad", "good"], {}, favourable) == ({"0": "bad", "1": "good"}, True)


def test_a_boolean_model_is_encoded_too():
    assert match_classes(["False", "True"], ["no", "yes"], {}, "yes") == ({"False": "no", "True": "yes"}, True)


def test_an_encoded_class_that_may_stand_for_either_label_is_refused():
    with pytest.raises(LoadError, match="not clear whether class 1 stands for '1'") as refused:
        match_classes(["0", "1"], ["1", "2"], {}, "1")
    assert refused.value.code == "label_mismatch"
    assert "--label 0=1 --label 1=2" in refused.value.hint
    assert 'target.labels in the plan, for example {"0": "1", "1": "2"}' in refused.value.hint


def test_the_mapping_of_the_plan_wins():
    assert match_classes(["0", "1"], ["1", "2"], {"0": "2", "1.0": "1"}, "1") == ({"0": "2", "1": "1"}, False)


@pytest.mark.parametrize(
    "given", [{"0": "bad", "5": "good"}, {"0": "bad", "1": "bad"}, {"0": "bad"}], ids=["unknown", "twice", "part"]
)
def test_a_mapping_that_does_not_fit_is_refused(given):
    with pytest.raises(LoadError) as refused:
        match_classes(["0", "1"], ["bad", "good"], given, "")
    assert refused.value.code == "label_mismatch"


@pytest.mark.parametrize("classes", [["red", "green"], ["1", "2"], ["0", "1", "2"]])
def test_classes_that_cannot_be_matched_are_refused(classes):
    with pytest.raises(LoadError, match="they do not match"):
        match_classes(classes, ["bad", "good"], {}, "good")


def test_a_guess_that_fits_worse_than_its_reverse_is_refused():
    y = np.array([0, 0, 0, 1])
    guess, labels = {"0": "bad", "1": "good"}, ["bad", "good"]
    check_guess(guess, ["0", "1"], labels, y, np.array([0, 0, 1, 1]))
    with pytest.raises(LoadError, match="right on 25.0% of the rows, in reverse order on 75.0%"):
        check_guess(guess, ["0", "1"], labels, y, np.array([1, 1, 0, 0]))


def test_a_guess_that_fits_worse_than_its_reverse_names_the_reverse():
    y, predicted = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 1])
    with pytest.raises(LoadError) as refused:
        check_guess({"0": "<=50K", "1": ">50K"}, ["0", "1"], ["<=50K", ">50K"], y, predicted)
    assert "--label '0=>50K' --label '1=<=50K'" in refused.value.hint


def test_a_label_that_the_model_does_not_know_is_named():
    with pytest.raises(LoadError, match=r"label '?\?\?'?") as refused:
        match_classes(["<=50K", ">50K"], ["<=50K", ">50K", "??"], {}, ">50K")
    assert "leave them out" in refused.value.hint
