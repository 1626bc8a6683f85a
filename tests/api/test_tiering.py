"""Risk ratings over REST, and the same refusals as on the page."""

import pytest
from django.test import Client

from registry import access
from registry.models import MLModel, TierRating
from registry.tiers import actions
from tests.conftest import make_user
from tests.registry.test_tiering import HIGH, LOW

pytestmark = pytest.mark.django_db
PEOPLE = ["owner", "developer", "validator", "approver", "security_officer", "auditor", "outsider"]


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


def test_rate_confirm_and_read(call, scene, owner, lead):
    questions = call(owner).get("/api/v1/tiering/").json()
    made = call(owner).post("/api/v1/tier-ratings/", {"model": scene.model.pk, "answers": HIGH})
    assert made.status_code == 201
    assert made.json()["matrix_sha256"] == questions["sha256"]
    assert (made.json()["tier"], made.json()["state"]) == (1, "proposed")
    offered = {one["name"]: one for one in made.json()["available_actions"]}
    assert offered["tier.confirm"]["allowed"] is False
    address = f"/api/v1/tier-ratings/{made.json()['id']}/"
    assert call(owner).post(f"{address}confirm/", {}).json()["message"] == offered["tier.confirm"]["reason"]
    assert call(lead).post(f"{address}refuse/", {"reason": "no"}).json()["field"] == "reason"
    assert call(lead).post(f"{address}confirm/", {}).json()["state"] == "confirmed"
    assert call(owner).get(f"/api/v1/models/{scene.model.pk}/").json()["tier"] == 1
    assert call(lead).post(f"{address}confirm/", {}).status_code == 409
    found = call(owner).get(f"/api/v1/tier-ratings/?state=confirmed&model={scene.model.pk}").json()["results"]
    assert [one["id"] for one in found] == [made.json()["id"]]


def test_answers_are_checked(call, scene, owner):
    answer = call(owner).post("/api/v1/tier-ratings/", {"model": scene.model.pk, "answers": LOW | {"opacity": 9}})
    assert (answer.status_code, answer.json()["field"]) == (400, "opacity")


def test_another_models_rating_does_not_exist(call, scene, owner, outsider):
    rating = actions.rate_model(scene.model, actor=owner, answers=LOW)
    api = call(make_user("neighbour", "owner"))
    assert api.get("/api/v1/tier-ratings/").json()["results"] == []
    assert api.post(f"/api/v1/tier-ratings/{rating.pk}/confirm/", {}).status_code == 404
    assert api.post("/api/v1/tier-ratings/", {"model": scene.model.pk, "answers": LOW}).json()["field"] == "model"


@pytest.mark.parametrize("name", [*PEOPLE, "lead"])
def test_both_doors_open_or_both_stay_shut(call, scene, cast, lead, name):
    user = (cast | {"lead": lead})[name]
    browser = Client()
    browser.force_login(user)
    here = f"/models/{scene.model.slug}/tier/"
    sees = MLModel.objects.visible_to(user).filter(pk=scene.model.pk).exists()

    may = actions.rate_model.refusal(scene.model, user) is None and sees
    by_api = call(user).post("/api/v1/tier-ratings/", {"model": scene.model.pk, "answers": LOW}).status_code
    by_page = browser.post(here, LOW | {"override_tier": ""}).status_code
    assert (by_api == 201) is (by_page == 302) is may, (by_api, by_page)
    assert may or (by_api, by_page) == ((403, 403) if sees else (400, 404))

    for act, given in (("confirm", {}), ("refuse", {"reason": "It is understated."})):
        statuses = []
        for knock in (call(user).post, browser.post):
            TierRating.objects.proposed().update(state="superseded")
            rating = actions.rate_model(scene.model, actor=cast["owner"], answers=LOW)
            address = (
                f"/api/v1/tier-ratings/{rating.pk}/{act}/" if knock != browser.post else f"{here}{rating.pk}/{act}/"
            )
            statuses.append(knock(address, given).status_code)
        wanted = (200, 302) if name == "lead" else (403, 403) if sees else (404, 404)
        assert tuple(statuses) == wanted, act
