"""What holds for every page: strict content policy, no inline style or script, unique ids, escaped text."""

import hashlib
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.urls import reverse

from registry import actions
from registry.models import Dataset, MLModel
from tests.conftest import give_roles
from tests.pages.page import read
from tests.pages.test_access import ABOUT, OPEN, address

PAGES = [*OPEN, *(name for name in ABOUT if not name.endswith("file")), "audit", "audit-verify", "register-model"]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def everyone_at_once(validator, approver, sign_in):
    """A person with every role that opens pages, so that each page shows all it can."""
    give_roles(validator, "approver")
    return sign_in(validator)


def test_nothing_inline_and_the_policy_allows_nothing_inline(everyone_at_once, assessed):
    for name in PAGES:
        answer = everyone_at_once.get(address(name, assessed))
        page, policy = read(answer), answer["Content-Security-Policy"]
        assert page.forbidden == [], name
        assert len(page.ids) == len(set(page.ids)), (name, [i for i in page.ids if page.ids.count(i) > 1])
        assert "unsafe" not in policy, name
        assert "default-src 'self'" in policy, name


def test_every_control_has_a_name(as_owner, assessed):
    """A label by id, or an aria-label."""
    html = as_owner.get(address("dataset-version", assessed)).content.decode()
    page = read(as_owner.get(address("dataset-version", assessed)))
    for name, field in page.fields.items():
        if field.get("type") != "hidden":
            assert field.get("aria-label") or f'for="{field["id"]}"' in html, name


def test_names_are_escaped(as_owner, owner):
    model = actions.register_model(MLModel, actor=owner, name=f"A {HOSTILE}", purpose=HOSTILE, domain=HOSTILE)
    dataset = actions.register_dataset(Dataset, actor=owner, name=f"B {HOSTILE}", description=HOSTILE)
    urls = [reverse("inbox"), reverse("models"), reverse("datasets")]
    urls += [reverse("model", args=[model.slug]), reverse("dataset", args=[dataset.slug])]
    for url in urls:
        body = as_owner.get(url).content
        assert b"<script>alert" not in body
        assert b"<img src=x" not in body


def test_what_a_model_file_said_is_escaped(as_owner, model_version):
    model_version.estimator = model_version.estimator | {
        "class": HOSTILE,
        "steps": [HOSTILE],
        "features": [HOSTILE],
        "libraries": {HOSTILE: "1"},
    }
    model_version.save(update_fields=["estimator"])
    body = as_owner.get(reverse("version", args=[model_version.model.slug, 1])).content
    assert b"&lt;script&gt;alert(1)" in body
    assert b"<script>alert" not in body


def test_what_the_battery_said_is_escaped(as_owner, assessed):
    result = assessed.results.get(test="performance.discrimination")
    result.notes, result.tables = (
        [HOSTILE],
        [{"id": "t", "title": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE, 1]]}],
    )
    result.save(update_fields=["notes", "tables"])
    assessed.verdicts.update(reason=HOSTILE)
    body = as_owner.get(reverse("assessment", args=[assessed.pk])).content
    assert body.count(b"&lt;script&gt;alert(1)") > 3
    assert b"<script>alert" not in body


def test_the_smallest_edits_stand_beside_their_chart(as_owner, assessed):
    body = as_owner.get(reverse("assessment-test", args=[assessed.pk, "robustness.feasible_edits"])).content.decode()
    section = body[body.index("Smallest feasible edits") :]
    assert "<del>" in section
    assert "<ins>" in section
    assert "flips this decision." in section
    assert "only what a person could change" in section
    chart, table, next_chart = (
        body.index(f) for f in ("Accuracy under feasible edits.", "Smallest feasible", "What a feasible")
    )
    assert chart < table < next_chart


def test_what_was_changed_about_a_row_is_escaped(as_owner, assessed):
    result = assessed.results.get(test="robustness.feasible_edits")
    change = {"column": HOSTILE, "before": HOSTILE, "after": HOSTILE, "follows": True}
    result.tables = [
        {"id": "t", "title": HOSTILE, "columns": ["Row", "Edit", "Score", "In words", "Price"], "note": HOSTILE,
         "rows": [[1, [change], HOSTILE, HOSTILE, 0.1]]}
    ]  # fmt: skip
    result.save(update_fields=["tables"])
    body = as_owner.get(reverse("assessment", args=[assessed.pk])).content
    assert body.count(b"&lt;script&gt;alert(1)") >= 7
    assert b"<script>alert" not in body


def test_vendored_files_are_those_that_are_written_down():
    vendor = settings.BASE_DIR / "static" / "vendor"
    written = dict(reversed(line.split()) for line in (vendor / "VERSIONS.sha256").read_text().splitlines())
    found = {name: hashlib.sha256((vendor / name).read_bytes()).hexdigest() for name in written}
    assert found == written
    htmx = hashlib.sha256(Path(finders.find("django_htmx/htmx-2.min.js")).read_bytes()).hexdigest()
    assert htmx in (vendor / "VERSIONS").read_text()
    assert written["inter/inter-latin.var.woff2"] in (vendor / "VERSIONS").read_text()


def test_the_number_of_queries_does_not_grow_with_the_inventory(
    as_owner, owner, assessed, django_assert_max_num_queries
):
    for number in range(8):
        actions.register_model(MLModel, actor=owner, name=f"Model {number}")
    with django_assert_max_num_queries(28):
        as_owner.get(reverse("inbox"))
