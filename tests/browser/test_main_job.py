"""The main job, clicked through: upload, assess in the real worker, look at the charts, decide."""

import re

import pytest

from tests.browser.conftest import register_and_upload, start_assessment

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def test_from_upload_to_decision(person, small_model, small_data):
    owner = person("owner")
    register_and_upload(owner, "Loans", small_model, small_data)
    start_assessment(owner, "Loans")
    # The page follows the run by itself and turns into the results.
    owner.page.get_by_role("heading", name="Performance").wait_for()
    assert_charts_are_drawn(owner.page)
    owner.follow("Request approval")
    owner.page.get_by_label("Note to the reviewer").fill("Please look at the selection rates.")
    owner.press("Request approval")
    assert "awaiting decision" in owner.text

    approver = person("approver")
    approver.page.get_by_role("row", name=re.compile("Loans v1")).get_by_role("link", name=re.compile("Review")).click()
    assert "Please look at the selection rates." in approver.text
    approver.page.get_by_label("Approve with conditions").check()
    approver.page.get_by_label("Reason").fill("Monthly monitoring of the selection rates.")
    approver.page.get_by_label("Valid until").fill("2099-01-31")
    approver.press("Record the decision")
    assert "Recorded: Approve with conditions Loans v1, by approver." in approver.text
    assert "valid until 31 Jan 2099" in approver.text
    assert owner.complaints + approver.complaints == []


def test_without_javascript_from_a_wrong_file_to_a_rejection(person, small_model, small_data, tmp_path):
    wrong = tmp_path / "model.joblib"
    wrong.write_bytes(b"PK\x03\x04 not a model")
    validator = person("validator", java_script_enabled=False)
    register_and_upload(validator, "Plain", small_model, small_data)
    page = validator.page
    page.get_by_role("link", name="Plain", exact=True).click()
    page.get_by_label("Model file").set_input_files(wrong)
    page.get_by_label("What changed").fill("These words are kept.")
    validator.press("Upload and read")
    assert "model.joblib is not a joblib file" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("What changed").input_value() == "These words are kept."
    validator.follow("v1")
    start_assessment(validator, "Plain")
    page.get_by_role("heading", name="Explainability").wait_for()  # the page reloads itself
    assert_charts_are_drawn(page)
    validator.follow("Request approval")
    validator.press("Request approval")

    approver = person("approver", java_script_enabled=False)
    approver.page.goto("/models/plain/v1/review/")
    approver.page.get_by_label("Reject").check()
    approver.press("Record the decision")
    assert "This decision needs a reason." in approver.page.get_by_role("alert").inner_text()
    assert approver.page.get_by_label("Reject").is_checked()
    approver.page.get_by_label("Reason").fill("The model is not needed.")
    approver.press("Record the decision")
    assert "Recorded: Reject Plain v1, by approver." in approver.text


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
