"""Values, times and names in words."""

import datetime
import json
import re

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timesince import timesince

from assessments.regulation import clauses
from modelrisk import numerals

register = template.Library()
for written in ["number", "percent", "in_unit", "interval", "count", "duration", "threshold", "limit", "cell", "plain"]:
    register.filter(written, getattr(numerals, written))

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")  # a time as the audit trail keeps it


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


@register.filter
def clause_title(key: str) -> str:
    return clauses.title_of(key)


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
