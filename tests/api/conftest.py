"""People as API clients, and a browser for the docs."""

import os
import shutil

import pytest
from rest_framework.test import APIClient


@pytest.fixture(scope="session")
def chromium() -> str:
    path = os.environ.get("MODELRISK_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("needs a Chromium; name it in MODELRISK_TEST_CHROMIUM")
    return path


@pytest.fixture
def page(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.fixture
def call(db):
    """`call(user)`: the API as this person, with a real token; `call(None)` as nobody."""
    from registry import tokens

    def client(user) -> APIClient:
        made = APIClient(raise_request_exception=True)
        made.default_format = "json"
        if user is not None:
            _row, text = tokens.issue(user, actor=user)
            made.credentials(HTTP_AUTHORIZATION=f"Token {text}")
        return made

    return client
