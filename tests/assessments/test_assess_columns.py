"""What the command line says of columns and of the relations between them."""

import pytest

from assessments.management.commands.assess import read_columns
from assessments.planning import BadRequest, build_plan
from registry.refusals import BadInput


def column(name, kind="number", **more):
    return {"name": name, "kind": kind, "integer": True, "missing": 0, "distinct": 9, "min": 0.0, "max": 9.0,
            "mean": 1.0, "std": 1.0, "top": [["1", 3], ["2", 3]], "dtype": "int64", **more}  # fmt: skip


PROFILE = {"rows": 100, "columns": [column("hours"), column("a=b"), column("job", "category"), column("y", distinct=2)]}
OPTIONS = {
    "target": "y",
    "favourable": "1",
    "sensitive": [],
    "fixed": [],
    "mutable": [],
    "bounds": [],
    "swap_price": [],
}


def read(**options):
    roles, _ = read_columns(PROFILE, {**OPTIONS, **options})
    return {role["name"]: role for role in roles}


def test_what_a_person_could_change_is_said_column_by_column():
    found = read(mutable=["hours=up", "a=b=fixed"], bounds=["hours=0:80", "a=b=:5"], swap_price=["job=0.4"])
    assert found["hours"] | {"mutable": "up", "minimum": 0.0, "maximum": 80.0} == found["hours"]
    assert found["a=b"] | {"mutable": "fixed", "minimum": 0.0, "maximum": 5.0} == found["a=b"]
    assert found["job"]["swap_price"] == 0.4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mutable": ["hours"]}, "--mutable hours is not understood"),
        ({"mutable": ["hours=sideways"]}, "'sideways' is not understood"),
        ({"bounds": ["hours=0-80"]}, "--bounds hours=0-80 is not understood"),
        ({"bounds": ["hours=:"]}, "is not understood"),
        ({"swap_price": ["job=cheap"]}, "'cheap' is no number"),
    ],
)
def test_what_is_not_understood_is_refused(options, said):
    with pytest.raises(BadInput) as refused:
        read(**options)
    assert said in refused.value.message


def test_an_unknown_column_is_named():
    with pytest.raises(BadRequest, match="no column 'hour'"):
        read(mutable=["hour=up"])


def planned(**changes):
    file = {"path": "x", "format": "joblib", "sha256": "0" * 64}
    return build_plan(
        model=file, data={**file, "format": "csv"}, target="y", columns=[{"name": "job", **changes}, {"name": "y"}],
        seed=1, relations=["job = 'a' or job = 'b'"],
    )  # fmt: skip


def test_relations_and_prices_are_in_the_plan():
    plan = planned(swap_price=0.7)
    assert plan["relations"] == ["job = 'a' or job = 'b'"]
    assert [each["swap_price"] for each in plan["columns"]] == [0.7, 0.1]


@pytest.mark.parametrize("price", [-1, float("inf"), "1", True])
def test_a_price_is_a_number_from_0(price):
    with pytest.raises(BadRequest, match="no price"):
        planned(swap_price=price)
