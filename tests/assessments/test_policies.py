"""What models are held to: which version of the policy holds when, for which model."""

from datetime import timedelta

import pytest
from django.utils import timezone

from assessments.models import PolicyVersion
from assessments.policies import default_policy, sha256
from assessments.policy import force
from assessments.policy.scope import Context, holds, within
from assessments.policy.shipped import ORIGIN, ensure_policy
from registry.models import AuditEvent

State = PolicyVersion.State


@pytest.fixture
def shipped(db) -> PolicyVersion:
    return PolicyVersion.objects.get(number=1)


class TestShipped:
    def test_it_is_the_house_default_and_in_force_at_once(self, shipped):
        assert shipped.sealed_document == default_policy()
        assert (shipped.origin, shipped.state) == (ORIGIN, State.APPROVED)
        assert force.in_force() == shipped
        assert shipped.drafted_by.get_username() == "system"
        assert not shipped.signatures.exists()

    def test_another_migrate_adds_nothing(self, shipped):
        ensure_policy()
        assert PolicyVersion.objects.count() == 1
        assert AuditEvent.objects.filter(action="policy.ship").count() == 1

    def test_its_digest_is_that_of_its_document(self, shipped):
        assert sha256(shipped.document) == shipped.sha256

    def test_before_it_there_was_none(self, shipped):
        assert force.in_force(shipped.effective_from - timedelta(seconds=1)) is None


class TestStarting:
    @pytest.mark.django_db
    def test_a_run_keeps_the_version_in_force_and_what_the_model_is_used_for(self, waiting, version):
        assert waiting.policy_version == force.in_force()
        assert waiting.policy == default_policy()
        assert waiting.context == {"tier": version.model.tier, "use_case": "", "legal_contexts": []}

    @pytest.mark.django_db
    def test_without_a_policy_nothing_starts(self, version, dataset_version, owner):
        from assessments.actions.assessments import start
        from registry.refusals import Conflict

        PolicyVersion.objects.update(effective_to=timezone.now())
        with pytest.raises(Conflict, match="No policy is in force"):
            start(version, actor=owner, dataset_version=dataset_version, seed=1)


def criterion(fail: float, **scope) -> dict:
    return {"test": "t", "metric": "m", "better": "higher", "warn": None, "fail": fail, "scope": scope}


class TestScope:
    @pytest.mark.parametrize(
        ("scope", "context", "expected"),
        [
            ({}, Context(), True),
            ({"tiers": [1]}, Context(tier=1), True),
            ({"tiers": [1]}, Context(tier=2), False),
            ({"tiers": [1]}, Context(), False),
            ({"use_cases": ["credit"]}, Context(use_case="credit"), True),
            ({"use_cases": ["credit"]}, Context(use_case="fraud"), False),
            ({"legal_contexts": ["eu", "ecoa"]}, Context(legal_contexts=("ecoa", "eeoc")), True),
            ({"legal_contexts": ["eu"]}, Context(), False),
            ({"tiers": [1], "use_cases": ["credit"]}, Context(tier=1, use_case="fraud"), False),
        ],
    )
    def test_a_criterion_holds_where_every_part_of_its_scope_does(self, scope, context, expected):
        assert holds(criterion(0.5, **scope), context) is expected

    def test_the_most_particular_takes_the_place_of_the_general_one(self):
        general, tier, both = criterion(0.5), criterion(0.6, tiers=[1]), criterion(0.7, tiers=[1], use_cases=["credit"])
        policy = {"criteria": [both, general, tier]}
        assert within(policy, Context(tier=2))["criteria"] == [general]
        assert within(policy, Context(tier=1))["criteria"] == [tier]
        assert within(policy, Context(tier=1, use_case="credit"))["criteria"] == [both]

    def test_of_two_as_particular_the_stricter_holds(self):
        eu, ecoa = criterion(0.8, legal_contexts=["eu"]), criterion(0.9, legal_contexts=["ecoa"])
        for criteria in ([eu, ecoa], [ecoa, eu]):
            assert within({"criteria": criteria}, Context(legal_contexts=("eu", "ecoa")))["criteria"] == [ecoa]

    def test_a_policy_without_scopes_is_whole_everywhere(self):
        assert within(default_policy(), Context()) == default_policy()


def test_the_legal_contexts_are_those_that_the_battery_has_figures_for():
    from assessments.battery.fairness._legal import contexts
    from registry.contexts import legal_contexts

    assert list(legal_contexts()) == [one.id for one in contexts("all")]
