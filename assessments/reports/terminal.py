"""What `manage.py assess` shows: a progress bar while it runs, a table at the end."""

from typing import IO, Any

from tqdm import tqdm

from assessments import selftesting
from assessments.reports import wording

EXPLAINED = ("error", "inconclusive", "not_applicable")  # verdicts whose numbers do not say why


class Progress:
    """A bar on a terminal; elsewhere a line a test. Call it as local_run.assess tells."""

    def __init__(self, plan: dict[str, Any], stream: IO[str]) -> None:
        self.tests = [test["id"] for test in plan["tests"]]
        self.stream = stream
        self.bar = tqdm(total=float(len(self.tests)), file=stream, disable=None, leave=False, bar_format=(
            "{desc:32.32} {percentage:3.0f}% |{bar:24}| {elapsed}"
        ))  # fmt: skip
        self.bar.set_description_str("reading model and data")
        self.finished = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, test: str, done: int, of: int, entry: dict[str, Any] | None) -> None:
        if entry is not None:
            self.finished += 1
            done = 0
            if self.bar.disable:
                self.stream.write(f"{test}: {wording.word(entry['status'])}\n")
                self.stream.flush()
        self.bar.set_description_str(test)
        self.bar.n = min(self.finished + done / max(of, 1), len(self.tests))
        self.bar.refresh()


def table(results: dict[str, Any], catalogue: dict[str, Any], *, title: str) -> str:
    """Verdicts worst first, then the measures that are not about one group."""
    lines = [title, "", *_verdict_lines(results), "", *_measure_lines(results, catalogue)]
    return "\n".join(lines)


def _verdict_lines(results: dict[str, Any]) -> list[str]:
    verdicts, policy = results["verdicts"], results["policy"]
    told = " · ".join(f"{n} {wording.word(word)}" for word, n in wording.counts(verdicts))
    lines = [f"Verdicts, {policy['name']} version {policy['version']}: {told}"]
    not_run = [v for v in verdicts if v["reason"].startswith("Not measured: ")]
    told_of = [v for v in verdicts if v not in not_run]
    rows = [
        [
            f"{wording.GLYPHS[v['verdict']]} {wording.word(v['verdict'])}",
            f"{v['title']}, {wording.group(v['group'])}" if v["group"] else v["title"],
            f"{wording.number(v['value'])} {wording.interval(v['ci'])}".strip(),
            wording.limit(v),
        ]
        for v in told_of
    ]
    for verdict, line in zip(told_of, aligned(rows), strict=True):
        lines.append(line)
        if verdict["verdict"] in EXPLAINED:
            lines.append(f"      {verdict['reason']}")
    if not_run:
        lines.append(f"  {len(not_run)} criteria of the policy are about tests that were not run.")
    if said := selftesting.sentence(results["environment"].get("battery_selftest")):
        lines.append(f"  {said}")
    if said := wording.comparisons(results.get("comparisons")):
        lines.append(f"  {said}")
    return lines


def _measure_lines(results: dict[str, Any], catalogue: dict[str, Any]) -> list[str]:
    lines = []
    for entry in results["tests"]:
        ended = f"{wording.word(entry['status'])}, {entry['seconds']:.1f} s, {entry['queries']:,} model queries"
        lines.append(f"{entry['id']}: {ended}")
        if entry["reason"]:
            lines.append(f"  {entry['reason']} {entry['hint']}".rstrip())
        titles = wording.metric_titles(catalogue[entry["id"]])
        rows = []
        for measure in entry["measures"]:
            about = wording.group(measure["group"])
            # A group's own rates fill pages: they are in the report.
            if about and not any(measure["metric"] == v["metric"] for v in results["verdicts"]):
                continue
            name = titles.get(measure["metric"], measure["metric"]) + (f", {about}" if about else "")
            rows.append(
                [
                    name,
                    wording.number(measure["value"], measure["unit"]),
                    wording.interval(measure["ci"], measure["unit"]),
                    f"n={measure['n']:,}",
                ]
            )
        lines += [*aligned(rows), ""]
    return lines


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows of text as lines of columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return [f"  {'  '.join(row)}".rstrip() for row in cells]
