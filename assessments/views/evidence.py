"""What a finished assessment shows: a section for each family, and a page for each test with every measure."""

import re
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from assessments.battery.spec import FAMILIES
from assessments.explanations import mark
from assessments.models import Assessment, Chart, Measure, TestResult, Verdict
from assessments.reports import wording
from assessments.reports.report import tells_changes

ADVICE = "What to do: "  # what the last paragraph of a test's docstring opens with


@dataclass(frozen=True)
class Grid:
    """Measures of groups, a row a group and a column a metric."""

    title: str
    metrics: list[str]
    rows: list[tuple[str, list[Measure | None], bool]]


@dataclass(frozen=True)
class Line:
    """One test among those of its family: what it asks and what the policy says of it."""

    result: TestResult
    question: str
    counts: dict[str, int]


@dataclass(frozen=True)
class FamilySection:
    family: str
    title: str
    note: str
    figures: list[Chart | dict]  # what the tests put first; charts and tables that tell changes
    tests: list[Line]


@dataclass(frozen=True)
class Page:
    """Everything one test found, ready for its page."""

    result: TestResult
    question: str
    asks: str  # the rest of what it says of itself
    advice: str  # what to do about it
    reading: list[str]  # its verdicts in sentences
    controls: list[str]
    figures: list[Chart | dict] = field(default_factory=list)
    overall: list[tuple[str, Measure]] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    tables: list[dict] = field(default_factory=list)


def sections(assessment: Assessment, results: list[TestResult], verdicts: list[Verdict]) -> list[FamilySection]:
    entries = entries_of(assessment)
    return [
        _family(family, [result for result in results if result.family == family], entries, verdicts)
        for family in FAMILIES
        if any(result.family == family for result in results)
    ]


def page_of(assessment: Assessment, result: TestResult, verdicts: list[Verdict]) -> Page:
    """verdicts: all of the assessment."""
    entries = entries_of(assessment)
    entry = entries.get(result.test, {})
    own = {metric["id"]: metric["title"] for metric in entry.get("metrics", [])}
    titles = metric_titles(entries) | own  # another test may measure the same and call it otherwise
    measures = list(result.measures.all())
    question, asks, advice = said_of_itself(entry)
    return Page(
        result,
        question,
        asks,
        advice,
        wording.reading(Counter(verdict.verdict for verdict in verdicts if verdict.test == result.test)),
        entry.get("controls", []),
        _marked(_figures(result, list(result.charts.all())), entry, verdicts),
        overall=[(titles.get(m.metric, m.metric), m) for m in measures if not m.group],
        grids=_grids([m for m in measures if m.group], titles),
        tables=[table for table in result.tables if not tells_changes(table)],
    )


def neighbours(results: list[TestResult], test: str) -> dict[str, TestResult | None]:
    """The tests before and after one, in the order of the assessment."""
    place = [result.test for result in results].index(test)
    return {
        "before": results[place - 1] if place else None,
        "after": results[place + 1] if place + 1 < len(results) else None,
    }


def entries_of(assessment: Assessment) -> dict[str, dict]:
    """The catalogue entries that the assessment ran with, by id."""
    stored = assessment.catalogue
    return stored if isinstance(stored, dict) else {entry["id"]: entry for entry in stored}


def metric_titles(entries: dict[str, dict]) -> dict[str, str]:
    return {metric["id"]: metric["title"] for entry in entries.values() for metric in entry["metrics"]}


def _family(family: str, results: list[TestResult], entries: dict[str, dict], verdicts: list[Verdict]) -> FamilySection:
    queries = sum(result.queries for result in results)
    note = f"{len(results)} test{'s' * (len(results) != 1)}"
    if queries:
        note += f" · {short_count(queries)} model queries"
    figures = [
        figure
        for result, entry in ((result, entries.get(result.test, {})) for result in results)
        for figure in _marked(_figures(result, _headline(result, entry)), entry, verdicts)
    ]
    ordered = sorted(results, key=lambda result: result.status == TestResult.Status.NOT_APPLICABLE)
    tests = [_line(result, entries.get(result.test, {}), verdicts) for result in ordered]
    return FamilySection(family, family.capitalize(), note, figures, tests)


def _line(result: TestResult, entry: dict, verdicts: list[Verdict]) -> Line:
    counts = Counter(verdict.verdict for verdict in verdicts if verdict.test == result.test)
    return Line(result, said_of_itself(entry)[0], dict(counts))


def said_of_itself(entry: dict) -> tuple[str, str, str]:
    """The question that a test opens with, how it is measured, and what to do; metrics by their titles."""
    question, *rest = entry.get("asks", "").split("\n\n")
    advice = rest.pop().removeprefix(ADVICE) if rest and rest[-1].startswith(ADVICE) else ""
    titles = {metric["id"]: metric["title"] for metric in entry.get("metrics", [])}
    return " ".join(question.split()), _with_titles("\n\n".join(rest), titles), advice[:1].upper() + advice[1:]


def _with_titles(asks: str, titles: dict[str, str]) -> str:
    """Metrics by their titles, as they stand in the tables; an id that is also a word only where it is defined."""
    for metric, title in titles.items():
        ending = "" if "_" in metric else "(?=:)"
        asks = re.sub(rf"\b{re.escape(metric)}\b{ending}", lambda _, title=title: f"“{title}”", asks)
    return asks


def _headline(result: TestResult, entry: dict) -> list[Chart]:
    """The charts that the test puts first; all of them for evidence from before tests said so."""
    charts = list(result.charts.all())
    if "headline" not in entry:
        return charts
    return [chart for chart in charts if any(fnmatchcase(chart.chart_id, name) for name in entry["headline"])]


def _figures(result: TestResult, charts: list[Chart]) -> list[Chart | dict]:
    """Charts of a test; what it tells of changes stands beside the first."""
    if not charts and result.charts.all():
        return []
    return [*charts[:1], *(table for table in result.tables if tells_changes(table)), *charts[1:]]


def _marked(figures: list[Chart | dict], entry: dict, verdicts: list[Verdict]) -> list[Chart | dict]:
    """The same, with what speaks against an explanation on its charts."""
    found = [{"test": v.test, "metric": v.metric, "title": v.title, "verdict": v.verdict} for v in verdicts]
    said = mark(found, entry)
    for figure in figures:
        if said and isinstance(figure, Chart):
            figure.mark = said
    return figures


def short_count(n: int) -> str:
    """1.6 M, 24 k, 300"""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if n >= size:
            return f"{n / size:.1f}".removesuffix(".0") + f" {letter}"
    return str(n)


def _grids(measures: list[Measure], titles: dict[str, str]) -> list[Grid]:
    """A grid for each set of grouping columns that has values, and one for what compares its groups: side by side in
    one they would leave each other's columns empty."""
    by_columns: dict[tuple[tuple[str, ...], bool], list[Measure]] = {}
    for measure in measures:
        compares = any(str(value).startswith("*") for value in measure.group.values())
        by_columns.setdefault((tuple(measure.group), compares), []).append(measure)
    return [_grid(_title(columns, compares), found, titles) for (columns, compares), found in by_columns.items()]


def _title(columns: tuple[str, ...], compares: bool) -> str:
    return ", ".join((*columns, "groups compared") if compares else columns)


def _grid(title: str, measures: list[Measure], titles: dict[str, str]) -> Grid:
    metrics = list(dict.fromkeys(m.metric for m in measures))
    rows: dict[tuple[str, ...], dict[str, Measure]] = {}
    for measure in measures:
        rows.setdefault(tuple(str(v) for v in measure.group.values()), {})[measure.metric] = measure
    return Grid(
        title=title,
        metrics=[titles.get(metric, metric) for metric in metrics],
        rows=[
            (
                " · ".join(_group_name(value) for value in values),
                [found.get(metric) for metric in metrics],
                any(m.small for m in found.values()),
            )
            for values, found in rows.items()
        ],
    )


def _group_name(value: str) -> str:
    """A star stands for the comparison of the groups of a column."""
    return f"between groups {value[1:].strip()}".rstrip() if value.startswith("*") else value
