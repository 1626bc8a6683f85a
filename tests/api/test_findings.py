"""Findings over REST."""

import pytest

from assessments.models import Finding, Verdict

pytestmark = pytest.mark.django_db

TEXT = "A sentence that says enough."


def raised(call, validator, scene, **changes):
    given = {"version": scene.version.pk, "title": "Unequal", "description": TEXT, "severity": "high"}
    return call(validator).post("/api/v1/findings/", given | changes)


def test_a_finding_goes_its_way(call, scene, validator, owner):
    made = raised(call, validator, scene)
    assert made.status_code == 201, made.content
    address = f"/api/v1/findings/{made.json()['id']}"
    way = [
        (owner, "accept", "open"),
        (owner, "submit-remediation", "remediation_submitted"),
        (validator, "send-back", "open"),
        (owner, "submit-remediation", "remediation_submitted"),
        (validator, "close", "verified_closed"),
        (validator, "reopen", "open"),
    ]
    for person, step, state in way:
        answer = call(person).post(f"{address}/{step}/", {"text": TEXT})
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    history = call(validator).get(f"{address}/history/").json()["results"]
    assert len(history) == len(way) + 1


def test_what_the_table_does_not_have_is_a_conflict(call, scene, validator):
    pk = raised(call, validator, scene).json()["id"]
    assert call(validator).post(f"/api/v1/findings/{pk}/close/", {"text": TEXT}).status_code == 409


def test_the_actions_on_offer_say_why_not(call, scene, validator, owner):
    pk = raised(call, validator, scene).json()["id"]
    offered = {one["name"]: one for one in call(owner).get(f"/api/v1/findings/{pk}/").json()["available_actions"]}
    assert offered["finding.accept"]["allowed"]
    assert not offered["finding.close"]["allowed"]
    assert "validator or approver" in offered["finding.close"]["reason"]


def test_it_is_raised_from_a_verdict_as_the_results_name_it(call, scene, validator):
    named = {"test": "fairness.group_metrics", "family": "fairness", "metric": "ratio", "title": "Ratio"}
    Verdict.objects.create(
        assessment=scene.assessment, position=1, verdict="fail", better="higher", group={"sex": "*"}, **named
    )
    verdict = {"assessment": scene.assessment.pk, "metric": "ratio", "group": {"sex": "*"}}
    assert raised(call, validator, scene, verdict=verdict).json()["criterion"]["test"] == "fairness.group_metrics"
    answer = raised(call, validator, scene, verdict=verdict | {"metric": "another"})
    assert (answer.status_code, answer.json()["field"]) == (400, "verdict")


def test_the_list_is_filtered(call, scene, validator, auditor, outsider):
    pk = raised(call, validator, scene).json()["id"]
    raised(call, validator, scene, severity="low")

    def ids(user, **query) -> list[int]:
        return [row["id"] for row in call(user).get("/api/v1/findings/", query).json()["results"]]

    assert ids(auditor, severity="high") == [pk]
    Finding.objects.filter(pk=pk).update(state="withdrawn")
    assert pk not in ids(auditor, standing="true")
    assert ids(auditor, standing="false") == [pk]
    assert ids(auditor, overdue="true") == []
    assert ids(outsider) == []
