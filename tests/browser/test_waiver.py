"""A file with code of its own, clicked through the gate: held, waived by a security officer, assessed; then revoked."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests import small
from tests.browser.conftest import register_and_upload, start_assessment

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.mark.long  # in short runs by pages and API: tests/pages/test_artifact.py, tests/registry/test_waivers.py
def test_from_a_held_file_to_its_results(person, small_data, tmp_path):
    model = small.write_model_with_code(tmp_path / "custom.joblib")
    owner = person("owner")
    register_and_upload(owner, "Custom", model, small_data)
    assert "Custom v1 is stored and not loaded." in owner.text
    assert "cloudpickle" in owner.text
    assert owner.page.get_by_role("button", name="Start the assessment").count() == 0
    version_url = owner.page.url.partition("#")[0]

    officer = person("security_officer")
    row = officer.page.get_by_role("row", name=re.compile("Decide on a waiver.*Custom v1"))
    row.get_by_role("link", name=re.compile("Look")).click()
    assert "cloudpickle.cloudpickle:_make_function" in officer.text
    assert officer.page.get_by_role("button", name="Copy the digest of the imports").first.is_visible()
    officer.page.get_by_label("Reason").fill("Needed for the pilot; the function divides by a thousand.")
    officer.page.get_by_label("Compensating control").fill("The results are checked by hand each month.")
    officer.page.get_by_label("Valid until").fill("2020-01-01")
    officer.page.get_by_label("I have read every name in the list").check()
    officer.press("Grant the waiver")
    assert "The waiver would have ended already." in officer.page.get_by_role("alert").inner_text()
    officer.page.get_by_label("Valid until").fill(in_thirty_days())
    officer.press("Grant the waiver")
    assert "Recorded: a waiver for" in officer.text
    assert "in force" in officer.text

    owner.page.goto(version_url)
    assert "by security_officer until" in owner.text
    start_assessment(owner, "Custom")
    owner.page.get_by_role("heading", name="Fairness").wait_for()
    assert "performance" in owner.text.lower()

    officer.page.get_by_label("Why it ends now").fill("The pilot is over, the file is not needed.")
    officer.press("Revoke the waiver")
    assert "is revoked, by security_officer" in officer.text
    owner.page.goto(version_url)
    assert "the last one is revoked" in owner.text
    assert owner.page.get_by_role("button", name="Start the assessment").count() == 0
    assert owner.complaints + officer.complaints == []


def in_thirty_days() -> str:
    return (datetime.now(tz=UTC) + timedelta(days=30)).date().isoformat()


def test_a_refused_file_comes_back_with_its_reasons(person, small_model, small_data, refused_model):
    developer = person("validator")
    register_and_upload(developer, "Refusing", small_model, small_data)
    developer.page.get_by_role("link", name="Refusing", exact=True).click()
    developer.page.get_by_label("Model file").set_input_files(refused_model)
    developer.page.get_by_label("What changed").fill("These words are kept.")
    developer.press("Upload and read")
    told = developer.page.get_by_role("alert").inner_text()
    assert "posix.system runs commands or Python code." in told
    assert "AML.T0011.000" in told
    assert developer.page.get_by_label("What changed").input_value() == "These words are kept."
    assert "Refused: evil.joblib is refused" in developer.text
