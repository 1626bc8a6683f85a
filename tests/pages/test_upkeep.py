"""The pages on which approvals are kept true: who opens them, what they show, what a form that was refused says."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from assessments.actions import exceptions
from assessments.actions.findings import raise_finding
from assessments.models import PolicyException
from modelrisk.pages import waiting
from registry import access, revalidation
from registry.models import Attestation, RevalidationTrigger
from tests.conftest import make_user
from tests.pages.test_access import EVERYONE, INSIDERS
from tests.registry.upkeep import conditional, decided

pytestmark = pytest.mark.django_db
TEXT = "A sentence that says enough."


@pytest.fixture
def kept(model_version, approver, owner):
    """In use under an approval with a condition and an exception, and an open trigger."""
    conditional(decided(model_version, approver, outcome="approve_with_conditions"), owner)
    ask(model_version, owner)
    revalidation.open_trigger(model_version, actor=owner, kind="incident", reason="Scored with an old file.")
    return model_version


def ask(version, actor, **changes):
    given = {"kind": "missing_test", "test": "robustness.noise", "reason": TEXT, "compensating_control": "Read by two."}
    day = timezone.localdate() + timedelta(days=20)
    return exceptions.request_exception(version, actor=actor, **(given | {"expiry": day} | changes))


def of(name: str, version) -> str:
    return reverse(name, args=[version.model.slug, version.number])


def test_only_insiders_see_them(kept, cast, sign_in):
    condition = kept.approval_requests.get().decision.conditions.get()
    addresses = [
        *(of(name, kept) for name in ("upkeep", "attest", "exception-request")),
        reverse("condition", args=[condition.pk]),
        reverse("exception", args=[kept.exceptions.get().pk]),
    ]
    for url in addresses:
        assert {name: sign_in(user).get(url).status_code for name, user in cast.items()} == INSIDERS, url
    for name in ("conditions", "exceptions"):
        assert {who: sign_in(user).get(reverse(name)).status_code for who, user in cast.items()} == EVERYONE


def test_the_page_of_a_version_tells_it_all(kept, owner, sign_in):
    page = sign_in(owner).get(of("upkeep", kept)).content.decode()
    for told in ("Scored with an old file.", "Retrain without the postcode.", "robustness.noise", "every 24 months"):
        assert told in page


def test_a_no_without_a_note_is_asked_for_on_the_same_page(kept, owner, sign_in):
    client = sign_in(owner)
    answers = dict.fromkeys(Attestation.Fact.values, "yes")
    refused = client.post(of("attest", kept), answers | {"users": "no"})
    assert refused.status_code == 400
    assert "Say what does not hold any more" in refused.content.decode()
    given = client.post(of("attest", kept), answers | {"users": "no", "users_note": "The branches use it too."})
    assert given.status_code == 302
    assert RevalidationTrigger.objects.filter(kind="attestation").exists()
    assert "The branches use it too." in client.get(of("attest", kept)).content.decode()


def test_the_lists_are_filtered(kept, auditor, sign_in):
    client, listed = sign_in(auditor), reverse("exceptions")
    assert "robustness.noise" in client.get(listed).content.decode()
    for show in ("active", "expiring", "relied_on"):
        assert "robustness.noise</a>" not in client.get(listed, {"show": show}).content.decode()
    PolicyException.objects.update(state="expired", expiry=timezone.localdate() - timedelta(days=1))
    assert "robustness.noise</a>" in client.get(listed, {"show": "relied_on"}).content.decode()
    assert "robustness.noise</a>" not in client.get(listed, {"show": "all", "kind": "risk_acceptance"}).content.decode()
    assert "Retrain" in client.get(reverse("conditions")).content.decode()
    assert "Retrain" not in client.get(reverse("conditions"), {"show": "overdue"}).content.decode()


def test_the_risk_of_a_finding_is_asked_to_be_accepted_from_its_page(kept, validator, sign_in):
    finding = raise_finding(kept, actor=validator, title="Unequal", description=TEXT, severity="high")
    client, url = sign_in(validator), f"{of('exception-request', kept)}?finding={finding.pk}"
    assert url in client.get(reverse("finding", args=[finding.pk])).content.decode()
    day = (timezone.localdate() + timedelta(days=20)).isoformat()
    made = client.post(url, {"reason": TEXT, "compensating_control": TEXT, "expiry": day})
    assert made.status_code == 302
    assert finding.exceptions.get().kind == "risk_acceptance"
    assert "Unequal" in client.get(made.url).content.decode()


@pytest.mark.parametrize("query", ["finding=x", "finding=99999999999999999999", "verdict=-1", "finding=0&verdict=0"])
def test_an_address_that_names_nothing_asks_for_what_it_is_about(kept, owner, sign_in, query):
    page = sign_in(owner).get(f"{of('exception-request', kept)}?{query}")
    assert page.status_code == 200
    assert "Missing test" in page.content.decode()


def test_the_inbox_calls_each_person_for_their_own(kept, owner, validator):
    Attestation.objects.create(version=kept, answers={}, attested_by=owner)
    Attestation.objects.update(attested_at=timezone.now() - timedelta(days=400))
    lead = make_user("lead", access.MRM_LEAD)

    def kinds(user) -> set[str]:
        return {row.kind for row in waiting.for_user(user)} & {"condition", "exception", "revalidation", "attestation"}

    assert kinds(owner) == {"condition", "revalidation", "attestation"}
    assert kinds(lead) == {"exception"}
    assert kinds(validator) == set()
    kept.approval_requests.get().decision.conditions.update(state="evidence_submitted")
    assert kinds(validator) == {"condition"}
    assert kinds(owner) == {"revalidation", "attestation"}


def test_the_lists_ask_a_constant_number_of_questions(kept, owner, approver, sign_in, django_assert_max_num_queries):
    client = sign_in(owner)

    def asked(url: str) -> int:
        with django_assert_max_num_queries(200) as seen:
            client.get(url)
        return len(seen)

    urls = [reverse("exceptions"), reverse("conditions"), of("upkeep", kept)]
    lead = make_user("lead", access.MRM_LEAD)

    def asked_by_the_inbox(user) -> int:
        with django_assert_max_num_queries(200) as seen:
            list(waiting.upkeep.found(user))
        return len(seen)

    access.roles_of(lead), access.roles_of(owner)
    waits = [asked_by_the_inbox(user) for user in (owner, lead)]
    before = [asked(url) for url in urls]
    decision = kept.approval_requests.get().decision
    for test in ("robustness.square", "robustness.zoo", "data.quality"):
        ask(kept, owner, test=test)
        conditional(decision, owner)
        revalidation.open_trigger(kept, actor=owner, kind="new_use", reason=TEXT)
    decision.conditions.filter(number__gt=2).update(state="evidence_submitted")
    assert [asked(url) for url in urls] == before
    assert [asked_by_the_inbox(user) for user in (owner, lead)] == waits


def test_the_inbox_offers_an_exception_to_whom_the_rule_does(kept, owner, validator, approver, cast):
    """The bulk answer is the rule's, person by person."""
    people = [*cast.values(), make_user("lead", access.MRM_LEAD), make_user("chair", access.COMMITTEE_CHAIR)]
    finding = raise_finding(kept, actor=validator, title="t", description=TEXT, severity="high")
    asked = [
        kept.exceptions.get(),
        ask(kept, validator, kind="risk_acceptance", test="", finding=finding),
        ask(kept, approver, test="robustness.square"),
        ask(kept, owner, kind="use_before_validation", test=""),
    ]
    seen = 0
    for user in people:
        offered = {row.url for row in waiting.upkeep.found(user) if row.what == "Decide on an exception"}
        may = {reverse("exception", args=[one.pk]) for one in asked if exceptions.refuse.refusal(one, user) is None}
        assert offered == may, user
        seen += len(offered)
    assert seen > 4
