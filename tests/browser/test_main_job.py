"""The main job, clicked through: upload, assess in the real worker, look at the charts, decide."""

import re
from datetime import timedelta
from hashlib import sha256

import pytest
from django.utils import timezone

from tests.browser.conftest import register_and_upload, start_assessment, walk_to_decision

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def test_from_upload_to_decision_and_use(person, small_model, small_data):
    owner, mrm_lead, validator = person("owner"), person("mrm_lead"), person("validator")
    register_and_upload(owner, "Loans", small_model, small_data)
    version_url = owner.page.url
    start_assessment(owner, "Loans")
    # The page follows the run by itself and turns into the results.
    owner.page.get_by_role("heading", name="Performance").wait_for()
    assert_charts_are_drawn(owner.page)
    walk_to_decision(owner, mrm_lead, validator, version_url, note="Please look at the selection rates.")
    assert "awaiting decision" in mrm_lead.text

    approver = person("approver")
    approver.page.get_by_role("row", name=re.compile("Loans v1")).get_by_role("link", name=re.compile("Review")).click()
    assert "Please look at the selection rates." in approver.text
    page, due = approver.page, timezone.localdate() + timedelta(days=90)
    page.get_by_label("Approve with conditions").check()
    page.get_by_label("Reason").fill("The selection rates are to be watched.")
    page.get_by_label("What must be done").fill("Report the selection rates each month.")
    page.get_by_label("Owner", exact=True).select_option(label="owner")
    page.get_by_label("Due", exact=True).fill(due.isoformat())
    page.get_by_label("Check method").select_option("person")
    approver.press("Sign and record")
    assert "Recorded: Approve with conditions Loans v1, by approver." in approver.text
    assert "Loans v1: approved with conditions" in approver.text
    assert "Report the selection rates each month." in approver.text

    owner.page.goto(version_url)
    owner.page.reload()  # the address differs from where the owner is by its fragment only
    digest = sha256(small_model.read_bytes()).hexdigest()
    owner.page.get_by_label("SHA-256 of the file in your hands").fill(digest)
    owner.page.get_by_label("Environment").fill("production")
    owner.page.get_by_label("Restrictions").fill("Only for new customers.")
    owner.press("Deploy")
    assert "production by owner" in " ".join(owner.text.split())
    assert owner.complaints + approver.complaints + mrm_lead.complaints + validator.complaints == []


@pytest.mark.long
def test_without_javascript_from_a_wrong_file_to_a_rejection(person, small_model, small_data, tmp_path):
    wrong = tmp_path / "model.joblib"
    wrong.write_bytes(b"PK\x03\x04 not a model")
    names = ("owner", "mrm_lead", "validator", "approver")
    owner, mrm_lead, validator, approver = (person(name, java_script_enabled=False) for name in names)
    register_and_upload(owner, "Plain", small_model, small_data)
    version_url, page = owner.page.url, owner.page
    page.get_by_role("link", name="Plain", exact=True).click()
    page.get_by_label("Model file").set_input_files(wrong)
    page.get_by_label("What changed").fill("These words are kept.")
    owner.press("Upload and read")
    assert "model.joblib is not a joblib file" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("What changed").input_value() == "These words are kept."
    owner.follow("v1")
    start_assessment(owner, "Plain")
    page.get_by_role("heading", name="Explainability").wait_for()  # the page reloads itself
    assert_charts_are_drawn(page)
    walk_to_decision(owner, mrm_lead, validator, version_url)

    page = approver.page
    page.goto("/models/plain/v1/review/")
    page.get_by_label("Approve with conditions").check()
    page.get_by_label("What must be done").fill("Half a condition, which is kept")
    approver.press("Another condition")
    assert page.get_by_label("What must be done").first.input_value() == "Half a condition, which is kept"
    assert page.get_by_label("What must be done").count() == 2
    page.get_by_label("Reject").check()
    approver.press("Sign and record")
    assert "Something needs correcting." in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Reject").is_checked()
    page.get_by_label("Reason").fill("The model is not needed.")
    approver.press("Sign and record")
    assert "Recorded: Reject Plain v1, by approver." in approver.text
    assert "Plain v1: rejected" in approver.text


def assert_charts_are_drawn(page) -> None:
    """Every picture arrives when it is scrolled to, and says what it shows."""
    pictures = page.locator("figure img")
    assert pictures.count() >= 5
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        picture.wait_for(state="visible")
        page.wait_for_load_state("networkidle")
        width, height = picture.evaluate(
            "picture => picture.decode().then(() => [picture.naturalWidth, picture.naturalHeight])"
        )
        assert min(width, height) > 0
        assert len(picture.get_attribute("alt")) > 20
