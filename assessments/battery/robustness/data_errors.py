"""How many decisions hang on one slip in one column?

Mistakes that happen in real data, made in one column at a time, in every row of a random sample: an amount in another
unit (10, 100 or 1,000 times too large), a lost or added minus sign, numbers rounded as people round them (heaped on a
step of about half a standard deviation), two number columns exchanged, and in text one typing error (letters exchanged,
left out, doubled, or in the other case). Nobody checks here whether the values are plausible; that is the point.

flip_rate: rows that get another decision, or a prediction that moves by at least `shift` times the model's root mean
squared error, on average over all slips; by kind of slip; by group of the sensitive columns. worst_column_flip_rate:
the same in the column where that kind of slip does most. refused_share: slips that the model refuses with an error
instead of answering. Intervals are over rows. What level is tolerable depends on the checks before the model, which
this test cannot see: the policy's limit is a convention, to watch and not to fail.

What to do: have the columns that many decisions hang on entered twice, compared with their source, or checked against
their range, before the model is asked.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.coder import Codes
from assessments.battery.robustness import _quality as q
from assessments.battery.spec import Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

UNITS = (10, 100, 1000)
SHOWN = 40
TYPOS: tuple[Callable[[str, int], str], ...] = (
    lambda text, at: text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
    lambda text, at: text[:at] + text[at + 1 :],
    lambda text, at: text[:at] + text[at : at + 1] + text[at:],
    lambda text, at: text.swapcase(),
)

Floats = NDArray[np.float64]
Slip = tuple[str, str, Codes]  # its kind, where, and the rows with it


@battery_test(
    title="Mistakes in the data",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 500, "Rows with the mistake", quick=200, thorough=2000, minimum=30, maximum=100_000),
        Param("shift", 1.0, "Regression: a move that counts, in root mean squared errors", minimum=0.0, maximum=100.0),
        Param("seconds", 60.0, "Wall-clock limit", quick=20.0, thorough=600.0, minimum=0.1, maximum=36_000.0),
    ],
    metrics=[
        Metric("flip_rate", "Answers that change with one mistake", better="lower"),
        Metric("worst_column_flip_rate", "Answers that change with the mistake in the worst column", better="lower"),
        Metric("refused_share", "Mistakes that the model refuses"),
    ],
    controls=[controls.EU_ROBUSTNESS, controls.PRA_TESTING, controls.OSFI_REVIEW, controls.NIST_VALIDITY],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    sample = q.Sample.draw(subject, params["rows"], rng, params["shift"])
    clock = q.Clock(params["seconds"])
    flips: dict[tuple[str, str], Floats] = {}
    losses: dict[tuple[str, str], float | None] = {}
    refused: dict[tuple[str, str], str] = {}
    clean = sample.grade(sample.told)
    for done, (kind, where, codes) in enumerate(slips(sample, rng)):
        progress(done, 8 * len(subject.features))
        if clock.over(f"{kind} in {where}"):
            continue
        told = q.asked_or_refused(subject, codes)
        if isinstance(told, str):
            refused[kind, where] = told
        else:
            flips[kind, where] = sample.flips(told).astype(float)
            losses[kind, where] = q.drop(clean, [sample.grade(told)])[0]
    if not flips and not refused:
        raise NotApplicable("The model is given no numbers that vary and no text: there is no slip to make.")
    tables = [slips_table(sample, flips, losses), *refusals_table(refused)]
    return Outcome(measures_of(sample, flips, refused), [], tables, clock.notes(params["seconds"]))


def slips(sample: q.Sample, rng: np.random.Generator) -> Iterator[Slip]:
    """Each kind of slip in each column where it changes anything."""
    names, codes = sample.subject.coder.names, sample.codes
    numbers = [at for at in q.number_columns(sample.subject) if np.isfinite(codes[:, at]).any()]
    spread = np.nanstd(q.source_codes(sample.subject), axis=0)
    made: list[tuple[str, str, int, Floats]] = []
    for at in numbers:
        values = codes[:, at]
        made += [(f"{factor} times too large", names[at], at, values * factor) for factor in UNITS]
        made.append(("sign changed", names[at], at, -values))
        step = heap(float(spread[at]))
        made.append(("rounded", names[at], at, np.rint(values / step) * step if step else values))
    made += [("typing error", names[at], at, typed(sample, at, rng)) for at in q.category_columns(sample.subject)]
    for kind, where, at, values in made:
        if not np.array_equal(values, codes[:, at], equal_nan=True):
            changed = codes.copy()
            changed[:, at] = values
            yield kind, where, changed
    for one, other in zip(numbers, numbers[1:], strict=False):
        changed = codes.copy()
        changed[:, [one, other]] = codes[:, [other, one]]
        if not np.array_equal(changed, codes, equal_nan=True):
            yield "two columns exchanged", f"{names[one]} and {names[other]}", changed


def heap(spread: float) -> float:
    """The step of 1, 2 or 5 times a power of ten that is nearest below half the spread; 0 without spread."""
    if not spread:
        return 0.0
    power = 10.0 ** np.floor(np.log10(spread / 2))
    return float(next(by * power for by in (5, 2, 1) if by * power <= spread / 2 or by == 1))


def typed(sample: q.Sample, at: int, rng: np.random.Generator) -> Floats:
    """The column's codes after one typing error in each text; other values stay."""
    coder = sample.subject.coder
    name = coder.names[at]
    values = sample.codes[:, at].copy()
    known = coder.categories.get(name, [])
    kinds, places = rng.integers(0, len(TYPOS), len(values)), rng.random(len(values))
    for row in np.flatnonzero(np.isfinite(values)) if known else []:
        text = known[int(values[row])]
        if isinstance(text, str) and len(text) > 1:
            wrong = TYPOS[kinds[row]](text, int(places[row] * (len(text) - 1)))
            values[row] = coder.register(name, wrong)
    return values


def measures_of(sample: q.Sample, flips: dict[tuple[str, str], Floats], refused: dict[Any, str]) -> list[Measure]:
    measures = []
    n = len(sample.rows)
    if flips:
        every = np.mean(list(flips.values()), axis=0)
        measures.append(Measure("flip_rate", *q.rate(every), n, better="lower"))
        measures += q.by_group(sample.subject, sample.rows, every, "flip_rate")
    for kind in dict.fromkeys(kind for kind, _ in flips):
        own = {where: shares for (name, where), shares in flips.items() if name == kind}
        worst = q.worst_of(own)
        mean = np.mean(list(own.values()), axis=0)
        measures.append(Measure("flip_rate", *q.rate(mean), n, {"mistake": kind}, better="lower"))
        group = {"mistake": kind, "column": worst}
        measures.append(Measure("worst_column_flip_rate", *q.rate(own[worst]), n, group, better="lower"))
    tried = len(flips) + len(refused)
    return [*measures, Measure("refused_share", len(refused) / tried, None, tried)]


def slips_table(
    sample: q.Sample, flips: dict[tuple[str, str], Floats], losses: dict[tuple[str, str], float | None]
) -> Table:
    rows: list[list[Any]] = []
    for kind, where in sorted(flips, key=lambda key: -flips[key].mean())[:SHOWN]:
        value, ci = q.rate(flips[kind, where])
        rows.append([kind, where, value, *(ci or (None, None)), losses[kind, where]])
    headings = ["Mistake", "Column", "Answers changed", "95 % low", "95 % high", f"Loss of {q.TITLES[sample.metric]}"]
    return Table("mistakes", "The mistakes that change most answers", headings, rows)


def refusals_table(refused: dict[tuple[str, str], str]) -> list[Table]:
    if not refused:
        return []
    rows: list[list[Any]] = [[kind, where, said] for (kind, where), said in refused.items()][:SHOWN]
    return [Table("refused_mistakes", "Mistakes that the model refuses", ["Mistake", "Column", "What it says"], rows)]
