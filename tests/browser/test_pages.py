"""What only a browser sees: contrast and names by axe, dark mode, a narrow screen, a strict content policy at work."""

import contextlib

import pytest
from django.core.management import call_command

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PAGES = {
    "inbox": "/",
    "models": "/models/",
    "model": "/models/shown/",
    "version": "/models/shown/v1/",
    "review": "/models/shown/v1/review/",
    "dossier": "/dossiers/1/",
    "held version": "/models/held/v1/",
    "artefact": "",
    "datasets": "/datasets/",
    "dataset": "/datasets/shown-data/",
    "columns": "/datasets/shown-data/v1/",
    "assessment": "",
    "findings": "/findings/",
    "policies": "/policies/",
    "clause": "/regulation/NYC-LL144:5-301(b)/",
    "coverage": "/models/shown/v1/coverage/",
    "a test": "/assessments/1/tests/fairness.group_metrics/",
    "methodology": "/methodology/",
    "audit": "/audit/",
    "audit event": "/audit/events/1/",
    "audit proof": "/audit/verify/",
    "history": "/history/model/1/",
    "model in the past": "/history/model/1/as-of/",
    "retention": "/retention/",
    "account": "/account/",
    "password": "/account/password/",
    "not found": "/no/such/page/",
}


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.long)])
def reader(request, person):
    return person("second_line", color_scheme=request.param)


@pytest.fixture(scope="module")
def addresses(assessed_url, held_url) -> dict[str, str]:
    return PAGES | {"assessment": assessed_url, "artefact": held_url}


def test_axe_finds_nothing(reader, addresses):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    found = {}
    for name, address in addresses.items():
        reader.page.goto(address)
        reader.page.evaluate("document.querySelectorAll('details').forEach(section => section.open = true)")
        violations = axe.run(reader.page).response["violations"]
        found[name] = [(v["id"], v["nodes"][0]["html"], v["nodes"][0]["failureSummary"]) for v in violations]
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_a_narrow_screen_never_scrolls_sideways_and_the_policy_refuses_nothing(person, addresses):
    reader = person("second_line", viewport={"width": 390, "height": 844})
    wide = {}
    for name, address in addresses.items():
        reader.page.goto(address, wait_until="networkidle")
        if name == "not found":
            assert [told for told in reader.complaints if "404" not in told] == []
        else:
            assert reader.complaints == [], name
        reader.page.evaluate("document.querySelectorAll('details').forEach(section => section.open = true)")
        wide[name] = reader.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide == dict.fromkeys(PAGES, 0)


def test_the_narrow_menu_opens(person, assessed_url):
    reader = person("approver", viewport={"width": 390, "height": 844})
    link = reader.page.get_by_role("link", name="Datasets")
    assert not link.is_visible()
    reader.page.get_by_role("button", name="Menu", exact=True).click()
    link.click()
    assert reader.page.get_by_role("heading", name="Datasets").is_visible()


@pytest.mark.long  # on a narrow screen, above, the same is asked
def test_nothing_is_refused_by_the_content_policy(person, addresses):
    reader = person("second_line")
    for name, address in addresses.items():
        if name != "not found":
            reader.page.goto(address, wait_until="networkidle")
    assert reader.complaints == []


def test_charts_keep_their_white_paper_in_the_dark(person, assessed_url):
    reader = person("approver", color_scheme="dark")
    reader.page.goto(assessed_url)
    paper = reader.page.locator("figure").first.evaluate("figure => getComputedStyle(figure).backgroundColor")
    page = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper, page) == ("rgb(255, 255, 255)", "rgb(16, 20, 26)")


def test_the_letters_are_ours(person, assessed_url):
    reader = person("approver")
    reader.page.goto(assessed_url)  # waits for its style sheets
    assert reader.page.evaluate("document.fonts.ready.then(() => [...document.fonts].map(font => font.status))") == [
        "loaded"
    ]


def test_the_api_docs_show_every_address_under_our_content_policy(chromium, site):
    context = chromium.new_context(base_url=site.url)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: r.url.startswith((site.url, "data:", "blob:")) or complaints.append(r.url))
    page.goto("/api/v1/docs/")
    page.locator(".opblock").first.wait_for(timeout=120_000)
    documented = set(page.request.get("/api/v1/schema/?format=json").json()["paths"])
    assert len(documented) > 20
    shown = set()
    for _ in range(300):  # the page draws an operation when it comes into view
        shown |= set(page.locator(".opblock-summary-path").evaluate_all("all => all.map(one => one.dataset.path)"))
        if shown == documented:
            break
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(100)
    assert shown == documented
    create = page.locator("#operations-models-models_create .opblock-summary-control")
    for _ in range(300):
        if create.count():
            break
        page.mouse.wheel(0, -600)
        page.wait_for_timeout(100)
    create.click()
    page.get_by_text("Register a model; you become its owner.").first.wait_for()
    context.close()
    assert complaints == []


def test_the_report_of_an_assessment_never_scrolls_sideways(chromium, small_model, small_data, tmp_path):
    """The one that `manage.py assess` writes: a file by itself, read without this product."""
    command = ["assess", str(small_model), str(small_data), "--target", "decision", "--out", str(tmp_path / "out")]
    with contextlib.suppress(SystemExit):  # which says the verdict
        call_command(*command, "--only", "performance.discrimination", "--only", "performance.calibration")
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto((tmp_path / "out" / "report.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(section => section.open = true)")
    assert page.locator(".criteria tbody tr").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    page.close()
