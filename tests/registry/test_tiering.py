"""A tier comes from answers by the matrix, and from two people."""

import itertools
import json

import pytest
from django.test import Client
from django.utils import timezone

from modelrisk.pages import waiting
from registry import access
from registry.approvals import actions as approval
from registry.models import ApprovalRequest, AuditEvent, MLModel, Notification, TierRating
from registry.refusals import BadInput, Conflict, Refused
from registry.tiers import actions, gate, matrix, rules
from tests.conftest import make_user

INHERENT = ("complexity", "data_sensitivity", "autonomy", "opacity", "third_party")
LOW = {"purpose": 1, "exposure": 1} | dict.fromkeys(INHERENT, 1)
HIGH = {"purpose": 3, "exposure": 1} | dict.fromkeys(INHERENT, 3)
# Read off the page of the policy, not computed: rows are materiality low to high, columns inherent risk low to high.
BY_HAND = [[3, 3, 2], [3, 2, 2], [2, 1, 1]]


def test_every_set_of_answers_gives_the_tier_of_the_matrix():
    level = {5: 0, 6: 0, 7: 0, 8: 1, 9: 1, 10: 1} | dict.fromkeys(range(11, 16), 2)
    for purpose, exposure in itertools.product((1, 2, 3), repeat=2):
        for scores in itertools.product((1, 2, 3), repeat=5):
            answers = {"purpose": purpose, "exposure": exposure} | dict(zip(INHERENT, scores, strict=True))
            by_hand = BY_HAND[max(purpose, exposure) - 1][level[sum(scores)]]
            assert matrix.computed(answers).tier == by_hand
            assert matrix.computed(answers | {"annex_iii": True}).tier == 1
            assert matrix.computed(answers | {"adverse_decision": True}).tier == 1


def test_a_worse_answer_never_gives_a_milder_tier():
    for scores in itertools.product((1, 2), repeat=7):
        answers = dict(zip(("purpose", "exposure", *INHERENT), scores, strict=True))
        tier = matrix.computed(answers).tier
        for name in answers:
            assert matrix.computed(answers | {name: answers[name] + 1}).tier <= tier


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({}, "purpose"),
        (LOW | {"purpose": 4}, "purpose"),
        (LOW | {"purpose": True}, "purpose"),
        (LOW | {"opacity": "1"}, "opacity"),
        (LOW | {"annex_iii": "yes"}, "annex_iii"),
        (LOW | {"colour": 1}, "colour"),
    ],
)
def test_answers_that_are_none_are_refused(answers, field):
    with pytest.raises(BadInput) as refused:
        matrix.computed(answers)
    assert refused.value.field == field


def test_each_question_says_where_it_comes_from():
    known = matrix.tiering()
    for one in known["questions"] + known["forcing"]:
        assert one["basis"]
        assert [option["score"] for option in one.get("options", [])] in ([], [1, 2, 3])
    assert known["cadence_months"] == {"1": 12, "2": 24, "3": 36}


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


@pytest.fixture
def rating(registered_model, owner):
    return actions.rate_model(registered_model, actor=owner, answers=LOW)


@pytest.mark.django_db
def test_the_tier_follows_the_confirmation_and_not_the_rating(registered_model, lead, rating, owner):
    assert (registered_model.tier, rating.tier) == (2, 3)
    registered_model.refresh_from_db()
    assert registered_model.tier == 2
    actions.confirm_rating(rating, actor=lead, note="As the committee saw it.")
    registered_model.refresh_from_db()
    assert registered_model.tier == 3
    event = AuditEvent.objects.filter(action="tier.confirm").get()
    assert (event.detail["from"], event.detail["to"]) == (2, 3)
    assert Notification.objects.filter(recipient=owner, key=f"tier.confirmed:{rating.pk}").exists()
    assert Notification.objects.filter(recipient=lead, key=f"tier.proposed:{rating.pk}").exists()


@pytest.mark.django_db
def test_a_new_rating_replaces_the_one_that_waits_and_then_the_one_in_force(registered_model, rating, lead, owner):
    second = actions.rate_model(registered_model, actor=owner, answers=HIGH)
    actions.confirm_rating(second, actor=lead)
    third = actions.rate_model(registered_model, actor=owner, answers=LOW)
    registered_model.refresh_from_db()
    assert registered_model.tier == 1
    actions.confirm_rating(third, actor=lead)
    states = dict(TierRating.objects.values_list("pk", "state"))
    assert states == {rating.pk: "superseded", second.pk: "superseded", third.pk: "confirmed"}


@pytest.mark.django_db
def test_the_second_person_is_neither_the_rater_nor_a_builder(registered_model, lead, owner, validator, auditor):
    by_lead = actions.rate_model(registered_model, actor=lead, answers=LOW)
    assert "second person" in rules.may_confirm(by_lead, lead)
    builder = make_user("leading_builder", access.MRM_LEAD)
    registered_model.developers.add(builder)
    assert "independent" in rules.may_confirm(by_lead, builder)
    for user in (owner, validator, auditor):
        assert "takes the role" in rules.may_confirm(by_lead, user)
        with pytest.raises(Refused):
            actions.confirm_rating(by_lead, actor=user)
    assert rules.may_confirm(by_lead, make_user("other_lead", access.MRM_LEAD)) is None


@pytest.mark.django_db
def test_who_may_rate(registered_model, owner, developer, validator, lead, approver, auditor, outsider):
    may = {user.username for user in (owner, developer, validator, lead, approver, auditor, outsider)
           if rules.may_rate(registered_model, user) is None}  # fmt: skip
    assert may == {"owner", "developer", "validator", "lead"}


@pytest.mark.django_db
def test_an_override_needs_a_reason_and_cannot_lift_what_is_forced(registered_model, owner):
    with pytest.raises(BadInput, match="needs a reason"):
        actions.rate_model(registered_model, actor=owner, answers=HIGH, override_tier=2)
    made = actions.rate_model(
        registered_model, actor=owner, answers=HIGH, override_tier=2, reason="A pilot with fifty customers."
    )
    assert (made.computed_tier, made.tier) == (1, 2)
    given = {"override_tier": 3, "reason": "It is only a pilot."}
    with pytest.raises(BadInput, match="forced"):
        actions.rate_model(registered_model, actor=owner, answers=LOW | {"annex_iii": True}, **given)
    same = actions.rate_model(registered_model, actor=owner, answers=HIGH, override_tier=1)
    assert same.override_tier is None


@pytest.mark.django_db
def test_tier_three_takes_a_confirmed_rating(model_version, owner, lead):
    """Or who registers a model could choose who decides on it."""
    MLModel.objects.update(tier=3)
    version = type(model_version).objects.get(pk=model_version.pk)
    assert [one.id for one in gate.rated(version)] == ["tier_not_confirmed"]
    assert "by the word of who registered it alone" in approval.submit.refusal(version, owner)
    actions.confirm_rating(actions.rate_model(version.model, actor=owner, answers=LOW), actor=lead)
    version = type(model_version).objects.get(pk=model_version.pk)
    assert (version.model.tier, list(gate.rated(version))) == (3, [])


@pytest.mark.parametrize(("submitted", "answers", "decided"), [(2, HIGH, 1), (3, HIGH, 1), (2, LOW, 2)])
def test_an_open_case_is_decided_as_the_stricter_tier_asks(
    registered_model, model_version, owner, lead, submitted, answers, decided
):
    MLModel.objects.update(tier=submitted)
    case = ApprovalRequest.objects.create(version=model_version, requested_by=owner, tier=submitted)
    ended = ApprovalRequest.objects.create(
        version=model_version, requested_by=owner, tier=submitted, closed_at=timezone.now()
    )
    actions.confirm_rating(actions.rate_model(registered_model, actor=owner, answers=answers), actor=lead)
    case.refresh_from_db()
    ended.refresh_from_db()
    assert (case.tier, ended.tier) == (decided, submitted)


def test_a_refused_rating_changes_nothing_and_is_settled_once(registered_model, rating, lead):
    with pytest.raises(BadInput):
        actions.refuse_rating(rating, actor=lead, reason="no")
    actions.refuse_rating(rating, actor=lead, reason="The exposure is understated.")
    registered_model.refresh_from_db()
    assert registered_model.tier == 2
    rating.refresh_from_db()
    with pytest.raises(Conflict):
        actions.confirm_rating(rating, actor=lead)


@pytest.mark.django_db
def test_a_rating_by_another_matrix_is_not_confirmed(rating, lead):
    TierRating.objects.update(matrix_sha256="0" * 64)
    rating.refresh_from_db()
    with pytest.raises(Conflict, match="matrix changed"):
        actions.confirm_rating(rating, actor=lead)


@pytest.mark.django_db
def test_it_waits_in_the_leads_inbox_and_is_marked_where_a_conflict_forbids_it(registered_model, rating, lead, owner):
    assert [row.kind for row in waiting.for_user(lead)] == ["confirm_tier"]
    rating.rated_by = lead
    rating.save()
    (row,) = waiting.for_user(lead)
    assert "second person" in row.blocked
    assert waiting.count(lead) == 0
    assert "confirm_tier" not in [row.kind for row in waiting.for_user(owner)]


@pytest.mark.django_db
def test_through_the_page(registered_model, owner, lead, outsider, rating):
    browser = Client()
    browser.force_login(owner)
    here = f"/models/{registered_model.slug}/tier/"
    shown = browser.get(here).content.decode()
    assert "not yet confirmed" in shown
    assert shown.count('aria-current="true"') == 1
    assert browser.post(here, LOW | {"override_tier": "", "purpose": ""}).status_code == 400
    assert browser.post(here, HIGH | {"override_tier": ""}).status_code == 302
    newest = TierRating.objects.first()
    assert browser.post(f"{here}{newest.pk}/confirm/").status_code == 403
    browser.force_login(lead)
    assert browser.post(f"{here}{rating.pk}/confirm/").status_code == 409
    assert browser.post(f"{here}{newest.pk}/refuse/", {"reason": ""}).status_code == 400
    assert browser.post(f"{here}{newest.pk}/confirm/").status_code == 302
    assert MLModel.objects.get().tier == 1
    assert "not yet confirmed" not in browser.get(here).content.decode()
    browser.force_login(outsider)
    assert browser.get(here).status_code == 404
    assert browser.post(f"{here}{newest.pk}/refuse/", {"reason": "Not mine to say."}).status_code == 404


@pytest.mark.django_db
def test_the_document_says_the_sources():
    assert json.loads(matrix.FILE.read_text())["basis"] == "house default"
