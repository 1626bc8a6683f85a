"""Each guard by itself, on made-up people."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from registry.approvals import deciding, guards, quorum
from registry.approvals.gates import Blocker

TODAY = date(2026, 11, 24)
NINE, TEN = datetime(2026, 11, 24, 9, tzinfo=UTC), datetime(2026, 11, 24, 10, tzinfo=UTC)


class Person(SimpleNamespace):
    def __str__(self) -> str:
        return self.name


anna, bob = Person(pk=1, name="anna"), Person(pk=2, name="bob")


def test_g1_says_who_and_what_they_had_to_do_with_it():
    parts = {1: ["uploader", "developer", "developer"]}
    assert guards.independent(anna, parts, "Income") == (
        "anna is developer and uploader of Income; someone independent must do this."
    )
    assert guards.independent(bob, parts, "Income") is None


def test_g1_keeps_validation_and_decision_apart():
    assert guards.not_the_lead_validator(anna, [1, None], "Two people.") == (
        "anna is the lead validator of this case: Two people."
    )
    assert guards.not_the_lead_validator(bob, [1, None], "Two people.") is None


def test_g6_lets_conditions_pass_what_only_bars_a_plain_approval():
    accepted = Blocker("accepted", "Finding 1 stands.", allows_conditions=True)
    grave = Blocker("grave", "Finding 2 stands.", "Close it.")
    assert guards.evidence([accepted]) == "Finding 1 stands."
    assert guards.evidence([accepted], with_conditions=True) is None
    assert guards.evidence([accepted, grave], with_conditions=True) == "Finding 2 stands. Close it."


CONDITION = {"text": "Measure it again.", "owner": anna, "due": date(2026, 12, 1), "check_method": "person"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"text": "  soon   "}, "does not say what"),
        ({"owner": None}, "no owner"),
        ({"due": TODAY}, "due date in the future"),
        ({"due": None}, "due date in the future"),
        ({"check_method": ""}, "how it will be checked"),
        ({"check_method": "criterion"}, "names none"),
        ({"check_method": "criterion", "criterion": {"metric": "roc_auc"}}, None),
    ],
)
def test_g7_a_condition_is_measurable(changes, says):
    told = guards.measurable([CONDITION | changes], TODAY)
    assert told is None if says is None else says in told


def test_g7_conditions_are_named():
    assert guards.measurable([], TODAY) == "An approval with conditions names at least one condition."


def test_g9_names_the_version():
    assert guards.same_file("ab" * 32, "AB" * 32, "Income v1") is None
    assert "Income v1" in guards.same_file("ab" * 32, "cd" * 32, "Income v1")


def test_g11_a_role_gained_for_the_case_does_not_count():
    assert guards.had_the_role(anna, "approver", NINE, TEN) is None
    assert guards.had_the_role(anna, "approver", TEN, TEN) is None
    told = guards.had_the_role(anna, "approver", TEN, NINE)
    assert told.startswith("anna gained the role approver on 24 Nov 2026 10:00 UTC")


# --- G10 ----------------------------------------------------------------------------------------
def votes(*cast: tuple[int, str]) -> list:
    return [SimpleNamespace(voter_id=voter, role=role, pk=voter) for voter, role in cast]


@pytest.mark.parametrize(
    ("tier", "cast", "lacks"),
    [
        (1, [], ["committee chair or compliance", "approver"]),
        (1, [(1, "approver")], ["committee chair or compliance"]),
        (1, [(1, "approver"), (2, "approver")], ["committee chair or compliance"]),
        (1, [(1, "committee_chair")], ["approver"]),
        (1, [(1, "committee_chair"), (1, "approver")], ["approver"]),
        (1, [(1, "committee_chair"), (2, "approver")], []),
        (1, [(2, "approver"), (1, "compliance")], []),
        (1, [(1, "compliance"), (2, "committee_chair")], []),
        (2, [], ["approver"]),
        (2, [(1, "mrm_lead")], ["approver"]),
        (2, [(1, "compliance")], []),
        (3, [(1, "approver")], ["MRM lead"]),
        (3, [(1, "mrm_lead")], []),
    ],
)
def test_g10_the_places_of_each_tier(tier, cast, lacks):
    assert quorum.missing(tier, votes(*cast)) == lacks
    assert (quorum.filled(tier, votes(*cast)) is None) == bool(lacks)


@pytest.mark.parametrize(
    ("tier", "day", "until"),
    [
        (1, date(2026, 11, 24), date(2027, 11, 24)),
        (2, date(2026, 2, 28), date(2028, 2, 28)),
        (1, date(2028, 2, 29), date(2029, 2, 28)),
        (3, date(2026, 12, 31), date(2029, 12, 31)),
    ],
)
def test_an_approval_holds_until_the_next_review_of_its_tier(tier, day, until):
    assert deciding.latest_day(tier, day) == until
