"""What keeps an approval true: cadence, triggers of a revalidation, attestations, change notes."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from registry import access, attestations, change_notes, revalidation
from registry.models import Attestation, AuditEvent, ChangeNote, ModelVersion, RevalidationTrigger
from registry.refusals import BadInput, Conflict, Refused
from registry.roles import system_user
from tests.conftest import make_user
from tests.registry.upkeep import decided

pytestmark = pytest.mark.django_db
TEXT = "A sentence that says enough."
ALL_HOLDS = {fact: {"holds": True, "note": ""} for fact in Attestation.Fact.values}
BROKEN = ALL_HOLDS | {"users": {"holds": False, "note": "The branches use it too now."}}


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
        (date(2026, 3, 15), 24, date(2028, 3, 15)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
    ],
)
def test_months_are_months(day, months, later):
    assert revalidation.add_months(day, months) == later


@pytest.mark.parametrize(("tier", "years"), [(1, 1), (2, 2), (3, 3)])
def test_an_approval_without_a_day_holds_as_long_as_its_tier_allows(model_version, approver, tier, years):
    model_version.model.tier = tier
    model_version.model.save()
    decision = decided(model_version, approver)
    then = decision.decided_at.date()
    assert revalidation.holds_until(model_version, decision) == date(then.year + years, then.month, then.day)
    decision.valid_until = then + timedelta(days=9)
    assert revalidation.holds_until(model_version, decision) == decision.valid_until


# --- triggers -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "may"),
    [("owner", True), ("developer", True), ("validator", True), ("auditor", False), ("security_officer", False)],
)
def test_who_says_that_something_happened(model_version, approver, cast, name, may):
    decided(model_version, approver)
    refusal = revalidation.open_trigger.refusal(model_version, cast[name], kind="incident")
    assert (refusal is None) is may


def test_what_jobs_find_no_person_claims(model_version, approver, owner):
    decided(model_version, approver)
    with pytest.raises(Refused, match="by the system alone"):
        revalidation.open_trigger(model_version, actor=owner, kind="policy_change", reason=TEXT)


def test_what_was_never_approved_is_not_validated_again(model_version, owner):
    with pytest.raises(Conflict, match="no approval to look at again"):
        revalidation.open_trigger(model_version, actor=owner, kind="incident", reason=TEXT)


def test_a_trigger_stands_until_a_later_approval_and_no_rejection_answers_it(model_version, approver, owner):
    decided(model_version, approver, days_ago=10)
    made = revalidation.open_trigger(model_version, actor=owner, kind="incident", reason=TEXT)
    rows = RevalidationTrigger.objects
    assert list(rows.open()) == [made]
    decided(model_version, approver, outcome="reject", days_ago=-1)
    assert list(rows.open()) == [made]
    answer = decided(model_version, approver, days_ago=-1)
    assert not rows.open().exists()
    with pytest.raises(Refused, match="new decision closes it"):
        revalidation.close_trigger(made, actor=approver, decision=answer)
    assert revalidation.close_trigger(made, actor=system_user(), decision=answer).decision == answer


# --- attestations ---------------------------------------------------------------------------------
def test_the_owner_alone_attests_and_what_holds_raises_nothing(model_version, approver, owner, developer):
    decided(model_version, approver)
    with pytest.raises(Refused, match="Only owner"):
        attestations.attest(model_version, actor=developer, answers=ALL_HOLDS)
    made = attestations.attest(model_version, actor=owner, answers=ALL_HOLDS)
    assert made.holds
    assert not RevalidationTrigger.objects.exists()


def test_what_does_not_hold_is_said_and_asks_for_a_revalidation(model_version, approver, owner):
    decided(model_version, approver)
    made = attestations.attest(model_version, actor=owner, answers=BROKEN)
    assert not made.holds
    trigger = RevalidationTrigger.objects.get()
    assert (trigger.kind, trigger.raised_by) == ("attestation", owner)
    assert "The branches use it too now." in trigger.reason
    assert AuditEvent.objects.filter(action="attestation.give", summary__contains="all but users").exists()


@pytest.mark.parametrize(
    "answers", [{}, ALL_HOLDS | {"data": {"holds": "yes"}}, ALL_HOLDS | {"data": {"holds": False}}]
)
def test_every_fact_needs_its_answer_and_a_no_its_note(model_version, approver, owner, answers):
    decided(model_version, approver)
    with pytest.raises(BadInput) as caught:
        attestations.attest(model_version, actor=owner, answers=answers)
    assert caught.value.field in Attestation.Fact.values


@pytest.mark.parametrize(("tier", "months"), [(1, 6), (2, 12), (3, 12)])
def test_it_is_due_from_the_first_use_and_then_from_the_last_one(model_version, approver, owner, tier, months):
    model_version.model.tier = tier
    model_version.model.save()
    decided(model_version, approver)
    used = model_version.deployments.create(sha256="0" * 64, environment="production", deployed_by=owner)
    type(used).objects.update(deployed_at=timezone.now() - timedelta(days=40))
    used.refresh_from_db()
    assert attestations.due_of(model_version) == revalidation.add_months(used.deployed_at.date(), months)
    made = attestations.attest(model_version, actor=owner, answers=ALL_HOLDS)
    model_version.refresh_from_db()
    assert attestations.due_of(model_version) == revalidation.add_months(made.attested_at.date(), months)


def test_what_is_not_used_is_not_attested(model_version, approver, owner):
    decided(model_version, approver, use="not_in_use")
    assert attestations.due_of(model_version) is None
    with pytest.raises(Conflict, match="nothing to attest"):
        attestations.attest(model_version, actor=owner, answers=ALL_HOLDS)


# --- change notes ---------------------------------------------------------------------------------
def next_version(version) -> ModelVersion:
    last = version.model.versions.order_by("-number").first()
    return version.model.versions.create(
        number=last.number + 1, artifact=version.artifact, format="joblib", created_by=version.created_by
    )


def test_the_builder_says_it_first_and_the_second_line_has_the_last_word(model_version, developer, validator, owner):
    change_notes.classify(model_version, actor=developer, weight="minor", reason=TEXT)
    change_notes.classify(model_version, actor=owner, weight="material", reason=TEXT)
    change_notes.classify(model_version, actor=validator, weight="minor", reason=TEXT)
    with pytest.raises(Refused, match="validator of the second line classified it"):
        change_notes.classify(model_version, actor=owner, weight="minor", reason=TEXT)
    assert model_version.change_notes.count() == 3


@pytest.mark.parametrize("name", ["auditor", "security_officer", "outsider"])
def test_others_classify_nothing(model_version, cast, name):
    assert change_notes.classify.refusal(model_version, cast[name])


def test_who_built_the_model_does_not_speak_for_the_second_line(model_version):
    both = make_user("both", access.VALIDATOR)
    ModelVersion.objects.update(created_by=both)
    assert "You uploaded" in change_notes.classify.refusal(ModelVersion.objects.get(), both)


@pytest.mark.parametrize(("given", "field"), [({"weight": "tiny"}, "weight"), ({"reason": "small"}, "reason")])
def test_a_note_that_says_nothing_is_refused(model_version, owner, given, field):
    with pytest.raises(BadInput) as caught:
        change_notes.classify(model_version, actor=owner, **({"weight": "minor", "reason": TEXT} | given))
    assert caught.value.field == field


def test_the_minor_changes_since_the_last_approval_add_up(model_version, approver, owner):
    decided(model_version, approver)
    later = [next_version(model_version) for _ in range(3)]
    for one, weight in zip(later, ["minor", "material", "minor"], strict=True):
        change_notes.classify(one, actor=owner, weight="emergency", reason=TEXT)
        change_notes.classify(one, actor=owner, weight=weight, reason=TEXT)
    base, rows = change_notes.since_approval(later[2])
    assert base == model_version
    assert [(row, note.weight) for row, note in rows] == list(
        zip(later, [ChangeNote.Weight.MINOR, ChangeNote.Weight.MATERIAL, ChangeNote.Weight.MINOR], strict=True)
    )
    assert change_notes.minor_since_approval(later[2]) == 2
    assert change_notes.minor_since_approval(later[0]) == 1
