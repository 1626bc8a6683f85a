"""docs/attacks.md from a matrix and the catalogue, and the matrix back from it."""

import re
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

from assessments.battery import spec
from tests.matrix.cells import SMALL, Cell, Matrix, Place, names
from tests.matrix.families import CLASSIFIERS, FORMS, NUMBER, REGRESSORS, TASKS

FILE = Path(__file__).parents[2] / "docs" / "attacks.md"
DONE = "●"
NOT = "–"
FAULT = "✗"
STATUSES = ("done", "not_applicable", "error")
CELL = re.compile(rf"({DONE}|{NOT}|{FAULT})(?:<sup>(\d+)</sup>)?")


class Kind(NamedTuple):
    """What a test is, for the reader of the page. needs: what it must be able to do with the model."""

    what: str
    needs: str


DECISIONS = "Answers only"
SCORES = "Answers with scores (`predict_proba` or `decision_function`), or predicted numbers"
GRADIENT = "The parameters: a gradient by formula (linear, support vectors, perceptron, Gaussian naive Bayes)"
KINDS = {
    "bad_inputs": Kind("Abuse", DECISIONS),
    "boundary": Kind("ART, decisions", DECISIONS),
    "carlini_l2": Kind("ART, gradient", GRADIENT),
    "carlini_linf": Kind("ART, gradient", GRADIENT),
    "certificate": Kind("Proof", "The parameters of a linear model, or the trees"),
    "data_errors": Kind("Abuse", DECISIONS),
    "decision_tree": Kind("ART, trees", "The tree"),
    "deepfool": Kind("ART, gradient", GRADIENT),
    "elastic_net": Kind("ART, gradient", GRADIENT),
    "extraction": Kind("Theft", "Answers, and scores where there are any"),
    "fast_gradient": Kind("ART, gradient", GRADIENT),
    "feasible_edits": Kind("Ours", "Answers only; scores make it faster"),
    "hidden_trigger": Kind("Search for a backdoor", "Answers only; the training data widens the search"),
    "hopskipjump": Kind("Ours, in lock step", DECISIONS),
    "low_profool": Kind("ART, gradient", GRADIENT),
    "missing_values": Kind("Noise", DECISIONS),
    "newton_fool": Kind("ART, gradient", GRADIENT),
    "noise": Kind("Noise", DECISIONS),
    "poisoning": Kind("Poison", "The training data, and a model that can be trained again"),
    "projected_gradient": Kind("ART, gradient", GRADIENT),
    "saliency_map": Kind("ART, gradient", GRADIENT),
    "sign_opt": Kind("ART, decisions", DECISIONS),
    "square": Kind("Ours, after its paper", SCORES),
    "worst_case": Kind("Several attacks", "What each of its attacks needs; those that do not apply are named"),
    "zoo": Kind("ART, scores", SCORES),
}

TOP = """# Attacks, noise and abuse: what runs on what

This page is generated: `python -m tests.matrix` runs every robustness test of the catalogue on every family of models
and writes what came out (after a change to one test `--tests its_name`; where only words changed `--words`). A test
compares the page with the catalogue at every change, and a long one runs the whole matrix again and compares each cell.

## What was measured

- **{tests} tests × {families} families × {forms} forms × {tasks} tasks = {cells} cells**: {done} done,
  {not_applicable} not applicable, {error} ended in an error. The versions are those of `requirements-dev.lock`.
- **Data**: made-up rows with a real number, a whole number that may only rise, a text column, and a sensitive age and
  region that stay as they are. Labels are text. Models are asked about rows that they were not trained on; the training
  rows are known.
- **bare**: the estimator by itself, on the number columns. HistGradientBoosting, XGBoost and LightGBM are trained on
  the text columns too, as categories of their own, and HistGradientBoosting on missing values as well.
- **pipeline**: the estimator behind a scaler and a coder of the text columns, asked about tables with text.
  HistGradientBoosting has its categories and missing values here too.
- XGBoost and LightGBM are trained on classes 0, 1, …, as XGBoost asks; the table holds their names.
- **Budgets** are the least that exercise a test, so that the matrix takes minutes: this page says what runs, not how
  robust a family is.
- **Done** means that the battery ended the test with at least one measure, every measure is declared, finite and within
  its interval.

## What the signs mean

`{DONE}` done · `{NOT}` not applicable, with the reason below · `{DONE} / {NOT}` bare / in a pipeline, if they differ.

**Not applicable is never a pass.** A report shows the reason, and the verdict of its criterion is *not applicable*.
An attack that finds nothing proves nothing either: only a certificate does.
"""


def render(found: Matrix) -> str:
    """The page."""
    reasons: list[str] = []
    tables = "".join(_table(found, task, reasons) for task in TASKS)
    notes = "\n".join(f"{at}. {reason}" for at, reason in enumerate(reasons, 1))
    return "".join([_top(found), "\n## The matrix\n", _families(), tables, f"\n## Reasons\n\n{notes}\n", _tests()])


def _top(found: Matrix) -> str:
    counts = {status: sum(cell.status == status for cell in found.values()) for status in STATUSES}
    return TOP.format(
        **counts,
        tests=len({name for _, name in found}),
        families=len({place.family for place, _ in found}),
        forms=len({place.form for place, _ in found}),
        tasks=len({place.task for place, _ in found}),
        cells=len(found),
        DONE=DONE,
        NOT=NOT,
    )


def _families() -> str:
    lines = ["", "| Column | Classifier | Model of numbers |", "|---|---|---|"]
    for family in CLASSIFIERS:
        both = (type(models[family]()).__name__ for models in (CLASSIFIERS, REGRESSORS))
        lines.append(f"| {family} | " + " | ".join(both) + " |")
    return "\n".join([*lines, ""])


def _table(found: Matrix, task: str, reasons: list[str]) -> str:
    families = list(CLASSIFIERS)
    title = f"Models that predict {task}" if task == NUMBER else f"Models of {task}"
    lines = ["", f"### {title}", "", "| Test | " + " | ".join(families) + " |", "|---" * (len(families) + 1) + "|"]
    for name in names():
        marks = (_mark([found[Place(task, family, form), name] for form in FORMS], reasons) for family in families)
        lines.append(f"| {name} | " + " | ".join(marks) + " |")
    return "\n".join([*lines, ""])


def _mark(pair: list[Cell], reasons: list[str]) -> str:
    signs = [_sign(cell, reasons) for cell in pair]
    return signs[0] if len(set(signs)) == 1 else " / ".join(signs)


def _sign(cell: Cell, reasons: list[str]) -> str:
    if cell.status == "done":
        return DONE
    if cell.reason not in reasons:
        reasons.append(cell.reason)
    return f"{NOT if cell.status == 'not_applicable' else FAULT}<sup>{reasons.index(cell.reason) + 1}</sup>"


def _tests() -> str:
    lines = ["", "## The tests", "", SHARED, ""]
    for name in names():
        lines += _about(spec.discover()[f"robustness.{name}"], KINDS[name])
    return "\n".join(lines)


SHARED = """Every test takes random numbers from its own generator, made of the plan's seed and its name: the same plan
gives the same measures, in any order of tests and with any number of workers or threads. Every row that an attack
reports is asked of the model itself once more, as a row of the table, and checked to be legal: what a person could
change, within its bounds and direction, whole where it is whole, of the categories that the data holds."""


def _about(test: spec.BatteryTest, kind: Kind) -> list[str]:
    question, what = (" ".join(part.split()) for part in test.asks.split("\n\n")[:2])
    name = test.id.split(".")[1]
    lines = [f"### {name}: {test.title}", "", f"**{question}**", "", fill(what, 120), ""]
    lines += [f"- Kind: {kind.what}. Needs: {kind.needs}.", f"- Runs in: {', '.join(test.plans)}.", ""]
    lines += ["| Parameter | quick | standard | thorough | in the matrix |", "|---|--:|--:|--:|--:|"]
    for param in test.params:
        plans = [_plain(param.for_plan(plan)) for plan in spec.PLANS]
        small = "none" if param.id == "seconds" else _plain(SMALL[name].get(param.id, param.for_plan("quick")))
        lines.append(f"| {param.title} (`{param.id}`) | " + " | ".join([*plans, small]) + " |")
    return [*lines, ""]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def read(text: str) -> Matrix:
    """The matrix that a page shows; the families and tests are those of its own tables."""
    body = text.split("\n## The matrix\n")[1]
    tables, rest = body.split("\n## Reasons\n")
    reasons = dict(re.findall(r"^(\d+)\. (.+)$", rest.split("\n## ")[0], re.MULTILINE))
    found: Matrix = {}
    for task, part in zip(TASKS, tables.split("\n### ")[1:], strict=True):
        heading, _, *rows = [line for line in part.splitlines() if line.startswith("|")]
        for row in rows:
            name, *marks = (cell.strip() for cell in row.strip("|").split("|"))
            for family, mark in zip((cell.strip() for cell in heading.strip("|").split("|")[1:]), marks, strict=False):
                for form, cell in zip(FORMS, _cells(mark, reasons), strict=True):
                    found[Place(task, family, form), name] = cell
    return found


def _cells(mark: str, reasons: dict[str, str]) -> list[Cell]:
    status = {DONE: "done", NOT: "not_applicable", FAULT: "error"}
    cells = [Cell(status[sign], reasons[note] if note else "") for sign, note in CELL.findall(mark)]
    return cells * len(FORMS) if len(cells) == 1 else cells
