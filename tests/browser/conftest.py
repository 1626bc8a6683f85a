"""A real installation in processes of its own, and a real browser in front of it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-long-enough-password"
ROLES = ("owner", "developer", "validator", "approver", "security_officer", "auditor", "mrm_lead")
# One for each role; and one who decides and grants waivers, to whom each page shows all that it can.
PEOPLE = {role: (role,) for role in ROLES} | {"second_line": ("approver", "security_officer")}
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
MAKE_PEOPLE = f"""
from django.contrib.auth import get_user_model
from registry import people
for name, roles in {PEOPLE!r}.items():
    user = get_user_model().objects.create_user(name, password={PASSWORD!r})
    for role in roles:
        people.grant_first(user, actor=people.system_user(), role=role, reason="First people of the tests.")
"""


@dataclass(frozen=True)
class Site:
    """Where the installation answers."""

    url: str
    log: Path


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """`manage.py serve` on its own state: web server, worker, database and files are the product's."""
    state = tmp_path_factory.mktemp("site")
    port = free_port()
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("MODELRISK_", "DJANGO_"))}
    environment = {**outside, "MODELRISK_STATE_DIR": str(state)}
    log = state / "serve.log"
    command = [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}", "--web-workers", "1"]
    with open(log, "wb") as out:
        serving = subprocess.Popen(
            [*command, "--workers", "1"], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    found = Site(f"http://127.0.0.1:{port}", log)
    try:
        wait_until_up(found, serving)
        subprocess.run([sys.executable, "manage.py", "shell", "-c", MAKE_PEOPLE], cwd=ROOT, env=environment, check=True)
        yield found
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(site: Site, serving: subprocess.Popen) -> None:
    for _ in range(600):
        if serving.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{site.url}/login/", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"The site did not come up:\n{site.log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium; skips, with the reason, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("needs a Chromium: apt install chromium, or name one in CHROMIUM")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Person:
    """A person at a browser of their own. `complaints` is what the browser's console says: there should be nothing."""

    def __init__(self, chromium, site: Site, name: str, **options) -> None:
        self.site, self.name = site, name
        self.context = chromium.new_context(base_url=site.url, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto("/login/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")

    def _hear(self, message) -> None:
        # A page that answers 400 with its form is meant to.
        if message.type in {"error", "warning"} and "status of 400" not in message.text:
            self.complaints.append(message.text)

    def press(self, name: str) -> None:
        """Send a form, and wait for the answer: another person may look at what it did."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()

    @property
    def text(self) -> str:
        return self.page.locator("main").inner_text()


@pytest.fixture
def person(chromium, site):
    """person("approver") signs in and gives the Person."""
    present: list[Person] = []

    def sign_in(name: str, **options) -> Person:
        present.append(Person(chromium, site, name, **options))
        return present[-1]

    yield sign_in
    for one in present:
        one.context.close()


def register_and_upload(someone: Person, name: str, model: Path, data: Path) -> None:
    """A model with a version and a dataset with a version, by hand; ends on the page of the model's version."""
    page = someone.page
    page.goto("/datasets/register/")
    page.get_by_label("Name").fill(f"{name} data")
    someone.press("Register the dataset")
    page.get_by_label("Data file").set_input_files(data)
    page.get_by_label("Target column").fill("decision")
    someone.press("Upload and profile")
    page.get_by_role("button", name="Save the columns").wait_for()
    page.goto("/models/register/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Purpose").fill("Ranks applicants for a call, never for a refusal.")
    someone.press("Register the model")
    page.get_by_label("Model file").set_input_files(model)
    someone.press("Upload and read")
    page.get_by_role("heading", name=f"{name} v1").wait_for()


def start_assessment(someone: Person, name: str) -> None:
    someone.page.get_by_label("Data to assess it on").select_option(label=f"{name} data v1")
    someone.page.get_by_label("Quick").check()
    someone.press("Start the assessment")


@pytest.fixture(scope="session")
def held_url(chromium, site, held_model, small_data) -> str:
    """The address of the artefact of a version that waits for a waiver."""
    someone = Person(chromium, site, "owner")
    register_and_upload(someone, "Held", held_model, small_data)
    someone.follow("What this file would do")
    url = someone.page.url
    someone.context.close()
    return url


def walk_to_decision(owner: Person, mrm_lead: Person, validator: Person, version_url: str, *, note: str = "") -> None:
    """From the assessed draft to the decision that waits, each step by whose it is."""
    for someone in (owner, mrm_lead, validator):
        someone.page.goto(version_url)
    owner.page.get_by_label("Note to the validator").fill(note)
    owner.press("Submit for validation")
    mrm_lead.page.reload()
    mrm_lead.page.get_by_label("Validator", exact=True).select_option(label=validator.name)
    mrm_lead.page.get_by_label("Scope").fill("The whole battery; not the pipeline.")
    mrm_lead.press("Start the validation")
    answer_failures(validator, owner, version_url)
    validator.page.goto(version_url)
    validator.page.locator("#validate").get_by_label("Validation report").fill("Fit for its use, with its findings.")
    validator.press("Sign the validation")
    mrm_lead.page.reload()
    mrm_lead.press("Put to decision")


def answer_failures(validator: Person, owner: Person, version_url: str) -> None:
    """An observation for each criterion that failed: why it may stand, and what the owner does about it."""
    page = validator.page
    page.goto(version_url)
    with page.expect_navigation():  # what is counted below waits for nothing
        page.get_by_role("link", name=re.compile(r"^Assessment \d+$")).first.click()
    failed = page.get_by_role("row").filter(has=page.locator("[data-verdict=fail]"))
    links = failed.get_by_role("link", name="Raise a finding")
    for address in {link.get_attribute("href") for link in links.all()}:
        page.goto(address)
        page.get_by_label("Description").fill("It may stand for this use: nobody is refused by it.")
        page.get_by_label("Severity").select_option("observation")
        validator.press("Raise the finding")
        owner.page.goto(page.url)
        owner.page.get_by_label("What will be done about it, by whom").fill("Its rate is watched each month.")
        owner.press("Accept")


@pytest.fixture(scope="session")
def assessed_url(chromium, site, small_model, small_data) -> str:
    """The address of a finished assessment of the owner's model, which waits for its decision."""
    owner, mrm_lead, validator = (Person(chromium, site, name) for name in ("owner", "mrm_lead", "validator"))
    register_and_upload(owner, "Shown", small_model, small_data)
    version_url = owner.page.url
    start_assessment(owner, "Shown")
    owner.page.get_by_role("heading", name="Fairness").wait_for()
    url = owner.page.url
    walk_to_decision(owner, mrm_lead, validator, version_url)
    for someone in (owner, mrm_lead, validator):
        someone.context.close()
    return url
