"""Verdicts from hand-worked cases, and what must hold for any measure."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessments import judging
from assessments.judging import ORDER, judge, worst
from assessments.policies import default_policy, sha256


def criterion(**changes):
    usual = {"metric": "roc_auc", "test": "t.one", "title": "AUC", "family": "t", "group": None, "better": "higher",
             "warn": 0.9, "fail": 0.8, "minimum_rows": 30}  # fmt: skip
    return {**usual, **changes}


def measure(value, ci=None, **changes):
    return {"metric": "roc_auc", "value": value, "ci": ci, "n": 100, "group": {}, "small": False, **changes}


def entry(*measures, **changes):
    return {"id": "t.one", "status": "done", "reason": "", "measures": list(measures), **changes}


def verdict_on(measures, **changes):
    (verdict,) = judge([entry(measures)], {"criteria": [criterion(**changes)]})
    return verdict


@pytest.mark.parametrize(
    ("value", "ci", "word"),
    [
        (0.70, [0.65, 0.75], "fail"),  # the whole interval is below 0.8
        (0.70, [0.60, 0.7999], "fail"),
        (0.79, [0.70, 0.80], "inconclusive"),  # its end is on the limit, which is within
        (0.85, [0.78, 0.92], "inconclusive"),
        (0.85, [0.80, 0.90], "warn"),  # begins on the limit: clear of it
        (0.89, [0.85, 0.93], "warn"),
        (0.90, [0.85, 0.95], "pass"),  # the estimate is on the warn limit
        (0.95, [0.93, 0.97], "pass"),
        (0.79, None, "fail"),
        (0.80, None, "warn"),
        (0.90, None, "pass"),
    ],
)
def test_higher_is_better(value, ci, word):
    assert verdict_on(measure(value, ci))["verdict"] == word


@pytest.mark.parametrize(
    ("value", "ci", "word"),
    [
        (0.30, [0.21, 0.40], "fail"),
        (0.25, [0.20, 0.30], "inconclusive"),  # begins on the limit of 0.2
        (0.15, [0.05, 0.25], "inconclusive"),
        (0.15, [0.05, 0.20], "warn"),
        (0.10, [0.05, 0.15], "pass"),
        (0.21, None, "fail"),
        (0.20, None, "warn"),
        (0.05, None, "pass"),
    ],
)
def test_lower_is_better(value, ci, word):
    assert verdict_on(measure(value, ci), better="lower", warn=0.1, fail=0.2)["verdict"] == word


def test_an_inconclusive_verdict_says_how_many_rows_would_settle_it():
    # Half width 0.07, distance to the limit 0.05: 100 x (0.07 / 0.05)^2 = 196.
    verdict = verdict_on(measure(0.85, [0.78, 0.92]))
    assert "About 196 rows would settle it (100 now)." in verdict["reason"]


def test_rows_to_settle_looks_at_the_side_of_the_limit():
    # From below, the upper half counts: 0.84 - 0.78 = 0.06 against 0.02, so 100 x 9.
    assert "About 900 rows" in verdict_on(measure(0.78, [0.60, 0.84]))["reason"]


def test_an_estimate_on_the_limit_promises_nothing():
    assert "more rows may not settle it" in verdict_on(measure(0.80, [0.75, 0.85]))["reason"]


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (measure(0.1, [0.0, 0.2], small=True), "Small group"),
        (measure(0.1, [0.0, 0.2], n=29), "29 rows are below the policy's minimum of 30"),
        (measure(None), "no value"),
    ],
)
def test_what_cannot_be_judged_never_fails(about, said):
    verdict = verdict_on(about)
    assert verdict["verdict"] == "not_applicable"
    assert said in verdict["reason"]


def test_a_limit_that_the_policy_leaves_out_is_not_judged():
    assert verdict_on(measure(0.1, [0.0, 0.2]), fail=None)["verdict"] == "warn"
    assert verdict_on(measure(0.85, [0.83, 0.87]), warn=None)["verdict"] == "pass"


@pytest.mark.parametrize(
    ("entries", "word", "said"),
    [
        ([entry(status="not_applicable", reason="Needs scores.")], "not_applicable", "Needs scores."),
        ([entry(status="error", reason="Out of time.")], "error", "Out of time."),
        ([entry(status="skipped", reason="")], "not_applicable", "does not apply"),
        ([entry()], "not_applicable", "gives no such number"),
        ([], "not_applicable", "t.one was not run"),
    ],
)
def test_a_test_without_a_number_is_never_a_pass(entries, word, said):
    (verdict,) = judge(entries, {"criteria": [criterion()]})
    assert (verdict["verdict"], verdict["value"]) == (word, None)
    assert said in verdict["reason"]


def test_a_criterion_on_any_group_judges_each():
    groups = [measure(0.95, group={"sex": "all"}), measure(0.5, group={"age": "all"}), measure(0.1)]
    verdicts = judge([entry(*groups)], {"criteria": [criterion(group="any")]})
    assert [(v["verdict"], v["group"]) for v in verdicts[1:]] == [("fail", {}), ("pass", {"sex": "all"})]
    overall = judge([entry(*groups)], {"criteria": [criterion()]})
    assert [v["group"] for v in overall] == [{}]


def test_verdicts_come_worst_first():
    numbers = [measure(0.95), measure(0.5), measure(0.85), measure(0.81, [0.7, 0.9]), measure(None)]
    verdicts = judge(
        [entry(*numbers), entry(id="t.two", status="error")],
        {"criteria": [criterion(), criterion(test="t.two")]},
    )
    assert [v["verdict"] for v in verdicts] == list(ORDER)
    assert worst(verdicts) == "fail"
    assert worst([]) == "not_applicable"


HARM = {"pass": 0, "warn": 1, "inconclusive": 2, "fail": 3}
share = st.floats(0, 1, allow_nan=False)


@given(st.lists(share, min_size=3, max_size=3), share, share, share, st.sampled_from(["higher", "lower"]))
def test_a_better_measure_never_gets_a_worse_verdict(ends, limit, room, gain, better):
    low, value, high = sorted(ends)
    sign = 1 if better == "higher" else -1
    limits = {"better": better, "fail": limit, "warn": limit + sign * room}
    before = verdict_on(measure(value, [low, high]), **limits)["verdict"]
    gained = [x + sign * gain for x in (value, low, high)]
    after = verdict_on(measure(gained[0], gained[1:]), **limits)["verdict"]
    # inconclusive may turn to warn or pass, fail to any; never the other way
    assert HARM[after] <= HARM[before]


@given(st.lists(share, min_size=3, max_size=3), share, share)
def test_a_wider_interval_never_makes_a_failure_certain(ends, limit, more):
    low, value, high = sorted(ends)
    narrow = verdict_on(measure(value, [low, high]), fail=limit, warn=None)["verdict"]
    wide = verdict_on(measure(value, [low - more, high + more]), fail=limit, warn=None)["verdict"]
    assert wide != "fail" or narrow == "fail"


def test_an_open_end_of_an_interval_reaches_beyond_every_limit():
    assert verdict_on(measure(0.95, [None, 0.99]))["verdict"] == "inconclusive"
    assert "open toward the limit" in verdict_on(measure(0.95, [None, 0.99]))["reason"]
    assert verdict_on(measure(0.95, [0.9, None]))["verdict"] == "pass"
    assert verdict_on(measure(0.5, [0.3, None]), better="lower", warn=0.1, fail=0.2)["verdict"] == "fail"


def test_no_number_of_rows_is_promised_beyond_what_is_practical():
    assert "too near the limit" in verdict_on(measure(0.8 + 1e-13, [0.7, 0.9]))["reason"]


@given(share, st.floats(0.001, 0.5), st.integers(30, 10**6))
def test_as_many_rows_as_promised_do_settle_it(value, half, n):
    limit = 0.8
    verdict = verdict_on(measure(value, [value - half, value + half], n=n), warn=None)
    if "rows would settle it" in verdict["reason"]:
        needed = int(verdict["reason"].split("About ")[1].split(" rows")[0].replace(",", ""))
        shrunk = half * math.sqrt(n / needed)
        assert shrunk <= abs(value - limit) * (1 + 1e-9)
        assert needed > n


def test_the_house_policy_is_whole_and_sealed():
    policy = default_policy()
    assert policy["sha256"] == sha256(policy)
    for each in policy["criteria"]:
        assert each["basis"]
        assert each["source"]
        assert each["family"] == each["test"].split(".")[0]
        order = [limit for limit in (each["fail"], each["warn"]) if limit is not None]
        assert order == sorted(order, reverse=each["better"] == "lower"), each["metric"]


def test_a_changed_policy_has_another_digest():
    policy = default_policy()
    policy["criteria"][0]["fail"] = 0.61
    assert sha256(policy) != policy["sha256"]
    assert default_policy()["criteria"][0]["fail"] == 0.6


def test_the_house_policy_judges_metrics_that_the_battery_gives():
    from assessments.catalogue import catalogue

    for each in default_policy()["criteria"]:
        declared = {metric["id"]: metric for metric in catalogue()[each["test"]]["metrics"]}
        assert declared[each["metric"]]["better"] == each["better"]


def test_each_robustness_test_is_judged_but_the_certificate_whose_absence_proves_nothing():
    from assessments.catalogue import catalogue

    policy = default_policy()
    judged = {each["test"] for each in policy["criteria"]}
    tests = {name for name, entry in catalogue().items() if entry["family"] == "robustness"}
    assert tests - judged == {"robustness.certificate"}
    assert any("certificate is measured and not judged" in note for note in policy["notes"])


def test_every_attack_is_judged_by_the_same_limits():
    from assessments.catalogue import catalogue

    limits = {
        (each["metric"], each["test"]): (each["warn"], each["fail"], each["basis"])
        for each in default_policy()["criteria"]
        if each["metric"].endswith("success_rate")
    }
    assert set(limits.values()) == {(0.2, 0.5, "convention")}
    attacks = {name for name, entry in catalogue().items()
               if "evasion_success_rate" in {metric["id"] for metric in entry["metrics"]}}  # fmt: skip
    assert {("evasion_success_rate", name) for name in attacks} <= set(limits)


def compared(p_values, **more):
    """A group a p-value, each clearly below the limit."""
    return [measure(0.5, ci=[0.45, 0.55], group={"g": str(at)}, p_value=p, **more) for at, p in enumerate(p_values)]


def words(entries):
    return [verdict["verdict"] for verdict in judge(entries, {"criteria": [criterion(group="any")]})]


def test_a_fail_that_many_comparisons_explain_is_not_settled():
    assert words([entry(*compared([0.001]))]) == ["fail"]
    (verdict,) = judge([entry(*compared([0.001]), comparisons=100)], {"criteria": [criterion(group="any")]})
    assert verdict["verdict"] == "inconclusive"
    assert "of 100 comparisons" in verdict["reason"]
    assert "q = 0.1" in verdict["reason"]


def test_the_budget_is_one_for_the_whole_run():
    other = entry(*compared([0.9] * 99)) | {"id": "data.drift"}
    assert words([entry(*compared([0.001]))]) == ["fail"]
    assert words([entry(*compared([0.001])), other]) == ["inconclusive"]


def test_a_measure_without_a_p_value_is_outside_the_budget():
    other = entry(*compared([0.9] * 99)) | {"id": "data.drift"}
    plain = entry(measure(0.5, ci=[0.45, 0.55], group={"g": "a"}))
    assert words([plain, other]) == ["fail"]


def test_the_account_of_comparisons():
    entries = [entry(*compared([0.0001, 0.04, 0.6]), *compared([0.001], small=True), comparisons=40)]
    assert judging.comparisons(entries) == {
        "made": 40, "level": 0.05, "below_level": 2, "expected_by_chance": 2.0, "discoveries": 1
    }  # fmt: skip
    assert judging.comparisons([entry(measure(0.5))]) is None


def test_results_without_comparisons_are_the_bytes_they_were():
    from assessments import results

    outcome = {"status": "done", "measures": [measure(0.5) | {"metric": "auc"}]}
    declared = {
        "id": "a.b",
        "family": "a",
        "title": "",
        "metrics": [{"id": "auc", "unit": "ratio", "better": "higher"}],
    }
    made = results.entry(declared, outcome)
    assert "comparisons" not in made
    assert "p_value" not in made["measures"][0]
    plan = {"tests": [], "model": {"sha256": ""}, "data": {"sha256": ""}, "target": {"column": "", "favourable": ""},
            "seed": 0, "plan_name": "quick", "columns": []}  # fmt: skip
    assert "comparisons" not in results.assemble({}, [made], [], plan)
