"""Page and API are two doors to what is done with people, too: both open, or both stay shut, for everyone."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from registry import access, assignments, people, service_accounts
from registry.models import Assignment, RoleGrant, ServiceAccount
from tests.api.contract import ContractClient
from tests.api.test_parity import Door, tried
from tests.conftest import make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db
CAST = ["owner", "developer", "validator", "auditor", "outsider", "mrm_lead", "admin", "service_account"]
WHY = {"reason": "Needed for the retail committee."}


def waits(scene) -> None:
    asker = make_user("asker")
    people.request_role(asker, actor=asker, role="approver", **WHY)


def holds(scene) -> None:
    make_user("holder", "approver")


def grant_of(scene) -> RoleGrant:
    return RoleGrant.objects.get(user__username__in=["asker", "holder"])


def second(scene) -> None:
    make_user("second", access.DEVELOPER, access.OWNER, access.VALIDATOR)


def developing(scene) -> None:
    second(scene)
    user = get_user_model().objects.get(username="second")
    assignments.assign_developer(scene.model, actor=scene.model.owner, user=user)


def part(scene) -> Assignment:
    return Assignment.objects.get(user__username="second")


def id_of(name: str) -> int:
    return get_user_model().objects.get(username=name).pk


def giving(name: str) -> Door:
    return Door(
        action=assignments.ASSIGNING[name],
        subject=lambda scene: scene.model,
        before=second,
        api=lambda client, scene: client.post(
            f"/api/v1/models/{scene.model.pk}/people/", {"user": "second", "part": name}
        ),
        page=lambda client, scene: client.post(
            reverse("model-people", args=[scene.model.slug]), {"user": id_of("second"), "part": name}
        ),
    )


def on_grant(act, name: str, page: str, before) -> Door:
    return Door(
        action=act,
        subject=grant_of,
        before=before,
        api=lambda client, scene: client.post(f"/api/v1/role-grants/{grant_of(scene).pk}/{name}/", WHY),
        page=lambda client, scene: client.post(reverse(page, args=[grant_of(scene).pk]), WHY),
    )


ACCOUNT = {"name": "nightly", "purpose": "Uploads the nightly build."}
DOORS = {
    "role.grant": on_grant(people.grant_role, "grant", "role-grant", waits),
    "role.refuse": on_grant(people.refuse_role, "refuse", "role-end", waits),
    "role.end": on_grant(people.end_role, "end", "role-end", holds),
    "service_account.make": Door(
        action=service_accounts.make,
        subject=lambda scene: ServiceAccount,
        api=lambda client, scene: client.post("/api/v1/service-accounts/", ACCOUNT),
        page=lambda client, scene: client.post(reverse("service-account-make"), ACCOUNT),
    ),
    "model.end_assignment": Door(
        action=assignments.end_assignment,
        subject=part,
        before=developing,
        api=lambda client, scene: client.post(f"/api/v1/assignments/{part(scene).pk}/end/"),
        page=lambda client, scene: client.post(reverse("assignment-end", args=[part(scene).pk])),
    ),
} | {act.action_name: giving(name) for name, act in assignments.ASSIGNING.items()}


def in_session(user) -> ContractClient:
    """A signature needs one; a service account never gets one."""
    client = ContractClient()
    client.default_format = "json"
    client.force_login(user)
    return client


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_both_doors_open_or_both_stay_shut(scene, cast, door):
    known = {name: cast.get(name) or make_user(name, name) for name in CAST}
    door.before(scene)
    for name, user in known.items():
        knock_at_both(door, scene, name, user)


def knock_at_both(door: Door, scene, name: str, user) -> None:
    """As this person; what a door let in is undone."""
    browser = Client()
    browser.force_login(user)
    subject = door.subject(scene)
    if not isinstance(subject, type):
        subject.refresh_from_db()
    with signed_in(user):
        may = door.action.refusal(subject, user) is None
    visible = isinstance(subject, type) or type(subject).objects.visible_to(user).filter(pk=subject.pk).exists()
    by_api, by_page = tried(door.api, in_session(user), scene), tried(door.page, browser, scene)
    if name == access.SERVICE_ACCOUNT:  # has no session at any door
        assert (by_api, by_page) == (401, 302)
        return
    who = f"{name}: {by_api}, {by_page}"
    assert (by_api in {200, 201}) is (by_page == 302) is (may and visible), who
    assert may or not visible or by_api == 403, who
    assert visible or by_api == by_page == 404, who


@pytest.mark.parametrize("name", CAST[:-1])
def test_a_role_is_asked_for_through_both_doors_or_none(scene, cast, name):
    user, browser = cast.get(name) or make_user(name, name), Client()
    browser.force_login(user)
    given = {"role": "developer" if name != "developer" else "owner", **WHY}
    door = Door(
        action=people.request_role,
        subject=lambda scene: user,
        api=lambda client, scene: client.post("/api/v1/role-grants/", given | {"user": user.username}),
        page=lambda client, scene: client.post(reverse("people"), given | {"user": user.pk}),
    )
    may = people.request_role.refusal(user, user) is None
    by_api, by_page = tried(door.api, in_session(user), scene), tried(door.page, browser, scene)
    assert (by_api == 201) is (by_page == 302) is may, (by_api, by_page)
