"""Who may sign: a named person, in a web session, soon after giving the password."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry import access, audit, signing
from registry.models import AuditEvent
from registry.refusals import BadInput, PasswordNeeded, Refused
from tests.conftest import make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-password"


def long_ago(request, minutes: float) -> None:
    request.session[signing.KEPT_AS] = (timezone.now() - timedelta(minutes=minutes)).isoformat()


def test_a_person_who_just_signed_in_signs(approver):
    with signed_in(approver):
        assert signing.refusal(approver) is None
        assert timezone.now() - signing.authenticated_at() < timedelta(minutes=1)


def test_outside_of_a_session_nobody_signs(approver):
    assert signing.refusal(approver) == signing.NOT_A_SESSION
    assert signing.authenticated_at() is None


@pytest.mark.parametrize(("minutes", "signs"), [(14, True), (16, False)])
def test_the_password_counts_for_a_while(approver, minutes, signs):
    with signed_in(approver) as request:
        long_ago(request, minutes)
        reason = signing.refusal(approver)
    assert (reason is None) is signs
    assert signs or isinstance(reason, PasswordNeeded)


def test_how_long_is_a_setting(approver, settings):
    settings.MODELRISK_SIGN_WITHIN_MINUTES = 2
    with signed_in(approver) as request:
        long_ago(request, 3)
        assert "within the last 2 minutes" in signing.refusal(approver)


def test_a_session_older_than_the_rule_has_no_time_and_asks(approver):
    with signed_in(approver) as request:
        del request.session[signing.KEPT_AS]
        assert isinstance(signing.refusal(approver), PasswordNeeded)


def test_a_token_beside_the_session_signs_nothing(approver):
    with signed_in(approver) as request:
        request.auth = object()
        assert signing.refusal(approver) == signing.NOT_A_SESSION


def test_the_session_of_another_person_signs_nothing(approver, validator):
    with signed_in(validator):
        assert signing.refusal(approver) == signing.NOT_A_SESSION


@pytest.mark.parametrize("role", [access.ADMIN, access.SERVICE_ACCOUNT])
def test_who_runs_the_system_never_signs(db, role):
    person = make_user("runner", role)
    with signed_in(person):
        assert signing.refusal(person) == signing.DECIDES_NOTHING[role]


def test_a_superuser_never_signs_whatever_the_role(approver):
    approver.is_superuser = True
    with signed_in(approver):
        assert "decides nothing" in signing.refusal(approver)


def test_the_password_given_again_counts_from_then(approver):
    with signed_in(approver) as request:
        long_ago(request, 60)
        signing.reauthenticate(approver, actor=approver, password=PASSWORD)
        assert signing.refusal(approver) is None
        assert signing.signs_until(approver) == signing.authenticated_at() + timedelta(minutes=15)
    assert AuditEvent.objects.get(action="account.reauthenticate").session.startswith("session ")


def test_a_wrong_password_changes_nothing(approver):
    with signed_in(approver) as request:
        long_ago(request, 60)
        with pytest.raises(BadInput, match="wrong"):
            signing.reauthenticate(approver, actor=approver, password="guess")
        assert isinstance(signing.refusal(approver), PasswordNeeded)


def test_nobody_gives_the_password_of_another(approver, validator):
    with signed_in(approver), pytest.raises(Refused):
        signing.reauthenticate(validator, actor=approver, password=PASSWORD)


def test_the_request_is_left_as_it_was(approver):
    with signed_in(approver):
        pass
    assert audit.asking.get() is None
