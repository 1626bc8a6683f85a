"""Retention: what keeps a file, who lets it go, what is left of it."""

import json
from datetime import date, timedelta

import pytest
from django.utils import timezone

from assessments import nightly
from assessments.actions.assessments import start
from assessments.models import Assessment
from registry import actions, receiving, storage
from registry.approvals import use
from registry.models import (
    Artifact,
    AuditEvent,
    Column,
    DatasetVersion,
    Decision,
    LegalHold,
    MLModel,
    ModelVersion,
    Notification,
    Purge,
)
from registry.refusals import BadInput, Conflict, Refused, Unavailable
from registry.retention import holds, purging, rules
from registry.retention.standing import WITHOUT_END, due, standing
from tests import cases, small
from tests.conftest import REAL_DATA, give_roles
from tests.registry.retention import REASON, aged, asked, confirmed, ended, keeper
from tests.signing import signed_in

pytestmark = pytest.mark.django_db
ELEVEN = 11  # years: longer than any rule with an end


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    settings.MODELRISK_FILE_READER = "tests.read_once"


@pytest.fixture
def no_gates():
    with cases.without_gates():
        yield


@pytest.fixture
def old(model_version):
    return ended(model_version, years=ELEVEN)


def held(**about) -> LegalHold:
    officer = cases.people().compliance
    with signed_in(officer):
        return holds.place_hold(LegalHold, actor=officer, reason="The case Smith against the bank.", **about)


def files_due() -> list[Artifact]:
    return [found.artifact for found in due()]


def upload_again(version: ModelVersion, owner) -> ModelVersion:
    """The same bytes, as a version of another model."""
    with storage.default_storage.open(version.artifact.key) as stored:
        file = small.SimpleUploadedFile("model.joblib", stored.read())
    other = actions.register_model(MLModel, actor=owner, name="Another")
    return actions.upload_version(other, actor=owner, file=file)


# --- the schedule ---------------------------------------------------------------------------------
def test_each_rule_is_of_the_governance_catalogue():
    """Nothing goes by itself, as shipped; each kind of file has a rule that always holds."""
    for kind in (rules.MODEL_FILE, rules.DATA_FILE):
        assert any(rule.always and kind in rule.kinds for rule in rules.rules())
    assert not any(rule.by_itself for rule in rules.rules())
    path = REAL_DATA.parent / "governance" / "controls.json"
    if not path.exists():
        pytest.skip("needs ../shared/governance, which is not part of the project")
    known = {row["record"]: row for row in json.loads(path.read_text())["retention"]}
    told = {rule.record: rule for rule in rules.rules()}
    assert set(told) == set(known)
    for record, row in known.items():
        rule = told[record]
        assert (rule.minimum, rule.source, rule.verified) == (row["minimum"], row["source"], row["verified"])


@pytest.mark.parametrize(("years", "kept"), [(9, True), (11, False)])
def test_a_file_is_kept_ten_years_after_its_version_ended(model_version, years, kept):
    found = standing(ended(model_version, years=years).artifact)
    assert bool(found.kept_by) is kept
    assert found.rule.id == "technical_documentation"
    assert files_due() == ([] if kept else [found.artifact])


@pytest.mark.parametrize("state", ["draft", "approved", "in_use", "suspended"])
def test_what_lives_is_never_due(model_version, state, no_gates):
    version = ended(model_version, years=40, state=state)
    assert standing(version.artifact).kept_by == [f"It still serves the model {version}."]
    assert files_due() == []
    with pytest.raises(Conflict, match="still serves"):
        asked(version.artifact)


@pytest.mark.parametrize("state", ["superseded", "rejected", "retired"])
def test_each_end_of_a_life_counts(model_version, state, no_gates):
    version = ended(model_version, years=ELEVEN, state=state)
    assert files_due() == [version.artifact]


def test_the_longest_of_several_rules_counts(old):
    MLModel.objects.update(legal_contexts=["ecoa", "nyc_ll144"])
    found = standing(old.artifact)
    assert (found.rule.id, found.until) == ("nyc_bias_audit", WITHOUT_END)
    assert "without end" in found.kept_by[0]
    MLModel.objects.update(legal_contexts=["ecoa"])
    assert standing(old.artifact).rule.id == "technical_documentation"


def test_what_was_promised_at_the_retirement_counts_where_it_is_later(model_version, no_gates):
    cases.bring(model_version, "decommissioning")
    promised = timezone.localdate() + timedelta(days=20)
    given = {"reason": REASON, "archive": "The records room.", "retain_until": promised}
    use.retire(ModelVersion.objects.get(), actor=cases.people().mrm_lead, **given)
    assert standing(aged(model_version, years=ELEVEN).artifact).until == promised
    assert files_due() == []


# --- a purge --------------------------------------------------------------------------------------
def test_two_people_purge_and_a_tombstone_stays(old, owner):
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    assert files_due() == [old.artifact]
    purge = asked(old.artifact)
    assert files_due() == []  # it waits for the second person
    assert storage.is_stored(old.artifact.sha256)
    done = confirmed(purge)
    assert not storage.is_stored(old.artifact.sha256)
    artifact = Artifact.objects.get(pk=old.artifact_id)
    assert (done.state, done.sha256, artifact.purged_at) == ("purged", artifact.sha256, done.purged_at)
    assert (done.asked_by, done.settled_by) == (cases.people().mrm_lead, cases.people().compliance)
    assert ModelVersion.objects.filter(pk=old.pk, artifact=artifact).exists()
    assert before <= set(AuditEvent.objects.values_list("pk", flat=True))
    with pytest.raises(Unavailable, match="was purged on") as told:
        next(storage.open_stream(artifact))
    assert told.value.code == "purged"
    with pytest.raises(Conflict, match="was purged on"):
        asked(artifact)


def test_the_event_names_what_went_under_which_rule_by_whom(old):
    confirmed(asked(old.artifact))
    acts = AuditEvent.objects.about(old.artifact).filter(action__startswith="retention.").order_by("pk")
    assert list(acts.values_list("action", "actor_name")) == [
        ("retention.ask", "mrm_lead"),
        ("retention.confirm", "compliance"),
        ("retention.purge", "compliance"),
    ]
    went = acts.last()
    assert went.summary == (
        f"Purged {old.artifact}, the model Credit score v1, under the rule “Files that evidence rests on”"
    )
    expected = {"sha256": old.artifact.sha256, "served": ["the model Credit score v1"], "source": "EU-AIA:Art.18"}
    expected |= {"rule": "technical_documentation", "asked_by": "mrm_lead", "settled_by": "compliance"}
    assert expected.items() <= went.detail.items()
    assert {change["type"] for change in went.changes} == {"registry.artifact", "registry.purge"}


def test_the_same_person_or_one_who_made_it_does_not_confirm(old, owner):
    purge, lead = asked(old.artifact), cases.people().mrm_lead
    give_roles(owner, "compliance")
    for person, why in ((lead, "second person"), (owner, "someone independent")):
        with signed_in(person), pytest.raises(Refused, match=why):
            purging.confirm_purge(purge, actor=person)
    assert storage.is_stored(old.artifact.sha256)
    assert AuditEvent.objects.filter(action="retention.confirm", refused=True).count() == 2


def test_a_signature_is_given_in_a_session(old):
    officer = cases.people().compliance
    with pytest.raises(Refused, match="not with an API token"):
        purging.confirm_purge(asked(old.artifact), actor=officer)
    with pytest.raises(Refused, match="not with an API token"):
        holds.place_hold(LegalHold, actor=officer, reason="A matter of the law.", model=old.model)


def test_a_refused_purge_leaves_the_file_and_may_be_asked_for_again(old):
    purge = asked(old.artifact)
    with pytest.raises(Conflict, match="waits for a second person already"):
        asked(old.artifact)
    with pytest.raises(BadInput):
        purging.refuse_purge(purge, actor=keeper(), reason="no")
    assert purging.refuse_purge(purge, actor=cases.people().compliance, reason=REASON).state == "refused"
    assert storage.is_stored(old.artifact.sha256)
    assert asked(old.artifact).state == "asked"


# --- what is shared -------------------------------------------------------------------------------
def test_the_same_bytes_in_another_use_are_kept(old, owner):
    twin = upload_again(old, owner)
    assert twin.artifact == old.artifact
    assert standing(old.artifact).kept_by == [f"It still serves the model {twin}."]
    with pytest.raises(Conflict, match="still serves"):
        asked(old.artifact)
    cases.bring(twin, "withdrawn")
    assert standing(old.artifact).rule.id == "technical_documentation"  # of the twin, which ended today
    assert files_due() == []


def test_an_upload_of_the_same_bytes_stops_a_purge_that_waits(old, owner):
    purge = asked(old.artifact)
    upload_again(old, owner)
    with pytest.raises(Conflict, match="still serves"):
        confirmed(purge)
    assert storage.is_stored(old.artifact.sha256)


def test_what_was_purged_may_be_uploaded_again(old, owner):
    with storage.default_storage.open(old.artifact.key) as stored:
        file = small.SimpleUploadedFile("model.joblib", stored.read())
    confirmed(asked(old.artifact))
    other = actions.register_model(MLModel, actor=owner, name="Another")
    again = actions.upload_version(other, actor=owner, file=file)
    assert again.artifact.pk == old.artifact_id
    assert (again.artifact.purged_at, storage.is_stored(again.artifact.sha256)) == (None, True)
    assert Purge.objects.get().state == "purged"


def test_a_failing_upload_of_what_was_purged_leaves_nothing(old):
    with storage.default_storage.open(old.artifact.key) as stored:
        file = small.SimpleUploadedFile("model.joblib", stored.read())
    confirmed(asked(old.artifact))
    steps = {"find_format": lambda *_: "joblib", "read": lambda *_: {}, "refuse": lambda _sha256: None}
    with pytest.raises(ZeroDivisionError), receiving.receive(file, **steps) as received:
        received.size / 0
    assert not storage.is_stored(old.artifact.sha256)


# --- legal holds ----------------------------------------------------------------------------------
def test_a_hold_stops_a_purge_until_it_is_lifted(old):
    purge, hold = asked(old.artifact), held(model=old.model)
    with pytest.raises(Conflict, match="case Smith"):
        confirmed(purge)
    assert files_due() == []
    assert storage.is_stored(old.artifact.sha256)
    officer = cases.people().compliance
    with signed_in(officer):
        holds.lift_hold(hold, actor=officer, reason="The case is settled.")
    assert confirmed(Purge.objects.get()).state == "purged"
    told = AuditEvent.objects.about(hold).order_by("pk").values_list("action", "detail__reason")
    assert list(told) == [
        ("hold.place", "The case Smith against the bank."),
        ("hold.lift", "The case is settled."),
    ]


def test_who_places_and_who_lifts(old, owner, auditor):
    hold = held(model=old.model)
    give_roles(owner, "compliance")
    lead = cases.people().mrm_lead
    for person, why in ((lead, "takes the role compliance"), (owner, "someone independent"), (auditor, "compliance")):
        with signed_in(person), pytest.raises(Refused, match=why):
            holds.lift_hold(hold, actor=person, reason="It is in the way.")
    with signed_in(auditor), pytest.raises(Refused):
        holds.place_hold(LegalHold, actor=auditor, reason="A matter of the law.", model=old.model)
    with signed_in(lead), pytest.raises(BadInput, match="one model or one dataset"):
        holds.place_hold(LegalHold, actor=lead, reason="A matter of the law.")


def test_a_hold_on_a_model_keeps_the_data_that_it_was_assessed_on(old, dataset_version, owner):
    Assessment.objects.create(
        version=old, dataset_version=dataset_version, seed=1, plan={"tests": []}, policy={}, catalogue={},
        requested_by=owner, state="done",
    )  # fmt: skip
    assert standing(dataset_version.artifact).holds == ()
    hold = held(model=old.model)
    assert standing(dataset_version.artifact).holds == (hold,)


# --- when the store does not answer ---------------------------------------------------------------
@pytest.fixture
def unfinished(old, monkeypatch) -> Purge:
    """Confirmed, and the store did not answer."""

    def silent(_sha256):
        raise Unavailable("The file store does not answer.")

    purge = asked(old.artifact)
    with monkeypatch.context() as patched:
        patched.setattr(storage, "remove", silent)
        with pytest.raises(Unavailable):
            confirmed(purge)
    purge = Purge.objects.get()
    assert (purge.state, purge.artifact.purged_at) == ("confirmed", None)
    assert not AuditEvent.objects.filter(action="retention.purge").exists()
    return purge


def test_the_night_ends_what_the_store_did_not(unfinished):
    nightly.run()
    assert Purge.objects.get().state == "purged"
    assert not storage.is_stored(unfinished.sha256)


def test_a_hold_that_comes_before_the_night_drops_it(unfinished):
    held(model=MLModel.objects.get())
    nightly.run()
    purge = Purge.objects.get()
    assert (purge.state, "case Smith" in purge.settled_note) == ("refused", True)
    assert storage.is_stored(unfinished.sha256)


# --- the night ------------------------------------------------------------------------------------
def test_the_night_tells_of_what_is_due_and_purges_nothing(old):
    lead = cases.people().mrm_lead
    for _ in range(2):
        nightly.run(date(2026, 12, 3))
    told = Notification.objects.get(recipient=lead, key__startswith="retention.due")
    assert told.subject == "1 file is due for purge"
    assert f"{old.artifact}: the model Credit score v1" in told.body
    assert storage.is_stored(old.artifact.sha256)
    nightly.run(date(2027, 1, 3))
    assert Notification.objects.filter(recipient=lead, key__startswith="retention.due").count() == 2


def test_the_night_purges_where_the_rule_itself_says_so(old, monkeypatch):
    changed = [vars(rule) | {"by_itself": rule.id == "technical_documentation"} for rule in rules.rules()]
    monkeypatch.setattr("registry.retention.standing.rules", lambda: tuple(rules.Rule(**one) for one in changed))
    nightly.run()
    purge = Purge.objects.get()
    assert (purge.state, purge.asked_by.username, purge.settled_by.username) == ("purged", "system", "system")
    assert not storage.is_stored(old.artifact.sha256)


# --- data -----------------------------------------------------------------------------------------
def test_special_category_data_goes_early_by_two_people(dataset_version, old, owner):
    data = dataset_version.artifact
    with pytest.raises(Conflict, match="still serves the data"):
        asked(data)
    done = confirmed(asked(data, early=True))
    assert (done.rule["source"], done.early, done.state) == ("EU-AIA:Art.4a", True, "purged")
    assert DatasetVersion.objects.get().columns.exists()  # profile and digest stay
    with pytest.raises(Conflict, match="was purged on"):
        start(old, actor=owner, dataset_version=DatasetVersion.objects.get())


@pytest.mark.parametrize("case", ["held", "read now", "not sensitive"])
def test_even_early_it_does_not_go(dataset_version, model_version, owner, case):
    if case == "held":
        held(dataset=dataset_version.dataset)
    elif case == "read now":
        start(model_version, actor=owner, dataset_version=dataset_version, plan_name="quick")
    else:
        Column.objects.filter(role="sensitive").update(role="feature")
    why = {"held": "case Smith", "read now": "read now", "not sensitive": "marked sensitive"}[case]
    with pytest.raises(Conflict, match=why):
        asked(dataset_version.artifact, early=True)


def test_decisions_stay(model_version, no_gates):
    version = ended(model_version, years=ELEVEN, state="retired")
    confirmed(asked(version.artifact))
    assert Decision.objects.get().dossier.document
