"""First readings of columns, on the two real data sets' headings and on awkward ones."""

import pytest

from registry.columns import guess, guess_favourable, words


def column(name, distinct=50, *, kind="number", top=(), **more):
    low_high = {"min": 0.0, "max": 9.0} if kind == "number" else {"min": None, "max": None}
    return {"name": name, "dtype": "", "kind": kind, "integer": kind == "number", "missing": 0, "distinct": distinct,
            **low_high, "mean": None, "std": None, "top": [list(pair) for pair in top], **more}  # fmt: skip


def profile(*columns, rows=1000):
    return {"rows": rows, "columns": list(columns)}


def read(*columns, **how):
    return {one["name"]: one for one in guess(profile(*columns), **how)}


ADULT = (
    column("age"), column("workclass", 8, kind="category"), column("fnlwgt", 900), column("education_num", 16),
    column("marital_status", 7, kind="category"), column("race", 5, kind="category"),
    column("sex", 2, kind="category"), column("capital_gain"), column("native_country", 41, kind="category"),
    column("income", 2, kind="category", top=[("<=50K", 700), (">50K", 300)]),
)  # fmt: skip


def test_adult_is_read_as_a_person_would():
    found = read(*ADULT)
    assert {name for name, one in found.items() if one["role"] == "sensitive"} == {"age", "race", "sex"}
    assert found["income"]["role"] == "target"
    assert found["capital_gain"] == {
        "name": "capital_gain", "role": "feature", "kind": "number", "mutable": "free", "minimum": 0.0,
        "maximum": 9.0, "integer": True, "swap_price": 0.1,
    }  # fmt: skip
    fixed = {name for name, one in found.items() if one["mutable"] == "fixed"}
    assert fixed == {"age", "race", "sex", "income", "fnlwgt", "marital_status", "native_country"}


def test_a_category_has_no_bounds_and_is_fixed_or_free():
    for one in guess(profile(*ADULT)):
        if one["kind"] == "category":
            assert (one["minimum"], one["maximum"], one["integer"]) == (None, None, False)
            assert one["mutable"] in {"fixed", "free"}


def test_the_given_target_wins():
    found = read(*ADULT, target="sex")
    assert [name for name, one in found.items() if one["role"] == "target"] == ["sex"]


def test_a_target_must_be_able_to_be_favourable():
    found = read(column("class", 2, top=[("a", 5)]), column("label", 2, top=[("1", 5), ("0", 9)]), favourable="1.0")
    assert [name for name, one in found.items() if one["role"] == "target"] == ["label"]


def test_no_target_is_guessed_from_columns_of_many_values():
    assert all(one["role"] != "target" for one in guess(profile(column("amount"), column("income", 400))))


@pytest.mark.parametrize("name", ["id", "customer_id", "customerId", "Unnamed: 0", "UUID"])
def test_a_column_of_ids_is_ignored(name):
    assert read(column(name, 1000))[name]["role"] == "ignored"


@pytest.mark.parametrize("name", ["message", "stage", "middle", "wage_index", "Sussex"])
def test_a_word_inside_a_word_means_nothing(name):
    assert read(column(name), column("y", 2))[name]["role"] == "feature"


def test_years_of_service_only_go_up():
    assert read(column("yearsOfTenure"))["yearsOfTenure"]["mutable"] == "up"


def test_names_fall_into_words():
    assert words("numberOfFamily_members2 IDNumber") == ["number", "of", "family", "members", "id", "number"]


def test_the_favourable_label_is_guessed_by_its_name_or_not_at_all():
    assert guess_favourable(profile(*ADULT), "income") == ">50K"
    assert guess_favourable(profile(column("y", 2, top=[("0", 3), ("1", 2)])), "y") == "1"
    assert guess_favourable(profile(column("y", 2, top=[("a", 3), ("b", 2)])), "y") == ""


def test_an_empty_table_has_no_columns():
    assert guess({"rows": 0, "columns": []}) == []
