"""Start, cancel, retry: who may, what is kept, and when the queue is told."""

import pytest
from django_q.models import OrmQ

from assessments import leasing, recording
from assessments.actions.assessments import cancel, retry, start
from assessments.models import Assessment
from registry import actions
from registry.models import AuditEvent
from registry.refusals import BadInput, Conflict, Refused
from tests.assessments.conftest import QUICK_TESTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_it(version, dataset_version, owner):
    def ask(**changes) -> Assessment:
        asked = {"actor": owner, "dataset_version": dataset_version, "tests": QUICK_TESTS, **changes}
        return start(version, **asked)

    return ask


@pytest.mark.parametrize("name", ["owner", "validator"])
def test_the_builder_and_the_validator_may_assess(request_it, cast, name):
    assert request_it(actor=cast[name]).state == "queued"


@pytest.mark.parametrize("name", ["developer", "approver", "auditor", "outsider"])
def test_nobody_else_may(request_it, cast, name):
    with pytest.raises(Refused):
        request_it(actor=cast[name])
    assert not Assessment.objects.exists()
    assert AuditEvent.objects.get(action="assessment.start").refused


def test_it_keeps_the_plan_the_policy_and_the_catalogue(waiting, dataset_version):
    assert waiting.planned_tests == sorted(QUICK_TESTS)
    assert waiting.plan["target"] == {"column": "income", "favourable": ">50K", "labels": {}}
    assert waiting.plan["data"]["sha256"] == dataset_version.artifact.sha256
    assert [column["name"] for column in waiting.plan["columns"] if column["role"] == "sensitive"] == ["sex"]
    assert set(waiting.catalogue) == set(QUICK_TESTS)
    assert waiting.policy["criteria"]


def test_the_whole_plan_is_the_default(request_it):
    from assessments.catalogue import tests_of

    assert request_it(tests=None).planned_tests == tests_of("standard")


def test_a_seed_that_was_not_given_is_drawn_and_kept(request_it):
    first, second = request_it(), request_it()
    assert first.seed != second.seed
    assert first.plan["seed"] == first.seed


def test_the_queue_is_told_after_the_commit(request_it, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assessment = request_it()
        assert OrmQ.objects.count() == 0
    assert OrmQ.objects.count() == 1
    assessment.refresh_from_db()
    assert assessment.rung_at is not None


def test_it_is_in_the_audit_trail(waiting, owner):
    event = AuditEvent.objects.about(waiting).get(action="assessment.start")
    assert event.actor == owner
    assert event.detail["tests"] == sorted(QUICK_TESTS)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tests": ["performance.charm"]}, "bad_plan"),
        ({"tests": []}, "bad_plan"),
        ({"tests": [{"id": QUICK_TESTS[0], "params": {"resamples": 1}}]}, "bad_plan"),
        ({"plan_name": "lazy"}, "bad_plan"),
        ({"seed": -1}, "bad_plan"),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_planned_is_bad_input(request_it, changes, code):
    with pytest.raises(BadInput) as refused:
        request_it(**changes)
    assert refused.value.code == code
    assert refused.value.hint
    assert not Assessment.objects.exists()


def test_data_without_a_target_is_bad_input(request_it, dataset_version):
    dataset_version.columns.filter(role="target").update(role="feature")
    with pytest.raises(BadInput) as refused:
        request_it()
    assert refused.value.code == "no_target"


def test_data_without_a_favourable_label_is_bad_input(request_it, dataset_version):
    type(dataset_version).objects.update(favourable="")
    dataset_version.refresh_from_db()
    with pytest.raises(BadInput) as refused:
        request_it()
    assert refused.value.code == "no_favourable"


def as_amount(version, dataset_version, target: str) -> None:
    """The version predicts a number, and the data's target is this column, with no favourable label."""
    version.estimator = {**version.estimator, "task": "regression"}
    version.save()
    type(dataset_version).objects.update(favourable="")
    dataset_version.refresh_from_db()
    text = {"dtype": "object", "distinct": 2, "min": None, "top": [[">50K", 9], ["<=50K", 9]]}
    dataset_version.columns.filter(name="income").update(profile=text)
    rows = list(dataset_version.columns.all())
    actions.edit_columns(
        dataset_version, actor=version.model.owner, favourable="" if target != "income" else ">50K",
        columns=[{"name": row.name, "role": "target" if row.name == target else "feature"} for row in rows],
    )  # fmt: skip
    dataset_version.refresh_from_db()


def test_a_model_that_predicts_a_number_needs_no_favourable_label(request_it, version, dataset_version):
    as_amount(version, dataset_version, "hours")
    plan = request_it(tests=["performance"]).plan
    assert (plan["target"], plan["task"]) == ({"column": "hours", "favourable": "", "labels": {}}, "regression")


def test_a_model_that_predicts_a_number_wants_a_target_of_numbers(request_it, version, dataset_version):
    as_amount(version, dataset_version, "income")
    with pytest.raises(BadInput, match="income in .* holds text") as refused:
        request_it()
    assert refused.value.code == "label_mismatch"


def test_the_same_key_gives_the_same_assessment(request_it):
    first = request_it(idempotency_key="k")
    assert request_it(idempotency_key="k") == first
    assert request_it(idempotency_key="k", seed=first.seed) == first
    assert AuditEvent.objects.filter(action="assessment.start").count() == 1


def test_the_same_key_for_something_else_is_a_conflict(request_it):
    request_it(idempotency_key="k")
    for other in ({"plan_name": "quick"}, {"tests": QUICK_TESTS[:1]}, {"seed": 5}):
        with pytest.raises(Conflict):
            request_it(idempotency_key="k", **other)


def test_two_people_may_use_the_same_key(request_it, owner, validator):
    assert request_it(idempotency_key="k", actor=owner) != request_it(idempotency_key="k", actor=validator)


def test_a_waiting_one_is_cancelled_at_once(waiting, owner):
    Assessment.objects.update(error="The file store does not answer.", hint="It is tried again by itself.")
    cancel(waiting, actor=owner)
    found = Assessment.objects.get()
    assert (found.state, found.hint) == ("cancelled", "")
    assert leasing.claim(waiting.pk) is None


def test_a_running_one_is_asked_to_stop(waiting, owner):
    leasing.claim(waiting.pk)
    cancel(waiting, actor=owner)
    found = Assessment.objects.get()
    assert (found.state, found.cancel_requested) == ("running", True)


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_what_is_over_is_not_cancelled(waiting, owner, state):
    Assessment.objects.update(state=state)
    waiting.refresh_from_db()
    with pytest.raises(Conflict):
        cancel(waiting, actor=owner)


def test_a_stranger_cancels_nothing(waiting, outsider):
    with pytest.raises(Refused):
        cancel(waiting, actor=outsider)
    assert Assessment.objects.get().state == "queued"


def test_a_retry_keeps_what_finished_and_repeats_what_did_not(waiting, owner, django_capture_on_commit_callbacks):
    running = leasing.claim(waiting.pk)
    running.results.create(test=QUICK_TESTS[0], family="performance", title="t", status="done")
    recording.record_error(running, QUICK_TESTS[1], "crashed")
    Assessment.objects.update(state="failed", error="e", hint="h", cancel_requested=True, attempt=3, lease_until=None)
    waiting.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        found = retry(waiting, actor=owner)
    assert (found.state, found.error, found.cancel_requested) == ("queued", "", False)
    assert list(found.results.values_list("test", flat=True)) == [QUICK_TESTS[0]]
    assert OrmQ.objects.count() == 1
    assert leasing.claim(found.pk).attempt == 4


@pytest.mark.parametrize("state", ["queued", "running", "done"])
def test_only_what_failed_or_was_cancelled_is_retried(waiting, owner, state):
    Assessment.objects.update(state=state)
    waiting.refresh_from_db()
    with pytest.raises(Conflict):
        retry(waiting, actor=owner)


def test_data_that_lacks_a_column_of_the_model_is_refused_by_name(request_it, version):
    version.estimator = {"features": ["age", "hours", "salary"]}
    version.save()
    with pytest.raises(BadInput, match="salary") as refusal:
        request_it()
    assert refusal.value.code == "missing_column"
    assert not Assessment.objects.exists()


def test_data_of_one_class_is_refused(request_it, dataset_version):
    dataset_version.columns.filter(role="target").update(profile={"distinct": 1})
    with pytest.raises(BadInput, match="one value only") as refusal:
        request_it()
    assert refusal.value.code == "one_class"


def test_an_assessment_is_held_to_what_is_confirmed(request_it, dataset_version):
    for text, state in (("age >= 0", "confirmed"), ("age >= 1", "suggested"), ("age >= 2", "dismissed")):
        dataset_version.relations.create(text=text, state=state)
    column = dataset_version.columns.first()
    dataset_version.columns.filter(pk=column.pk).update(swap_price=0.7)
    plan = request_it().plan
    assert plan["relations"] == ["age >= 0"]
    assert {each["name"]: each["swap_price"] for each in plan["columns"]}[column.name] == 0.7
