"""Pictures made of numbers."""

import hashlib
import json

from django import template

from modelrisk import numerals

register = template.Library()


@register.inclusion_tag("ui/delta.html")
def delta(before, after):
    """How a verdict's value changed, and whether that is for the better, for the worse, or within both intervals."""
    return numerals.change(before, after)


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


@register.inclusion_tag("ui/edits.html")
def edits(table: dict):
    """Rows and the changes that turn a decision: [row, changes, answer before → after, sentence, price]."""
    return table


@register.inclusion_tag("ui/progress.html")
def progress(assessment):
    """How far an assessment is; `assessment.finished_tests` is annotated by the page."""
    return {"assessment": assessment, "of": len(assessment.planned_tests)}
