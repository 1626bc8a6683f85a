"""Pills: glyph and word for how something stands, never colour alone."""

from django import template
from django.utils.formats import date_format

register = template.Library()
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


@register.inclusion_tag("ui/verdict.html")
def waiver_state(waiver):
    look, glyph = WAIVERS[waiver.state]
    return {"look": look, "glyph": glyph, "text": waiver.get_state_display(), "n": None, "bare": False}


@register.inclusion_tag("ui/verdict.html")
def standing(row):
    """How a condition or an exception stands, as a pill."""
    look, glyph = STANDINGS.get(row.state, ("neutral", "–"))
    return {"look": look, "glyph": glyph, "text": row.get_state_display(), "n": None, "bare": False}
