"""Start, follow, cancel, retry an assessment, and read what it found."""

import pytest
from django.urls import reverse

from assessments.models import Assessment
from assessments.stored import verdict_counts
from modelrisk.numerals import number
from tests.pages.page import read

HTMX = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def version_url(model_version):
    return reverse("version", args=[model_version.model.slug, model_version.number])


def url_of(assessment) -> str:
    return reverse("assessment", args=[assessment.pk])


def address_of(assessment, test: str) -> str:
    return reverse("assessment-test", args=[assessment.pk, test])


def test_an_assessment_is_started(as_developer, version_url, dataset_version):
    answer = as_developer.post(version_url, {"dataset_version": dataset_version.pk, "plan_name": "quick", "seed": "5"})
    found = Assessment.objects.get()
    assert (answer.status_code, answer.url) == (302, url_of(found))
    assert (found.plan_name, found.seed, found.state) == ("quick", 5, "queued")


def test_only_the_chosen_tests_are_planned(as_developer, version_url, dataset_version):
    chosen = ["fairness.group_metrics"]
    given = {"dataset_version": dataset_version.pk, "plan_name": "quick", "tests": chosen}
    as_developer.post(version_url, given)
    assert Assessment.objects.get().planned_tests == chosen


def test_a_form_sent_twice_starts_one(as_developer, version_url, dataset_version):
    key = as_developer.get(version_url).context["start"]["key"].value()
    given = {"dataset_version": dataset_version.pk, "plan_name": "quick", "key": key}
    answers = {as_developer.post(version_url, given).url for _ in range(2)}
    assert len(answers) == 1
    assert Assessment.objects.count() == 1


def test_without_data_nothing_starts(as_developer, version_url, dataset_version):
    answer = as_developer.post(version_url, {"plan_name": "quick", "seed": "12"})
    page = read(answer)
    assert answer.status_code == 400
    assert "This field is required." in page.text
    assert page.fields["seed"]["value"] == "12"
    assert Assessment.objects.count() == 0


def test_data_without_a_target_says_what_to_do(as_developer, version_url, dataset_version):
    dataset_version.columns.filter(role="target").update(role="feature")
    answer = as_developer.post(version_url, {"dataset_version": dataset_version.pk, "plan_name": "quick"})
    text = read(answer).text
    assert answer.status_code == 400
    assert "Applicants v1 has no target column." in text
    assert "Edit its columns and mark the one that the model predicts as target." in text
    assert Assessment.objects.count() == 0


def test_who_may_not_assess_sees_why(as_reviewer, version_url, dataset_version):
    assert (
        "Only the owner or a developer of Credit score, or a validator, may assess it."
        in read(as_reviewer.get(version_url)).text
    )
    given = {"dataset_version": dataset_version.pk, "plan_name": "quick"}
    assert as_reviewer.post(version_url, given).status_code == 403


def test_while_it_waits_the_page_follows_it(as_owner, assessment):
    page = as_owner.get(url_of(assessment))
    assert f'hx-get="{url_of(assessment)}"' in page.content.decode()
    assert f"0 of {len(assessment.planned_tests)} tests" in read(page).text


def test_the_fragment_tells_what_runs(as_owner, assessment):
    Assessment.objects.filter(pk=assessment.pk).update(
        state="running", current_test="robustness.hopskipjump", current_done=61, current_of=200
    )
    fragment = as_owner.get(url_of(assessment), **HTMX)
    assert fragment.status_code == 200
    assert "<html" not in fragment.content.decode()
    assert "now HopSkipJump evasion attack, 61 of 200" in read(fragment).text


def test_polling_stops_when_it_is_over(as_owner, assessed):
    fragment = as_owner.get(url_of(assessed), **HTMX)
    assert (fragment.status_code, fragment["HX-Refresh"], fragment.content) == (286, "true", b"")


def test_the_inbox_shows_what_runs_and_then_stops(as_owner, assessment):
    assert f"0 of {len(assessment.planned_tests)} tests" in read(as_owner.get(reverse("running"))).text
    Assessment.objects.filter(pk=assessment.pk).update(state="cancelled")
    assert as_owner.get(reverse("running")).status_code == 286


def test_the_results_say_what_was_measured(as_owner, assessed):
    auc = assessed.results.get(test="performance.discrimination").measures.get(metric="roc_auc")
    assert f"AUC {auc.value:.3f}" in read(as_owner.get(url_of(assessed))).text
    text = read(as_owner.get(address_of(assessed, "performance.discrimination"))).text
    assert f"[{number(auc.low)}, {number(auc.high)}]" in text


def test_the_verdicts_are_counted_and_the_bad_ones_listed(as_owner, assessed):
    answer = as_owner.get(url_of(assessed))
    counts = verdict_counts(assessed)
    attention = answer.context["attention"]
    assert len(attention) == sum(counts[word] for word in ("fail", "error", "inconclusive", "warn"))
    assert [verdict.position for verdict in attention] == sorted(verdict.position for verdict in attention)
    assert f"{counts['pass']} pass" in read(answer).text


def test_the_page_shows_what_the_tests_put_first_and_leads_to_every_one(as_owner, assessed):
    answer = as_owner.get(url_of(assessed))
    shown = {image["alt"] for image in read(answer).images}
    charts = {chart.chart_id: chart.alt for result in assessed.results.all() for chart in result.charts.all()}
    assert {charts["roc"], charts["accuracy_under_attack"], charts["shap_importance"]} <= shown
    assert charts["roc_adversarial"] not in shown
    for result in assessed.results.all():
        assert address_of(assessed, result.test) in answer.content.decode()


def test_every_chart_is_on_the_page_of_its_test(as_owner, assessed):
    seen = set()
    for result in assessed.results.prefetch_related("charts"):
        page = read(as_owner.get(address_of(assessed, result.test)))
        charts = {chart.alt for chart in result.charts.all()}
        assert {image["alt"] for image in page.images} == charts
        seen |= charts
    assert len(seen) >= 9


def test_evidence_from_before_tests_put_charts_first_shows_all_of_them(as_owner, assessed):
    older = {test: {k: v for k, v in entry.items() if k != "headline"} for test, entry in assessed.catalogue.items()}
    Assessment.objects.filter(pk=assessed.pk).update(catalogue=older)
    charts = {chart.alt for result in assessed.results.all() for chart in result.charts.all()}
    assert {image["alt"] for image in read(as_owner.get(url_of(assessed))).images} == charts


def test_the_page_of_a_test_says_what_it_asks_and_what_the_policy_says(as_owner, assessed):
    text = read(as_owner.get(address_of(assessed, "fairness.group_metrics"))).text
    assert "Does the model decide differently for different groups of people?" in text
    assert "Impact ratio" in text
    assert "between groups" in text
    assert "equalized_odds_difference" not in text.split("How it is measured")[1].split("What it ran with")[0]
    assert "“Equalized odds difference”" in text


def test_the_page_of_a_test_says_what_its_verdicts_mean_and_what_to_do(as_owner, assessed):
    test = "fairness.group_metrics"
    assessed.verdicts.filter(test=test).update(verdict="fail")
    text = read(as_owner.get(address_of(assessed, test))).text
    said = text.split("What the policy says")[1]
    assert "failed: beyond the limit with the whole of its interval" in said.split("What to do")[0]
    assert "Raise a finding" in said.split("What to do")[1].split("How it is measured")[0]
    assessed.verdicts.filter(test=test).delete()
    assert "The policy sets no limit for this test" in read(as_owner.get(address_of(assessed, test))).text


def test_what_compares_the_groups_has_a_table_of_its_own(as_owner, assessed):
    grids = as_owner.get(address_of(assessed, "fairness.group_metrics")).context["page"].grids
    by_sex = [grid for grid in grids if grid.title.startswith("sex")]
    assert [grid.title for grid in by_sex] == ["sex", "sex, groups compared"]
    assert [all(name.startswith("between") for name, *_ in grid.rows) for grid in by_sex] == [False, True]
    assert not set(by_sex[0].metrics) & set(by_sex[1].metrics)


def test_a_measure_has_the_name_that_its_own_test_gives_it(as_owner, assessed):
    """The AUC of all rows and that within a group are one metric of two tests."""
    text = read(as_owner.get(address_of(assessed, "performance.discrimination"))).text
    assert "ROC AUC" in text
    assert "AUC within the group" not in text


def test_the_pages_of_the_tests_follow_one_another(as_owner, assessed):
    tests = [result.test for result in assessed.results.all()]
    first, last = (as_owner.get(address_of(assessed, test)).context["neighbours"] for test in (tests[0], tests[-1]))
    assert (first["before"], first["after"].test) == (None, tests[1])
    assert (last["before"].test, last["after"]) == (tests[-2], None)


def test_a_test_that_was_not_run_has_no_page(as_owner, assessed):
    assert as_owner.get(address_of(assessed, "robustness.zoo")).status_code == 404


def test_another_persons_test_is_not_found(sign_in, outsider, assessed):
    assert sign_in(outsider).get(address_of(assessed, "fairness.group_metrics")).status_code == 404


def test_a_test_that_does_not_apply_says_why(as_owner, assessed):
    assessed.results.filter(test="robustness.hopskipjump").update(status="not_applicable", reason="No number moves.")
    text = read(as_owner.get(url_of(assessed))).text
    assert "HopSkipJump evasion attack No number moves. – not applicable" in text
    assert "No number moves." in read(as_owner.get(address_of(assessed, "robustness.hopskipjump"))).text


def test_a_failed_one_says_what_went_wrong_and_offers_another_try(as_developer, assessment):
    Assessment.objects.filter(pk=assessment.pk).update(state="failed", error="No column x.", hint="Add the column x.")
    answer = as_developer.get(url_of(assessment))
    assert "No column x. Add the column x." in read(answer).text
    again = as_developer.post(reverse("assessment-retry", args=[assessment.pk]))
    assessment.refresh_from_db()
    assert (again.status_code, assessment.state, assessment.error) == (302, "queued", "")


def test_it_is_cancelled(as_developer, assessment):
    as_developer.post(reverse("assessment-cancel", args=[assessment.pk]))
    assessment.refresh_from_db()
    assert assessment.state == "cancelled"


def test_cancelling_what_is_over_is_a_conflict(as_developer, assessed):
    answer = as_developer.post(reverse("assessment-cancel", args=[assessed.pk]))
    assert answer.status_code == 409
    assert "finished" in read(answer).text


def test_a_reader_is_offered_no_button(sign_in, auditor, assessment):
    client = sign_in(auditor)
    assert "assessment-cancel" not in client.get(url_of(assessment)).content.decode()
    assert client.post(reverse("assessment-cancel", args=[assessment.pk])).status_code == 403


def chart(client, assessed, name: str, **query):
    return client.get(reverse("chart", args=[assessed.pk, "roc", name]), query)


def test_a_chart_is_drawn_in_three_formats(as_owner, assessed):
    svg, png, csv = (chart(as_owner, assessed, name) for name in ("svg", "png", "csv"))
    assert (svg["Content-Type"], svg.content.lstrip()[:5]) == ("image/svg+xml", b"<svg ")
    assert (png["Content-Type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert csv["Content-Type"].startswith("text/csv")
    found = assessed.results.get(test="performance.discrimination").charts.get(chart_id="roc")
    assert len(csv.content.splitlines()) == 1 + sum(len(series["fpr"]) for series in found.data["series"])


def test_a_chart_cannot_run_anything(as_owner, assessed):
    answer = chart(as_owner, assessed, "svg")
    policy = answer["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_chart_with_its_digest_is_kept_for_good(as_owner, assessed):
    assert "immutable" in chart(as_owner, assessed, "svg", v="abc")["Cache-Control"]
    assert "no-cache" in chart(as_owner, assessed, "svg")["Cache-Control"]


@pytest.mark.parametrize("name", ["roc.pdf", "no_such_chart.svg"])
def test_what_is_not_there_is_404(name, as_owner, assessed):
    assert as_owner.get(f"/assessments/{assessed.pk}/charts/{name}").status_code == 404


def test_names_that_a_child_chose_do_not_break_the_page(as_developer, assessed):
    """A template's `x.items` is the key `items` of x, where it has one."""
    Assessment.objects.filter(pk=assessed.pk).update(environment={"items": 5}, subject={"items": 5})
    assessed.results.update(params={"items": 5})
    for url in (url_of(assessed), address_of(assessed, "fairness.group_metrics")):
        assert as_developer.get(url).status_code == 200


def test_charts_of_an_explanation_that_failed_its_own_test_say_so(as_owner, assessed):
    said = "This explanation failed its own test: SHAP additivity, largest error."
    shap = address_of(assessed, "explainability.shap_importance")
    assert said not in read(as_owner.get(url_of(assessed))).text
    assessed.verdicts.filter(metric="shap_additivity_max_error").update(verdict="fail")
    for address in (url_of(assessed), shap):
        assert said in read(as_owner.get(address)).text
    assert said not in read(as_owner.get(address_of(assessed, "fairness.group_metrics"))).text
