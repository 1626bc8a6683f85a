"""The committed catalogue is what the battery says of itself."""

import json

import pytest

from assessments import catalogue
from assessments.battery.spec import PLANS, discover
from assessments.management.commands.battery_catalogue import asked, written


@pytest.mark.slow
def test_the_committed_file_is_up_to_date():
    assert catalogue.FILE.read_text() == written(asked()), "run `manage.py battery_catalogue`"


def test_every_plan_runs_every_test():
    for plan in PLANS:
        assert catalogue.tests_of(plan) == list(catalogue.catalogue())
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
