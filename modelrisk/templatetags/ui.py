"""The components of the pages; each has a template in ui/ and a style sheet of the same name."""

import datetime
import hashlib
import json
import re

from django import template
from django.contrib.messages import get_messages
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timesince import timesince

from assessments import atlas
from assessments.regulation import clauses
from modelrisk import numerals
from registry import access
from registry.models import Notification

register = template.Library()
for written in ["number", "percent", "in_unit", "interval", "count", "duration", "threshold", "limit", "cell", "plain"]:
    register.filter(written, getattr(numerals, written))

GLYPHS = {"pass": "✓", "warn": "!", "fail": "×", "inconclusive": "?", "error": "!", "not_applicable": "–"}
APPROVAL_LOOKS = {
    "draft": "neutral",
    "submitted": "accent",
    "in_validation": "accent",
    "returned": "warn",
    "validated": "accent",
    "validation_failed": "fail",
    "pending_approval": "accent",
    "approved": "pass",
    "approved_with_conditions": "warn",
    "rejected": "fail",
    "withdrawn": "neutral",
    "expired": "fail",
    "superseded": "neutral",
}
USE_LOOKS = {
    "not_in_use": "neutral",
    "in_use": "pass",
    "restricted": "warn",
    "suspended": "fail",
    "decommissioning": "warn",
    "retired": "neutral",
}
# The state of a file at the gate -> look, glyph, words.
GATES = {
    "allowed": ("pass", "✓", "allowed"),
    "needs_waiver": ("warn", "!", "needs a waiver"),
    "waived": ("accent", "✓", "waived"),
    "refused": ("fail", "×", "refused"),
    "not_scanned": ("neutral", "?", "not scanned"),
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")  # a time as the audit trail keeps it
MODEL_PAGES = (
    "model",
    "version",
    "assessment",
    "register-model",
    "tier",
    "artifact",
    "waiver",
    "decision",
    "dossier",
    "upkeep",
    "attest",
    "reproduce",
)  # how their names begin
AUDIT_PAGES = ("audit", "retention", "legal-hold", "purge")
SEVERITIES = {"critical": ("fail", "×"), "high": ("fail", "!"), "medium": ("warn", "!")}
COVERAGE = {"tested": ("accent", "●"), "stale": ("warn", "!"), "not_tested": ("neutral", "○")}
WAIVERS = {"in_force": ("pass", "✓"), "expired": ("neutral", "–"), "revoked": ("fail", "×")}
STANDINGS = {  # of a condition or an exception
    "requested": ("accent", "?"),
    "active": ("warn", "!"),
    "expired": ("fail", "×"),
    "revoked": ("fail", "×"),
    "evidence_submitted": ("accent", "?"),
    "satisfied": ("pass", "✓"),
    "breached": ("fail", "×"),
}
STATE_LOOKS = {"done": "pass", "failed": "fail", "cancelled": "neutral", "queued": "neutral", "running": "accent"}


# --- words --------------------------------------------------------------------------------------
@register.inclusion_tag("ui/verdict.html")
def verdict(word: str, n: int | None = None, label: str = "", bare: bool = False):
    """A pill: glyph and word, never colour alone. `bare` hides the word from sight only."""
    shown = label or word.replace("_", " ")
    return {"look": word, "glyph": GLYPHS.get(word, ""), "text": shown, "n": n, "bare": bare}


@register.inclusion_tag("ui/verdict_counts.html")
def verdict_counts(counts: dict[str, int]):
    """{"fail": 2, "pass": 31} as pills: what needs attention, or that all pass."""
    worrying = [(word, counts[word]) for word in ("fail", "error", "inconclusive", "warn") if counts.get(word)]
    return {"worrying": worrying, "passed": counts.get("pass", 0)}


@register.inclusion_tag("ui/verdict.html")
def approval(version, valid_until=None):
    """The approval status of a version; with `valid_until`, how long it holds."""
    text = version.get_approval_status_display()
    if valid_until and version.approval_status in ("approved", "approved_with_conditions"):
        word = "approved" if version.approval_status == "approved" else "conditions"
        text = f"{word} to {date_format(valid_until, 'j M Y')}"
    look = APPROVAL_LOOKS[version.approval_status]
    return {"look": look, "glyph": GLYPHS.get(look, ""), "text": text, "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def revalidation(version):
    """Where the new case of an approved version is, as a pill."""
    look, text = APPROVAL_LOOKS[version.revalidation], f"revalidation {version.get_revalidation_display()}"
    return {"look": look, "glyph": GLYPHS.get(look, ""), "text": text, "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def use(version):
    """How a version is used, as a pill."""
    look = USE_LOOKS[version.use_status]
    text = version.get_use_status_display()
    return {"look": look, "glyph": GLYPHS.get(look, ""), "text": text, "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def state(assessment):
    look = STATE_LOOKS[assessment.state]
    text = assessment.get_state_display()
    return {"look": look, "glyph": GLYPHS.get(look, ""), "text": text, "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def gate(word: str):
    """Whether a file may be loaded, as a pill."""
    look, glyph, text = GATES[word]
    return {"look": look, "glyph": glyph, "text": text, "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def severity(finding):
    look, glyph = ("pass", "✓") if finding.has_ended else SEVERITIES.get(finding.severity, ("neutral", "–"))
    return {"look": look, "glyph": glyph, "text": finding.get_severity_display(), "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def coverage(word: str, n: int | None = None):
    """Whether there is evidence toward a clause, as a pill. Tested says nothing of how the test went."""
    look, glyph = COVERAGE.get(word, ("not_applicable", "–"))
    return {"look": look, "glyph": glyph, "text": word.replace("_", " "), "n": n, "bare": False}


@register.filter
def clause_title(key: str) -> str:
    return clauses.title_of(key)


@register.inclusion_tag("ui/verdict.html")
def waiver_state(waiver):
    look, glyph = WAIVERS[waiver.state]
    return {"look": look, "glyph": glyph, "text": waiver.get_state_display(), "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def standing(row):
    """How a condition or an exception stands, as a pill."""
    look, glyph = STANDINGS.get(row.state, ("neutral", "–"))
    return {"look": look, "glyph": glyph, "text": row.get_state_display(), "n": None, "bare": False}


@register.inclusion_tag("ui/reasons.html")
def reasons(found: list[dict]):
    """Why a scan does not simply allow a file: what, what to do, and the techniques of MITRE ATLAS by name."""
    rows = [one | {"atlas": [(known, atlas.name_of(known)) for known in one["atlas"]]} for one in found]
    return {"rows": rows}


@register.inclusion_tag("ui/delta.html")
def delta(before, after):
    """How a verdict's value changed, and whether that is for the better, for the worse, or within both intervals."""
    return numerals.change(before, after)


@register.filter
def moment(when: datetime.datetime | None):
    """A time as <time>, with the exact instant for machines and on hover."""
    if when is None:
        return "–"
    exact = date_format(timezone.localtime(when), "j M Y, H:i")
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', when.isoformat(), exact, exact)


@register.filter
def ago(when: datetime.datetime | None):
    """How long ago, in one unit."""
    if when is None:
        return "–"
    exact = date_format(timezone.localtime(when), "j M Y, H:i")
    age = timesince(when, depth=1)
    text = "just now" if age.startswith("0") else f"{age} ago"
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', when.isoformat(), exact, text)


@register.filter
def pairs(value: dict):
    """For an object whose keys a child chose: `.items` in a template would be its key of that name."""
    return value.items()


@register.filter
def reads_everything(user) -> bool:
    """Whether the whole audit trail is open to this person."""
    return access.sees_everything(user)


@register.filter
def words(name: str) -> str:
    """not_applicable -> not applicable"""
    return str(name).replace("_", " ")


@register.filter
def unwrapped(text: str):
    """A docstring as paragraphs: its line ends are the source file's, not the reader's."""
    return format_html_join("", "<p>{}</p>", ((" ".join(part.split()),) for part in text.split("\n\n") if part.strip()))


@register.filter
def recorded_value(value):
    """A value as the audit trail keeps it, for people: names for keys, words for nothing, yes and no."""
    if value is None or value == "" or value == []:
        return format_html('<span class="muted">{}</span>', "empty")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(each, dict) and set(each) == {"id", "name"} for each in value):
        return ", ".join(each["name"] for each in value)
    if isinstance(value, dict) and set(value) == {"id", "name"}:
        return value["name"]
    if isinstance(value, dict) and set(value) == {"sha256", "characters"}:
        return format_html("{} characters, SHA-256 <code>{}</code>", value["characters"], value["sha256"][:16] + "…")
    if isinstance(value, dict | list):
        return format_html("<code>{}</code>", json.dumps(value, ensure_ascii=False))
    if isinstance(value, str) and INSTANT.fullmatch(value):
        return f"{value[:10]} {value[11:19]} UTC"
    return value


@register.filter
def estimator_name(version) -> str:
    """What decides: the last step of a pipeline, or the class; unknown while the gate holds the file."""
    read = version.estimator
    return (read.get("steps") or [read.get("class") or f"{version.format} file, not loaded"])[-1]


@register.filter
def group_text(group: dict) -> str:
    """{"sex": "Female"} -> sex = Female; a star stands for all values: sex, without small groups."""
    parts = []
    for column, value in group.items():
        text = str(value)
        parts.append(f"{column}, {text[1:].strip()}".rstrip(", ") if text.startswith("*") else f"{column} = {text}")
    return "; ".join(parts)


# --- pictures made of numbers -------------------------------------------------------------------
@register.inclusion_tag("ui/bullet_bar.html")
def bullet_bar(row):
    """Value and interval on the policy's zones, as SVG; `row` has value, low, high, better, warn, fail."""
    return numerals.bullet_geometry(row.value, row.low, row.high, row.better, row.warn, row.fail)


@register.inclusion_tag("ui/segments.html")
def segments(words: list[str]):
    """One short bar for each verdict, best first."""
    width = 100 / max(len(words), 1)
    gap = min(2.0, width * 0.25)
    rows = [{"x": f"{i * width:.2f}", "width": f"{width - gap:.2f}", "word": word} for i, word in enumerate(words)]
    return {"rows": rows}


@register.inclusion_tag("ui/family_strip.html")
def family_strip(summary: dict):
    return summary


@register.inclusion_tag("ui/figure.html")
def figure(assessment_id: int, chart):
    """A chart with its alternative text, caption and downloads. The digest makes the address immutable."""
    seal = hashlib.sha256(json.dumps([chart.title, chart.data], sort_keys=True).encode()).hexdigest()[:12]
    return {"assessment_id": assessment_id, "chart": chart, "seal": seal, "formats": ("svg", "png", "csv")}


@register.inclusion_tag("ui/right.html")
def right(answer):
    """Whether somebody may do something, with the reason why not."""
    return {"answer": answer}


@register.inclusion_tag("ui/edits.html")
def edits(table: dict):
    """Rows and the changes that turn a decision: [row, changes, answer before → after, sentence, price]."""
    return table


@register.inclusion_tag("ui/progress.html")
def progress(assessment):
    """How far an assessment is; `assessment.finished_tests` is annotated by the page."""
    return {"assessment": assessment, "of": len(assessment.planned_tests)}


# --- boxes --------------------------------------------------------------------------------------
@register.simple_block_tag
def card(content, title: str = "", note: str = "", heading: str = "h2", name: str = ""):
    """A white box with an optional heading."""
    return render_to_string(
        "ui/card.html", {"content": content, "title": title, "note": note, "heading": heading, "name": name}
    )


@register.simple_block_tag
def scroll(content, label: str):
    """A table that may be wider than its card: it scrolls, by keyboard too, and the page does not."""
    return render_to_string("ui/scroll.html", {"content": content, "label": label})


@register.inclusion_tag("ui/empty.html")
def empty(text: str, hint: str = "", url: str = "", button: str = ""):
    return {"text": text, "hint": hint, "url": url, "button": button}


@register.inclusion_tag("ui/digest.html")
def digest(sha256: str, what: str = "digest", of_file: bool = False):
    """The first and last of a digest, with the whole of it for copying. `of_file`: leads to the artefact's page."""
    short = f"{sha256[:4]}…{sha256[-4:]}" if sha256 else ""
    url = reverse("artifact", args=[sha256]) if sha256 and of_file else ""
    return {"sha256": sha256, "short": short, "what": what, "url": url}


@register.inclusion_tag("ui/timeline.html")
def timeline(events):
    return {"events": events}


@register.inclusion_tag("ui/stages.html")
def stages(found):
    """The stations of a case, modelrisk.pages.case.Stage each."""
    return {"stages": found}


@register.filter
def conflict_told(check: dict) -> str:
    """What the conflict check of a vote compared, and what it found."""
    if not check:
        return "not recorded"
    had = "; ".join(f"{name} ({', '.join(parts)})" for name, parts in check.get("lineage", {}).items())
    found = check.get("found", "")
    told = "no conflict: none of the people of the model" if found == "none of these" else f"found as {found}"
    lead = f"; lead validator {check['lead_validator']}" if check.get("lead_validator") else ""
    return f"{told}. Compared with {had}{lead}."


@register.filter
def refused(steps):
    """Of the steps that the state allows, those that this person may not take."""
    return [one for one in steps if one.refusal]


@register.inclusion_tag("ui/pager.html")
def pager(page):
    return {"page": page}


@register.inclusion_tag("ui/breadcrumb.html")
def breadcrumb(*crumbs):
    """breadcrumb "Models" url "Income" url "v3": pairs of text and address, the last without one."""
    pairs = [(crumbs[i], crumbs[i + 1] if i + 1 < len(crumbs) else "") for i in range(0, len(crumbs), 2)]
    return {"pairs": pairs}


# --- forms --------------------------------------------------------------------------------------
@register.inclusion_tag("ui/field.html")
def field(bound):
    """One form field: label, control, help and errors, tied together for screen readers."""
    return {"field": bound, "kind": bound.widget_type}


@register.inclusion_tag("ui/form_errors.html")
def form_errors(form):
    """What is wrong with the whole form, with the hint of the action that refused it."""
    return {"form": form, "problem": getattr(form, "problem", None)}


@register.inclusion_tag("ui/flash.html", takes_context=True)
def flash(context):
    request = context.get("request")
    return {"messages": get_messages(request) if request is not None else []}


@register.inclusion_tag("ui/nav.html", takes_context=True)
def nav(context):
    """The main navigation: only what exists and what this person may open."""
    request = context.get("request")
    user = getattr(request, "user", None)
    # An error page may be drawn before anybody is known, or because the database does not answer.
    if user is None or context.get("status") == 500 or not user.is_authenticated:
        return {"items": [], "end": []}
    from modelrisk.pages import waiting  # the pages use these tags themselves

    area = getattr(request.resolver_match, "url_name", "") or ""
    in_audit = request.path.startswith(reverse("audit"))
    items = [
        _item(
            "Inbox", "inbox", area in ("inbox", "review"), count=min(waiting.actable(waiting.of_request(request)), 99)
        ),
        _item(
            "Models",
            "models",
            area.startswith(MODEL_PAGES),
        ),
        _item("Datasets", "datasets", area.startswith("dataset")),
        _item("Findings", "findings", not in_audit and area.startswith(("finding", "condition", "exception"))),
        _item("Policies", "policies", area.startswith("polic") or area in ("methodology", "regulation", "clause")),
    ]
    if access.sees_everything(user):  # the whole log is for those who see every model
        items.append(_item("Audit", "audit", in_audit or area.startswith(AUDIT_PAGES)))
    bell = min(Notification.objects.visible_to(user).unread()[:100].count(), 99)
    end = [
        _item("Notifications", "notifications", area.startswith("notification"), count=bell),
        _item("People", "people", area.startswith(("people", "role"))),
        _item("API", "api:docs", False),
        _item(user.get_username(), "account", area == "account"),
    ]
    return {"items": [i for i in items if i], "end": [i for i in end if i], "user": user, "request": request}


def _item(text: str, name: str, current: bool, count: int = 0) -> dict | None:
    try:
        return {"text": text, "url": reverse(name), "current": current, "count": count}
    except NoReverseMatch:
        return None  # a page that this installation does not have
