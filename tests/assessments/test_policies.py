"""What models are held to: which version of the policy holds when, for which model."""

import random
import re
from collections import Counter
from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from assessments import judging, nightly, runner, stored
from assessments.actions import policies as actions
from assessments.actions.assessments import start
from assessments.models import Assessment, Policy, PolicyVersion, Verdict
from assessments.policies import default_policy, sha256
from assessments.policy import force
from assessments.policy.comparing import compare
from assessments.policy.document import checked, problems
from assessments.policy.replay import newest, outcome_of, replay
from assessments.policy.scope import Context, holds, within
from assessments.policy.shipped import ORIGIN, ensure_policy
from assessments.policy.states import TRANSITIONS, Event, after
from registry import access
from registry.actions import edit_context
from registry.models import AuditEvent, ModelVersion, Notification, RoleGrant
from registry.refusals import BadInput, Conflict, Refused
from tests.conftest import make_user
from tests.evidence import finish
from tests.signing import signed_in

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


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


@pytest.fixture
def chair(db):
    return make_user("chair", access.COMMITTEE_CHAIR)


@pytest.fixture
def officer(db):
    return make_user("officer", access.COMPLIANCE)


def changed(document: dict, **limits) -> dict:
    """The document with another AUC limit."""
    document = deepcopy(document)
    document["criteria"][0] |= limits
    return document


def drafted(policy: Policy, by, **limits) -> PolicyVersion:
    document = changed(force.in_force().document, **(limits or {"fail": 0.65}))
    return actions.draft(policy, actor=by, document=document, rationale="Scorecards of this house reach 0.70.")


def sign(version: PolicyVersion, *people) -> PolicyVersion:
    for person in people:
        with signed_in(person):
            actions.sign(version, actor=person, comment="Read.")
    version.refresh_from_db()
    return version


class TestSigning:
    """Guard G11: a draft of one person, the signatures of two others, one of them at the head."""

    @pytest.fixture
    def proposed(self, shipped, officer) -> PolicyVersion:
        version = drafted(shipped.policy, officer)
        return actions.propose(version, actor=officer)

    def test_two_others_put_it_in_force_and_end_the_one_before(self, shipped, proposed, lead, approver):
        sign(proposed, approver)
        assert (proposed.state, force.in_force()) == (State.PROPOSED, shipped)
        sign(proposed, lead)
        shipped.refresh_from_db()
        assert force.in_force() == proposed
        assert proposed.approved_at == proposed.effective_from == shipped.effective_to
        assert force.in_force(proposed.effective_from - timedelta(microseconds=1)) == shipped
        roles = list(proposed.signatures.values_list("role", "sha256"))
        assert roles == [(access.APPROVER, proposed.sha256), (access.MRM_LEAD, proposed.sha256)]
        assert all(one.authenticated_at for one in proposed.signatures.all())

    def test_it_takes_effect_on_its_day_and_not_before(self, shipped, officer, lead, chair):
        day = timezone.now() + timedelta(days=30)
        version = actions.propose(drafted(shipped.policy, officer), actor=officer, effective_from=day)
        sign(version, lead, chair)
        assert force.in_force() == shipped
        assert force.in_force(day - timedelta(seconds=1)) == shipped
        assert force.in_force(day) == version

    def test_the_drafter_does_not_sign(self, shipped, lead, chair):
        version = actions.propose(drafted(shipped.policy, lead), actor=lead)
        with signed_in(lead), pytest.raises(Refused, match="You drafted"):
            actions.sign(version, actor=lead)

    def test_nobody_signs_twice(self, proposed, lead):
        sign(proposed, lead)
        with signed_in(lead), pytest.raises(Conflict, match="already"):
            actions.sign(proposed, actor=lead)

    def test_one_of_the_two_is_at_the_head(self, proposed, approver):
        sign(proposed, approver)
        second = make_user("second", access.COMPLIANCE)
        RoleGrant.objects.update(granted_at=proposed.drafted_at)
        with signed_in(second), pytest.raises(Refused, match="MRM lead's or the committee chair's"):
            actions.sign(proposed, actor=second)

    def test_a_role_given_since_does_not_sign(self, proposed):
        late = make_user("late", access.MRM_LEAD)
        RoleGrant.objects.filter(user=late).update(granted_at=timezone.now())
        with signed_in(late), pytest.raises(Refused, match="after"):
            actions.sign(proposed, actor=late)

    def test_a_role_at_the_head_given_since_does_not_count_as_one(self, proposed, approver):
        sign(proposed, approver)
        late = make_user("late", access.APPROVER, access.MRM_LEAD)
        RoleGrant.objects.filter(user=late, role=access.MRM_LEAD).update(granted_at=timezone.now())
        with signed_in(late), pytest.raises(Refused, match="MRM lead's or the committee chair's"):
            actions.sign(proposed, actor=late)

    def test_a_role_that_ended_takes_its_signature_along(self, proposed, lead, chair, approver):
        sign(proposed, approver)
        RoleGrant.objects.filter(user=approver).update(state="ended", ended_at=timezone.now())
        assert sign(proposed, lead).state == State.PROPOSED
        assert sign(proposed, chair).state == State.APPROVED

    def test_it_takes_a_session_with_the_password(self, proposed, lead):
        with pytest.raises(Refused, match="not with an API token"):
            actions.sign(proposed, actor=lead)

    def test_whoever_validates_sets_no_limits(self, shipped):
        both = make_user("both", access.MRM_LEAD, access.VALIDATOR)
        with pytest.raises(Refused, match="other people's to set"):
            drafted(shipped.policy, both)

    @pytest.mark.parametrize("role", [access.OWNER, access.DEVELOPER, access.VALIDATOR, access.AUDITOR, access.ADMIN])
    def test_who_builds_audits_or_runs_the_system_drafts_nothing(self, shipped, role):
        with pytest.raises(Refused, match="takes one of these roles"):
            drafted(shipped.policy, make_user("somebody", role))

    def test_once_proposed_nobody_changes_it(self, proposed, officer):
        with pytest.raises(Conflict, match="not open now"):
            actions.edit(proposed, actor=officer, rationale="Another one.")

    def test_a_document_changed_behind_the_back_is_not_signed(self, proposed, lead):
        PolicyVersion.objects.filter(pk=proposed.pk).update(document=changed(proposed.document, fail=0.1))
        with signed_in(lead), pytest.raises(Conflict, match="digest differs"):
            actions.sign(proposed, actor=lead)

    def test_one_version_is_written_at_a_time(self, proposed, shipped, chair):
        with pytest.raises(Conflict, match="one is changed at a time"):
            drafted(shipped.policy, chair)

    def test_a_rejected_one_never_takes_effect_and_another_may_begin_with_it(self, shipped, proposed, lead, chair):
        actions.reject(proposed, actor=lead, reason="Too strict for pilots.")
        assert force.in_force() == shipped
        next_one = actions.draft(shipped.policy, actor=chair, base=proposed)
        assert (next_one.number, next_one.document["criteria"]) == (3, proposed.document["criteria"])

    def test_an_mrm_lead_clears_an_abandoned_draft(self, shipped, officer, lead, chair):
        version = drafted(shipped.policy, officer)
        with pytest.raises(Refused):
            actions.withdraw(version, actor=chair, reason="It is in the way.")
        actions.withdraw(version, actor=lead, reason="It is in the way.")
        assert not shipped.policy.versions.open().exists()

    def test_what_says_nothing_new_is_not_proposed(self, shipped, officer):
        version = actions.draft(shipped.policy, actor=officer, rationale="Nothing new at all.")
        with pytest.raises(BadInput, match="says nothing else"):
            actions.propose(version, actor=officer)

    def test_the_signers_are_told_once(self, proposed, officer, lead):
        told = Notification.objects.filter(key=f"policy.proposed:{proposed.pk}")
        assert not told.filter(recipient=officer).exists()

    def test_who_is_held_to_it_is_told_once_that_it_is_in_force(self, proposed, lead, approver, owner, auditor):
        sign(proposed, approver, lead)
        nightly.run()
        told = Notification.objects.filter(key__startswith="policy.in_force:")
        assert set(told.values_list("recipient__username", "subject")) == {
            (name, f"{proposed} is in force") for name in ("owner", "officer", "lead", "approver")
        }

    def test_of_a_later_day_they_are_told_when_it_is_signed_and_when_it_comes(self, proposed, lead, approver, owner):
        PolicyVersion.objects.filter(pk=proposed.pk).update(wanted_from=timezone.now() + timedelta(days=3))
        sign(proposed, approver, lead)
        nightly.run()
        told = Notification.objects.filter(key__startswith="policy.in_force:", recipient=owner)
        assert "takes effect on" in told.get().subject
        past = timezone.now() - timedelta(days=1)
        PolicyVersion.objects.exclude(pk=proposed.pk).update(effective_to=past)
        PolicyVersion.objects.filter(pk=proposed.pk).update(approved_at=past - timedelta(days=1), effective_from=past)
        nightly.run()
        nightly.run()
        assert [one.subject for one in told.order_by("pk")][1:] == [f"{proposed} is in force"]

    def test_every_step_is_in_the_log(self, proposed, lead, approver):
        sign(proposed, approver, lead)
        events = AuditEvent.objects.about(proposed).order_by("pk").values_list("action", flat=True)
        assert list(events) == ["policy.draft", "policy.propose", "policy.sign", "policy.sign"]


class TestStates:
    def test_the_table_over_all_pairs(self):
        for state in State:
            for event in Event:
                assert (after(state, event) is not None) is ((state, event) in TRANSITIONS)

    def test_nothing_leads_out_of_an_end(self):
        for state in (State.APPROVED, State.REJECTED, State.WITHDRAWN):
            assert all(after(state, event) is None for event in Event)


class TestDocument:
    def test_what_is_shipped_is_a_policy(self):
        assert list(problems(default_policy())) == []

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"fail": "0.6"}, "criteria[0].fail: '0.6' is no number"),
            ({"fail": True}, "criteria[0].fail"),
            ({"warn": None, "fail": None}, "needs a limit"),
            ({"warn": 0.5}, "lies beyond the fail limit of 0.6"),
            ({"better": "lower"}, "of roc_auc higher is better"),
            ({"metric": "accuracy_of_luck"}, "gives no 'accuracy_of_luck'"),
            ({"test": "performance.astrology"}, "there is no test 'performance.astrology'"),
            ({"minimum_rows": 0}, "is no number of rows"),
            ({"group": "some"}, ".group"),
            ({"scope": {"tiers": [4]}}, "4 is none of 1, 2, 3"),
            ({"scope": {"legal_contexts": ["mars"]}}, "'mars' is none of eeoc"),
            ({"wran": 0.7}, ".wran: there is no such part"),
            ({"source": " "}, ".source: say it"),
        ],
    )
    def test_what_is_wrong_is_said_with_where(self, change, said):
        assert any(said in one for one in problems(changed(default_policy(), **change)))

    def test_everything_wrong_is_said_at_once(self):
        document = changed(default_policy(), fail="x")
        document["criteria"][1]["minimum_rows"] = -1
        document["mandatory"].pop("3")
        document["notice"] = ""
        assert len(list(problems(document))) == 4

    def test_two_limits_for_the_same_models_are_ambiguous(self):
        document = default_policy()
        twin = {**document["criteria"][0], "scope": {"tiers": [1, 2]}}
        document["criteria"] += [twin, {**twin, "scope": {"tiers": [2, 3]}}]
        assert [one for one in problems(document) if "for the same models" in one]
        document["criteria"][-1]["scope"] = {"tiers": [3]}
        assert list(problems(document)) == []

    @pytest.mark.parametrize("said", [None, [], "policy", {"criteria": []}, {"criteria": [None]}, {"mandatory": []}])
    def test_what_is_no_policy_at_all_is_refused_in_words(self, said):
        with pytest.raises(BadInput) as refused:
            checked(said, number=2, name="House policy")
        assert refused.value.detail["problems"]


class TestDifference:
    def test_it_names_limits_old_and_new_added_and_removed(self):
        old = default_policy()
        new = changed(old, fail=0.65, rationale="As measured in 2026.")
        gone = new["criteria"].pop(1)
        new["criteria"].append({**new["criteria"][2], "scope": {"tiers": [1]}})
        new["mandatory"]["3"]["tests"].append("data.drift")
        new["evidence_days"]["1"] = 90
        found = compare(old, new)
        assert [(one.criterion["metric"], one.limits) for one in found.changed] == [("roc_auc", {"fail": (0.6, 0.65)})]
        assert found.changed[0].rationale == "As measured in 2026."
        assert [one["metric"] for one in found.removed] == [gone["metric"]]
        assert [one["scope"] for one in found.added] == [{"tiers": [1]}]
        assert [(one.tier, one.days, one.added) for one in found.tiers] == [
            ("1", (180, 90), []),
            ("3", None, ["data.drift"]),
        ]

    def test_a_limit_of_nothing_is_not_a_limit_of_zero(self):
        old = changed(default_policy(), warn=None)
        assert compare(old, changed(old, warn=0.0, fail=0.0)).changed[0].limits["warn"] == (None, 0.0)

    def test_the_same_is_no_difference(self):
        assert not compare(default_policy(), default_policy())


def measured(assessment: Assessment, rng: random.Random) -> Assessment:
    """What every criterion is about, made up: groups, intervals, p-values, small groups and missing numbers."""
    by_test: dict[str, list[str]] = {}
    for criterion in assessment.policy["criteria"]:
        by_test.setdefault(criterion["test"], []).append(criterion["metric"])
    for test in assessment.planned_tests:
        status = rng.choices(["done", "not_applicable", "error"], [8, 1, 1])[0]
        result = assessment.results.create(test=test, family=test.split(".")[0], title=test, status=status)
        result.comparisons = rng.choice([0, 3, 40])
        result.save()
        for metric in by_test.get(test, []) if status == "done" else []:
            for at, group in enumerate(({}, {"sex": "Female"}, {"sex": "Male"})):
                value = rng.uniform(-0.1, 1.1)
                low, high = rng.choice([(None, None), (value - 0.1, value + 0.1), (None, value + 0.2)])
                result.measures.create(
                    position=at, metric=metric, group=group, n=rng.choice([5, 40, 4000]), low=low, high=high,
                    value=rng.choice([value, value, value, None]), small=rng.random() < 0.1,
                    p_value=rng.choice([None, rng.random() ** 4]),
                )  # fmt: skip
    found = judging.judge(stored.entries(assessment), assessment.judged_by)
    Verdict.objects.bulk_create(runner._verdict(assessment, at, verdict) for at, verdict in enumerate(found))
    return finish(assessment)


def shaken(document: dict, rng: random.Random) -> dict:
    """Another policy: some limits moved, a criterion gone, one that holds for some."""
    document = deepcopy(document)
    for criterion in rng.sample(document["criteria"], 70):
        for limit in ("warn", "fail"):
            if criterion[limit] is not None:
                criterion[limit] += rng.uniform(-0.3, 0.3)
        criterion["minimum_rows"] = rng.choice([1, 30, 100])
    gone = document["criteria"].pop(rng.randrange(len(document["criteria"])))
    document["criteria"].append({**gone, "scope": {"tiers": [rng.choice([1, 2])]}})
    return document


def words(verdicts) -> dict[tuple, str]:
    return {(one["test"], one["metric"], str(sorted(one["group"].items()))): one["verdict"] for one in verdicts}


@pytest.mark.django_db
class TestReplay:
    @pytest.mark.parametrize("seed", range(4))
    def test_it_equals_judging_everything_anew(self, version, dataset_version, owner, seed):
        rng = random.Random(seed)
        assessment = measured(start(version, actor=owner, dataset_version=dataset_version, seed=1), rng)
        document = shaken(assessment.policy, rng)
        found = outcome_of(assessment, document)
        anew = judging.judge(stored.entries(assessment), within(document, Context.from_json(assessment.context)))
        old, new = words(assessment.verdicts.values("test", "metric", "group", "verdict")), words(anew)
        expected = {key: (old.get(key), new.get(key)) for key in old | new if old.get(key) != new.get(key)}
        got = {(one.test, one.metric, str(sorted(one.group.items()))): (one.before, one.after) for one in found.changes}
        assert got == expected
        assert len(expected) > 5
        assert found.before == judging.worst([{"verdict": word} for word in old.values()])
        assert found.after == judging.worst(anew)
        assert {word: n for word, n in found.counts.items() if n} == Counter(one["verdict"] for one in anew)

    def test_the_same_policy_changes_nothing_and_reads_no_measure(
        self, version, dataset_version, owner, django_assert_num_queries
    ):
        assessment = measured(start(version, actor=owner, dataset_version=dataset_version, seed=1), random.Random(1))
        assessment = Assessment.objects.select_related("policy_version").get(pk=assessment.pk)
        with django_assert_num_queries(1):  # the words that are recorded
            assert outcome_of(assessment, assessment.policy).changes == []

    def test_many_assessments_take_no_more_questions_than_one(self, version, dataset_version, owner, lead):
        rng = random.Random(5)
        document = shaken(force.in_force().document, rng)
        access.roles_of(lead)
        asked = []
        for _ in range(2):
            for _ in range(2):
                another = version.model.versions.create(
                    number=version.model.versions.count() + 1, artifact=version.artifact, format="joblib",
                    original_name="m", created_by=owner, estimator=version.estimator, approval_status="approved",
                )  # fmt: skip
                measured(start(another, actor=owner, dataset_version=dataset_version, seed=1), rng)
            with CaptureQueriesContext(connection) as seen:
                found = replay(document, user=lead)
            asked.append([re.sub(r"_sync_\d+", "", one["sql"])[:150] for one in seen])  # PostgreSQL numbers its cursors
        assert found.assessments == found.changed == 4
        assert asked[0] == asked[1]

    def test_it_takes_the_newest_whole_battery_of_what_is_in_use_or_pending(
        self, version, dataset_version, owner, lead
    ):
        whole = finish(start(version, actor=owner, dataset_version=dataset_version, seed=1))
        finish(start(version, actor=owner, dataset_version=dataset_version, tests=["data.quality"], seed=1))
        assert newest(lead) == []
        ModelVersion.objects.update(approval_status="pending_approval")
        assert newest(lead) == [whole]
        assert newest(make_user("neighbour", access.OWNER)) == []


@pytest.mark.django_db
class TestUse:
    def test_the_battery_shows_the_laws_that_the_model_is_under(self, version, dataset_version, owner):
        edit_context(version.model, actor=owner, use_case="credit", legal_contexts=["eu", "ecoa"])
        version.refresh_from_db()
        run = start(version, actor=owner, dataset_version=dataset_version, seed=1)
        params = {test["id"]: test["params"] for test in run.plan["tests"]}
        assert params["fairness.legal_contexts"] == {"contexts": "ecoa,eu"}
        assert run.context == {"tier": 2, "use_case": "credit", "legal_contexts": ["ecoa", "eu"]}

    def test_who_asks_for_other_laws_gets_those(self, version, dataset_version, owner):
        edit_context(version.model, actor=owner, legal_contexts=["eu"])
        version.refresh_from_db()
        asked = [{"id": "fairness.legal_contexts", "params": {"contexts": "eeoc"}}]
        run = start(version, actor=owner, dataset_version=dataset_version, tests=asked, seed=1)
        assert run.plan["tests"][0]["params"]["contexts"] == "eeoc"

    def test_the_same_request_after_the_use_was_said_is_the_same(self, version, dataset_version, owner):
        given = {"actor": owner, "dataset_version": dataset_version, "seed": 1, "idempotency_key": "k"}
        first = start(version, **given)
        edit_context(version.model, actor=owner, legal_contexts=["eu"])
        version.refresh_from_db()
        assert start(version, **given) == first

    def test_a_run_is_judged_by_the_limits_of_its_own_use(self, version, dataset_version, owner):
        document = default_policy()
        document["criteria"].append({**document["criteria"][0], "fail": 0.7, "scope": {"use_cases": ["credit"]}})
        PolicyVersion.objects.update(document=document)
        for use, expected in (("fraud", 0.6), ("credit", 0.7)):
            edit_context(version.model, actor=owner, use_case=use)
            version.refresh_from_db()
            run = start(version, actor=owner, dataset_version=dataset_version, seed=1)
            assert [one["fail"] for one in run.judged_by["criteria"] if one["metric"] == "roc_auc"] == [expected]

    @pytest.mark.parametrize("said", [{"use_case": "magic"}, {"legal_contexts": ["mars"]}])
    def test_what_is_not_in_the_lists_is_refused(self, version, owner, said):
        with pytest.raises(BadInput, match="There is no"):
            edit_context(version.model, actor=owner, **said)

    def test_who_only_builds_it_does_not_say_what_it_is_for(self, version, developer, lead):
        version.model.developers.add(developer)
        with pytest.raises(Refused):
            edit_context(version.model, actor=developer, use_case="credit")
        edit_context(version.model, actor=lead, use_case="credit")
