"""An explanation that failed its own test is marked wherever its charts stand."""

from assessments.catalogue import catalogue
from assessments.explanations import TRIALS, mark
from assessments.policies import default_policy
from assessments.reports.report import family_section

SHAP = "explainability.shap_importance"


def verdict(metric, word="fail", test=TRIALS):
    return {"test": test, "metric": metric, "title": f"Title of {metric}", "verdict": word}


def test_each_failed_criterion_is_named_once():
    found = [verdict("one"), verdict("one"), verdict("two"), verdict("three", "warn"), verdict("four", "pass")]
    said = "This explanation failed its own test: Title of one; Title of two."
    assert mark(found, {"explains": True}) == said
    assert mark(found, {}) == ""
    assert mark(found[3:], {"explains": True}) == ""


def test_an_explanation_that_does_not_add_up_is_marked_too():
    assert mark([verdict("shap_additivity_max_error", test=SHAP)], {"explains": True})
    assert not mark([verdict("roc_auc", test="performance.discrimination")], {"explains": True})


def test_the_report_marks_it():
    entry = {
        "id": SHAP, "family": "explainability", "status": "done", "queries": 0, "params": {}, "measures": [],
        "charts": [], "tables": [],
    }  # fmt: skip
    shown = family_section("explainability", {"tests": [entry], "verdicts": [verdict("one")]}, {}, catalogue())
    assert shown["tests"][0]["mark"] == "This explanation failed its own test: Title of one."


def test_every_criterion_that_keeps_an_explanation_from_approval_names_a_metric_of_its_test():
    declared = {metric["id"] for metric in catalogue()[TRIALS]["metrics"]}
    judged = {criterion["metric"] for criterion in default_policy()["criteria"] if criterion["test"] == TRIALS}
    assert judged == declared - {"explanation_deletion_lead"}  # the rank judges the same
