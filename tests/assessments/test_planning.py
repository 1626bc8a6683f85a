"""Plans from plain values, and the words for those that cannot be made."""

import pytest

from assessments import catalogue
from assessments.battery.plan import Plan
from assessments.planning import BadRequest, build_plan

MODEL = {"path": "model.joblib", "format": "joblib", "sha256": "a" * 64}
DATA = {"path": "data.csv", "format": "csv", "sha256": "b" * 64}
COLUMNS = [
    {"name": "age", "role": "sensitive", "kind": "number", "mutable": "fixed", "minimum": 17, "maximum": 90},
    {"name": "sex", "role": "sensitive", "kind": "category"},
    {"name": "income", "role": "feature"},
]


def plan(**changes):
    usual = {"model": MODEL, "data": DATA, "target": "income", "favourable": ">50K", "columns": COLUMNS, "seed": 7}
    return build_plan(**{**usual, **changes})


def refusal(**changes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        plan(**changes)
    return caught.value


def test_a_plan_reads_back_as_the_battery_reads_it():
    made = Plan.from_json(plan())
    assert [test.id for test in made.tests] == catalogue.tests_of("standard")
    assert made.target.column == "income"
    assert [(c.name, c.role, c.min) for c in made.columns] == [
        ("age", "sensitive", 17.0), ("sex", "sensitive", None), ("income", "target", None)
    ]  # fmt: skip


def test_the_same_values_make_the_same_plan():
    assert plan() == plan()


def test_a_family_stands_for_its_tests_each_once():
    made = plan(tests=["fairness", "performance.probability", "fairness.group_metrics"])
    of_family = [test for test in catalogue.tests_of("standard") if test.startswith("fairness.")]
    assert [test["id"] for test in made["tests"]] == ["performance.probability", *of_family]
    assert "fairness.group_metrics" in of_family


def test_a_costly_test_is_in_its_own_plans_only_unless_it_is_named(monkeypatch):
    entries = catalogue.catalogue()
    entries["robustness.hopskipjump"] = entries["robustness.hopskipjump"] | {"plans": ["thorough"]}
    monkeypatch.setattr(catalogue, "_read", lambda: entries)
    for tests in (None, ["robustness", "performance"]):
        planned = [{test["id"] for test in plan(plan_name=name, tests=tests)["tests"]} for name in catalogue.PLANS]
        assert [("robustness.hopskipjump" in ids) for ids in planned] == [False, False, True]
    named = plan(plan_name="quick", tests=["robustness.hopskipjump"])["tests"]
    assert [test["id"] for test in named] == ["robustness.hopskipjump"]


def test_parameters_are_kept_with_their_test():
    made = plan(tests=[{"id": "robustness.hopskipjump", "params": {"rows": 50}}])
    assert made["tests"] == [{"id": "robustness.hopskipjump", "params": {"rows": 50}}]


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"tests": ["performance.discriminatoin"]}, "performance.discriminatoin", "Did you mean performance.discrimin"),
        ({"tests": []}, "No test was chosen", "robustness"),
        ({"tests": [{"id": "robustness.hopskipjump", "params": {"row": 5}}]}, "no parameter row", "catalogue"),
        ({"tests": [{"id": "robustness.hopskipjump", "params": {"rows": 1}}]}, "between 10 and", "catalogue"),
        ({"tests": [{"id": "robustness.hopskipjump", "params": {"rows": "many"}}]}, "must be a int", "catalogue"),
        ({"target": "incom"}, "no column 'incom'", "Did you mean income?"),
        ({"target": ""}, "No column is the target", "Name the column"),
        ({"seed": -1}, "seed -1", "20261123"),
        ({"seed": True}, "seed True", "20261123"),
        ({"seed": 2**63}, "seed", "20261123"),
        ({"plan_name": "slow"}, "'slow'", "thorough"),
        ({"model": {**MODEL, "format": "pmml"}}, "'pmml'", "joblib"),
        ({"columns": [{"name": "income"}, {"name": "income"}]}, "Named twice: income", "once"),
        ({"columns": [{"name": "income", "mutable": "sideways"}]}, "'sideways' is no mutable", "free"),
        ({"columns": [{"name": "income", "min": 2, "max": 1}]}, "minimum is above", "Swap"),
        ({"columns": [{"name": "income", "min": "low"}]}, "'low'", "number"),
        ({"limits": {"hours": 2}}, "hours", ""),
    ],
)
def test_what_cannot_be_planned_is_said_with_what_to_do(changes, message, hint):
    error = refusal(**changes)
    assert message in error.message
    assert hint in error.hint


def test_planning_and_the_catalogue_import_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys; from assessments import planning, judging, policies, results; planning.catalogue.catalogue();"
        "print([m for m in ('numpy', 'sklearn', 'art', 'shap', 'django', 'matplotlib') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
