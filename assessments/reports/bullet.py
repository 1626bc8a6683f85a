"""The bullet bar: a measure and its interval on a scale that shows where the policy's limits lie. Plain SVG."""

from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from assessments.reports import wording

WIDTH, HEIGHT, BAR = 180, 16, 6
ZONES = {"fail": "#f8d3cf", "warn": "#fbe7b2", "pass": "#cfeadd"}


def bullet(verdict: dict[str, Any]) -> SafeString:
    """An empty string where there is no value or no limit."""
    if verdict["value"] is None or (verdict["fail"] is None and verdict["warn"] is None):
        return mark_safe("")
    low, high = scale(verdict)
    ends = [x for x in (verdict["ci"] or []) if x is not None]

    def at(value: float) -> float:
        return round(WIDTH * min(max((value - low) / (high - low), 0.0), 1.0), 1)

    parts = [
        f'<rect x="{at(start)}" y="{(HEIGHT - BAR) / 2:g}" width="{max(at(end) - at(start), 0):.1f}" height="{BAR}"'
        f' fill="{ZONES[zone]}"/>'
        for zone, start, end in zones(verdict, low, high)
    ]
    if len(ends) == 2:
        parts.append(
            f'<rect x="{at(min(ends))}" y="{HEIGHT / 2 - 1:g}" width="{max(at(max(ends)) - at(min(ends)), 1):.1f}"'
            f' height="2" fill="#1c2430"/>'
        )
    parts.append(f'<circle cx="{at(verdict["value"])}" cy="{HEIGHT / 2:g}" r="4" fill="#1c2430"/>')
    label = f"{verdict['title']}: {wording.number(verdict['value'])} {wording.interval(verdict['ci'])}, "
    label += f"limit {wording.limit(verdict) or 'none'}"
    return mark_safe(  # noqa: S308 - numbers of ours; the label is escaped
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="-4 0 {WIDTH + 8} {HEIGHT}" role="img"'
        f' aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def scale(verdict: dict[str, Any]) -> tuple[float, float]:
    """From 0 to 1, or to a quarter more than the largest number shown where all are far below 1 or some above."""
    shown = [verdict["value"], verdict["warn"], verdict["fail"], *(verdict["ci"] or [])]
    shown = [x for x in shown if x is not None]
    largest, smallest = max(shown), min(shown)
    high = 1.0 if 0.25 < largest <= 1 else largest * 1.25 or 1.0
    return min(0.0, smallest * 1.25), high


def zones(verdict: dict[str, Any], low: float, high: float) -> list[tuple[str, float, float]]:
    """(zone, from, to) from left to right."""
    higher = verdict["better"] == "higher"
    fail = verdict["fail"] if verdict["fail"] is not None else (low if higher else high)
    warn = verdict["warn"] if verdict["warn"] is not None else fail
    if higher:
        return [("fail", low, fail), ("warn", fail, warn), ("pass", warn, high)]
    return [("pass", low, warn), ("warn", warn, fail), ("fail", fail, high)]
