"""results.json -> one HTML file that needs nothing else: style and charts inside, no script, readable offline."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from django.template import Context, Engine
from django.utils.safestring import mark_safe

from assessments import judging, results, selftesting
from assessments.battery.spec import FAMILIES
from assessments.explanations import mark
from assessments.reports import wording
from assessments.reports.bullet import bullet

HERE = Path(__file__).parent
ATTENTION = ("fail", "error", "inconclusive", "warn")
SUMMARY = {
    "fail": "Not within policy",
    "error": "Not fully measured",
    "inconclusive": "Not settled",
    "warn": "Within policy, watch",
    "pass": "Within policy",
    "not_applicable": "Nothing judged",
}


def html(found: dict[str, Any], *, drawn: dict[str, str], title: str, catalogue: dict[str, Any]) -> str:
    """found: results.json. drawn: SVG by chart id, drawn by us. catalogue: the entries that it ran with."""
    style = (HERE / "report.css").read_text(encoding="utf-8")
    engine = Engine(dirs=[str(HERE)], autoescape=True)
    verdicts = [shown_verdict(verdict) for verdict in found["verdicts"]]
    context = {
        "title": title,
        "style": mark_safe(style),  # noqa: S308 - our own file
        # Whatever a name in the data may hold, nothing but this style sheet can act.
        "style_digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "results": found,
        "digest": results.digest(found),
        "worst": (worst := judging.worst(found["verdicts"])),
        "summary": SUMMARY[worst],
        "counts": shown_counts(found["verdicts"]),
        "selftest": selftesting.sentence(found["environment"].get("battery_selftest")),
        "selftest_failed": found["environment"].get("battery_selftest", {}).get("state") == "failed",
        "comparisons": wording.comparisons(found.get("comparisons")),
        "judged": sum(verdict["verdict"] != "not_applicable" for verdict in found["verdicts"]),
        "strip": [family_card(family, found) for family in FAMILIES],
        "attention": [verdict for verdict in verdicts if verdict["verdict"] in ATTENTION],
        "rest": [verdict for verdict in verdicts if verdict["verdict"] not in ATTENTION],
        "families": [shown for family in FAMILIES if (shown := family_section(family, found, drawn, catalogue))],
        "subject": facts(found["subject"]),
        "environment": facts(found["environment"]),
        "columns": found["plan"]["columns"],
    }
    return engine.get_template("report.html").render(Context(context))


def shown_counts(verdicts: list[dict[str, Any]]) -> str:
    # No-break spaces: a count stays with its word.
    return " · ".join(f"{n} {wording.word(word)}".replace(" ", "\u00a0") for word, n in wording.counts(verdicts))


def shown_verdict(verdict: dict[str, Any]) -> dict[str, Any]:
    return {
        **verdict,
        "glyph": wording.GLYPHS[verdict["verdict"]],
        "word": wording.word(verdict["verdict"]),
        "group": wording.group(verdict["group"]),
        "measured": wording.number(verdict["value"]),
        "interval": wording.interval(verdict["ci"]),
        "limit": wording.limit(verdict),
        "bar": bullet(verdict),
    }


def family_card(family: str, found: dict[str, Any]) -> dict[str, Any]:
    """The family's box in the strip: its worst word and how many of each."""
    of_family = [verdict for verdict in found["verdicts"] if verdict["family"] == family]
    word = judging.worst(of_family)
    judged = [verdict for verdict in of_family if verdict["verdict"] == word]
    return {
        "family": family.capitalize(),
        "word": wording.word(word),
        "verdict": word,
        "glyph": wording.GLYPHS[word],
        "headline": shown_verdict(judged[0]) if judged else None,
        "counts": shown_counts(of_family) or "no criterion",
    }


def family_section(
    family: str, found: dict[str, Any], drawn: dict[str, str], catalogue: dict[str, Any]
) -> dict[str, Any] | None:
    tests = [
        {**shown_test(entry, drawn, catalogue[entry["id"]]), "mark": mark(found["verdicts"], catalogue[entry["id"]])}
        for entry in found["tests"]
        if entry["family"] == family
    ]
    return {"name": family.capitalize(), "tests": tests} if tests else None


def shown_test(entry: dict[str, Any], drawn: dict[str, str], declared: dict[str, Any]) -> dict[str, Any]:
    titles = wording.metric_titles(declared)
    measures = [
        {
            "title": titles.get(measure["metric"], measure["metric"]),
            "metric": measure["metric"],
            "group": wording.group(measure["group"]),
            "value": wording.number(measure["value"], measure["unit"]),
            "interval": wording.interval(measure["ci"], measure["unit"]),
            "n": f"{measure['n']:,}",
            "small": measure["small"],
            "unit": "" if measure["unit"] == "ratio" else measure["unit"],
        }
        for measure in entry["measures"]
    ]
    pictures = [
        {**chart, "svg": mark_safe(drawn[chart["id"]]) if chart["id"] in drawn else ""}  # noqa: S308 - drawn by us
        for chart in entry["charts"]
    ]
    return {
        **entry,
        "word": wording.word(entry["status"]),
        "queries": f"{entry['queries']:,}",
        "measures": measures,
        "charts": pictures,
        "asks": declared["asks"].split("\n\n"),
        "controls": declared["controls"],
        "params": facts(entry["params"]),
        "tables": [shown_table(table) for table in entry["tables"]],
    }


def shown_table(table: dict[str, Any]) -> dict[str, Any]:
    """Numbers as people read them. edits: the rows of a table that tells changes (see tells_changes), else nothing."""
    rows = [[shown_cell(cell) for cell in row] for row in table["rows"]]
    return {**table, "rows": rows, "edits": rows if tells_changes(table) else []}


def shown_cell(cell: Any) -> Any:
    return wording.number(cell) if isinstance(cell, float) else cell


def tells_changes(table: dict[str, Any]) -> bool:
    """Whether a table shows rows before and after a change: [row, changes, answer, sentence, price]."""
    rows = table["rows"]
    return bool(rows) and all(len(row) == 5 and isinstance(row[1], list) for row in rows)


def facts(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """(name, text) of each value that is there, nested names joined by dots."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += facts(value, f"{prefix}{name}.")
        elif text := said(value):
            found.append((prefix + name, text))
    return found


def said(value: Any) -> str:
    """A value of JSON in one line: lists by commas, objects by their values."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(said(item) for item in value)
    if isinstance(value, dict):
        return " ".join(said(item) for item in value.values())
    return str(value)
