"""The committed catalogue is what the battery says of itself."""

import json

import pytest

from assessments import catalogue
from assessments.battery.spec import PLANS, battery_test, discover
from assessments.forms import titled
from assessments.management.commands.battery_catalogue import asked, written
from assessments.models import Measure, TestResult
from assessments.views.evidence import said_of_itself


@pytest.mark.slow
def test_the_committed_file_is_up_to_date():
    assert catalogue.FILE.read_text() == written(asked()), "run `manage.py battery_catalogue`"


def test_a_plan_runs_the_tests_that_name_it():
    for plan in PLANS:
        assert catalogue.tests_of(plan) == [k for k, test in discover().items() if plan in test.plans] != []
    with pytest.raises(ValueError, match="no plan 'slow'"):
        catalogue.tests_of("slow")


def test_a_declaration_survives_the_file():
    for test, real in discover().items():
        kept = catalogue.declared(test)
        assert json.dumps(kept.entry()) == json.dumps(real.entry())
        for plan in PLANS:
            assert kept.resolve({}, plan) == real.resolve({}, plan)


def test_a_caller_may_change_what_it_was_given():
    catalogue.catalogue().clear()
    assert catalogue.catalogue()


def test_a_test_must_be_in_a_plan():
    for plans in ((), ("slow",)):
        with pytest.raises(ValueError, match="some of quick, standard, thorough"):
            battery_test(title="T", metrics=[], plans=plans)


def test_the_form_says_which_plans_run_a_costly_test():
    entry = {"title": "Boundary attack", "plans": ["thorough"]}
    assert titled(entry) == "Boundary attack (thorough plan)"
    assert titled(entry | {"plans": list(PLANS)}) == "Boundary attack"


def test_no_two_tests_name_a_chart_alike():
    named = [chart for entry in catalogue.catalogue().values() for chart in entry["charts"] if "*" not in chart]
    assert len(named) == len(set(named))


def test_what_the_catalogue_says_fits_the_columns_that_keep_it():
    room = {name: Measure._meta.get_field(name).max_length for name in ("metric", "unit", "better")}
    for entry in catalogue.catalogue().values():
        assert len(entry["id"]) <= TestResult._meta.get_field("test").max_length
        assert len(entry["title"]) <= TestResult._meta.get_field("title").max_length
        for metric in entry["metrics"]:
            kept = {"metric": metric["id"], "unit": metric["unit"], "better": metric["better"]}
            assert {name: text for name, text in kept.items() if len(text) > room[name]} == {}


@pytest.mark.parametrize("test", catalogue.catalogue())
def test_each_test_asks_a_question_and_says_what_to_do(test):
    question, asks, advice = said_of_itself(catalogue.catalogue()[test])
    assert question.partition(".")[0].endswith("?") or "?" in question
    assert asks
    assert advice.endswith(".")
    assert "What to do" not in asks
