"""The sections of a finished assessment: a family each, with its charts and every measure as tables."""

from dataclasses import dataclass, field

from assessments.battery.spec import FAMILIES
from assessments.models import Assessment, Chart, Measure, TestResult
from assessments.reports.report import tells_changes


@dataclass(frozen=True)
class Grid:
    """Measures of groups, a row a group and a column a metric."""

    title: str
    metrics: list[str]
    rows: list[tuple[str, list[Measure | None], bool]]


@dataclass(frozen=True)
class TestSection:
    """What one test found, ready for the page."""

    __test__ = False

    result: TestResult
    asks: str
    overall: list[tuple[str, Measure]] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    tables: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class FamilySection:
    family: str
    title: str
    note: str
    figures: list[Chart | dict]  # charts and tables that tell changes, in the order of the page
    tests: list[TestSection]


def sections(assessment: Assessment, results: list[TestResult]) -> list[FamilySection]:
    entries = entries_of(assessment)
    return [
        _family(family, [result for result in results if result.family == family], entries)
        for family in FAMILIES
        if any(result.family == family for result in results)
    ]


def entries_of(assessment: Assessment) -> dict[str, dict]:
    """The catalogue entries that the assessment ran with, by id."""
    stored = assessment.catalogue
    return stored if isinstance(stored, dict) else {entry["id"]: entry for entry in stored}


def metric_titles(entries: dict[str, dict]) -> dict[str, str]:
    return {metric["id"]: metric["title"] for entry in entries.values() for metric in entry["metrics"]}


def _family(family: str, results: list[TestResult], entries: dict[str, dict]) -> FamilySection:
    titles = metric_titles(entries)
    tests = [_test(result, entries.get(result.test, {}), titles) for result in results]
    queries = sum(result.queries for result in results)
    note = f"{len(results)} test{'s' * (len(results) != 1)}"
    if queries:
        note += f" · {short_count(queries)} model queries"
    figures = [figure for result in results for figure in _figures(result)]
    return FamilySection(family, family.capitalize(), note, figures, tests)


def _figures(result: TestResult) -> list[Chart | dict]:
    """The charts of a test; what it tells of changes stands beside the first."""
    charts = list(result.charts.all())
    return [*charts[:1], *(table for table in result.tables if tells_changes(table)), *charts[1:]]


def short_count(n: int) -> str:
    """1.6 M, 24 k, 300"""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if n >= size:
            return f"{n / size:.1f}".removesuffix(".0") + f" {letter}"
    return str(n)


def _test(result: TestResult, entry: dict, titles: dict[str, str]) -> TestSection:
    measures = list(result.measures.all())
    overall = [(titles.get(m.metric, m.metric), m) for m in measures if not m.group]
    grouped = [m for m in measures if m.group]
    tables = [table for table in result.tables if not tells_changes(table)]
    return TestSection(result, entry.get("asks", ""), overall, _grids(grouped, titles), tables)


def _grids(measures: list[Measure], titles: dict[str, str]) -> list[Grid]:
    """A grid for each set of grouping columns that has values; whole-column measures form one together."""
    by_columns: dict[tuple[str, ...], list[Measure]] = {}
    for measure in measures:
        by_columns.setdefault(tuple(measure.group), []).append(measure)
    return [_grid(columns, found, titles) for columns, found in by_columns.items()]


def _grid(columns: tuple[str, ...], measures: list[Measure], titles: dict[str, str]) -> Grid:
    metrics = list(dict.fromkeys(m.metric for m in measures))
    rows: dict[tuple[str, ...], dict[str, Measure]] = {}
    for measure in measures:
        rows.setdefault(tuple(str(v) for v in measure.group.values()), {})[measure.metric] = measure
    return Grid(
        title=", ".join(columns),
        metrics=[titles.get(metric, metric) for metric in metrics],
        rows=[
            (" · ".join(values), [found.get(metric) for metric in metrics], any(m.small for m in found.values()))
            for values, found in rows.items()
        ],
    )
