"""What an approval hears of assessments."""

from datetime import timedelta

import pytest
from django.utils import timezone

from assessments.actions.assessments import start
from assessments.models import Assessment, PolicyException, PolicyVersion
from registry.approvals import gates
from registry.models import MLModel
from tests.evidence import finish

pytestmark = pytest.mark.django_db


def evidence_of_assessments(version) -> list[gates.Evidence]:
    return [found for found in gates.evidence(version) if found.kind == "assessment"]


def test_a_version_that_was_never_assessed_is_blocked(version):
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]
    assert evidence_of_assessments(version) == []


def test_a_running_assessment_is_not_yet_one(waiting, version):
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]


@pytest.fixture
def batteries(version, dataset_version, owner):
    """Two whole batteries, in the queue."""
    return [start(version, actor=owner, dataset_version=dataset_version) for _ in range(2)]


def test_the_latest_finished_battery_is_the_evidence(batteries, version):
    first, second = batteries
    finish(first, "a" * 64)
    finish(second, "b" * 64)
    verdict = {"test": "t", "family": "f", "metric": "m", "title": "M", "better": "higher", "verdict": "fail"}
    second.verdicts.create(position=0, **verdict)
    [evidence] = evidence_of_assessments(version)
    assert (evidence.id, evidence.sha256) == (second.pk, "b" * 64)
    assert (evidence.summary["fail"], evidence.summary["pass"]) == (1, 0)
    assert gates.blockers(version) == []


def test_a_new_run_does_not_block_what_has_been_assessed(batteries, version):
    finish(batteries[0], "a" * 64)
    assert gates.blockers(version) == []


def test_a_few_harmless_tests_are_no_evidence(waiting, version):
    """Else a builder could hide a failing battery behind a test that passes."""
    finish(waiting, "a" * 64)
    assert evidence_of_assessments(version) == []
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]


def test_the_whole_battery_is_that_of_its_own_plan(version, dataset_version, owner):
    quick = start(version, actor=owner, dataset_version=dataset_version, plan_name="quick")
    finish(quick, "a" * 64)
    assert gates.blockers(version) == []
    quick.plan["tests"].pop()
    quick.save()
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]


class TestGuards:
    """G3, G4 and G5: each refusal says which, and what to do."""

    @pytest.fixture
    def whole(self, batteries):
        return finish(batteries[0])

    def blocked(self, version) -> list[str]:
        return [blocker.id for blocker in gates.blockers(version)]

    def test_the_policy_is_evidence_with_who_approved_it_and_when(self, whole, version):
        policy = whole.policy_version
        [found] = [one for one in gates.evidence(version) if one.kind == "policy"]
        assert (found.id, found.sha256) == (policy.pk, policy.sha256)
        assert found.summary["version"] == policy.number
        assert found.summary["approved_at"] == policy.approved_at.isoformat()
        assert found.summary["approved_by"] == ["house default, shipped"]

    def test_a_later_policy_leaves_the_evidence_as_it_was(self, whole, version):
        """Published during a decision: the dossier keeps the policy that the run was judged by."""

        def of_the_run():
            return [found for found in gates.evidence(version) if found.kind != "policy_in_force"]

        before = of_the_run()
        replace_policy(timezone.now())
        assert of_the_run() == before
        assert gates.blockers(version) == []

    def test_a_policy_that_was_replaced_before_the_run_started_blocks(self, whole, version):
        replace_policy(whole.started_at - timedelta(microseconds=1))
        assert self.blocked(version) == ["policy_not_in_force"]

    def test_a_policy_approved_after_the_run_started_blocks(self, whole, version):
        later = whole.started_at + timedelta(seconds=1)
        PolicyVersion.objects.update(approved_at=later, effective_from=later)
        [blocker] = gates.blockers(version)
        assert blocker.id == "policy_not_in_force"
        assert "was approved only after" in blocker.message

    def test_limits_of_no_numbered_version_block(self, whole, version):
        Assessment.objects.filter(pk=whole.pk).update(policy_version=None)
        assert self.blocked(version) == ["no_policy_version"]

    def test_who_signed_the_policy_may_not_validate_by_it(self, whole, version, validator, owner):
        whole.policy_version.signatures.create(signer=validator, role="mrm_lead", sha256="")
        version.approval_requests.create(requested_by=owner, validator=validator)
        assert self.blocked(version) == ["policy_of_the_validator"]

    @pytest.mark.parametrize(
        "lacking",
        [
            {"environment": {}},
            {"environment": {"python": "3.11.7"}},
            {"results_sha256": ""},
            {"started_at": None},
        ],
    )
    def test_results_that_do_not_say_what_they_were_made_with_block(self, whole, version, lacking):
        Assessment.objects.filter(pk=whole.pk).update(**lacking)
        assert self.blocked(version) == ["evidence_not_bound"]

    @pytest.mark.parametrize("part", ["model", "data"])
    def test_results_of_another_file_block(self, whole, version, part):
        whole.plan[part]["sha256"] = "f" * 64
        whole.save()
        [blocker] = gates.blockers(version)
        assert blocker.id == "evidence_of_another_file"
        assert part in blocker.message

    @pytest.mark.parametrize(("tier", "days"), [(1, 180), (2, 365), (3, 730)])
    def test_results_older_than_the_tier_allows_block(self, whole, version, tier, days):
        MLModel.objects.update(tier=tier)
        long_ago = timezone.now() - timedelta(days=days + 1)
        PolicyVersion.objects.update(approved_at=long_ago, effective_from=long_ago)
        for age, expected in ((days - 1, []), (days + 1, ["evidence_too_old"])):
            ended = timezone.now() - timedelta(days=age, seconds=-60)
            Assessment.objects.filter(pk=whole.pk).update(finished_at=ended - timedelta(seconds=120))
            version.refresh_from_db()
            assert [found for found in self.blocked(version) if found != "tier_not_confirmed"] == expected

    def test_a_mandatory_test_that_ended_in_an_error_blocks_until_it_is_excepted(self, whole, version, owner):
        whole.results.filter(test="data.quality").update(status="error")
        [blocker] = gates.blockers(version)
        assert blocker.id == "battery_incomplete"
        assert "data.quality" in blocker.message
        PolicyException.objects.create(
            version=version,
            kind=PolicyException.Kind.TEST,
            test="data.quality",
            subject_key="test:data.quality",
            expiry=timezone.localdate(),
            state="active",
            requested_by=owner,
            approved_by=owner,
        )
        assert gates.blockers(version) == []

    def test_a_test_that_does_not_apply_is_not_missing(self, whole, version):
        whole.results.filter(test="data.drift").update(status="not_applicable")
        assert gates.blockers(version) == []

    def test_the_first_tier_asks_for_more_than_the_quick_plan(self, version, dataset_version, owner):
        MLModel.objects.update(tier=1)
        version.refresh_from_db()
        finish(start(version, actor=owner, dataset_version=dataset_version, plan_name="quick"))
        assert self.blocked(version) == ["plan_too_short", "battery_incomplete"]

    def test_a_model_whose_use_is_another_now_is_judged_anew_where_other_limits_apply(self, whole, version):
        version.model.use_case = "credit"
        version.model.save()
        assert self.blocked(version) == []
        criterion = {**whole.policy["criteria"][0], "fail": 0.65, "scope": {"use_cases": ["credit"]}}
        whole.policy["criteria"].append(criterion)
        whole.save()
        assert self.blocked(version) == ["another_context"]


def replace_policy(at) -> None:
    """Another version takes effect at a moment."""
    shipped = PolicyVersion.objects.get(number=1)
    if at <= shipped.effective_from:
        PolicyVersion.objects.update(effective_from=at - timedelta(days=1), approved_at=at - timedelta(days=1))
    PolicyVersion.objects.update(effective_to=at)
    shipped.policy.versions.create(
        number=2,
        document={**shipped.document, "version": 2},
        sha256="b" * 64,
        state="approved",
        drafted_by=shipped.drafted_by,
        approved_at=at,
        effective_from=at,
    )
