"""Can somebody who asks the model tell whether a person was in its training data?

To have been in the data may itself be private: of patients, or of people who did not pay. Members are rows of the
training data, others are rows under test; rows that occur more than once in both together are left out, since of two
equal rows nobody can say which one was trained on. Attacks: right answers, whoever is decided rightly is a member
(Yeom et al. 2018), sees the decision only, as does steady under noise, whose decision stays right for noisy copies
(Choquette-Choo et al. 2021); confidence, the model's log odds of the true outcome, and learned, gradient boosting on
all that the model says (Shokri et al. 2017), see scores. The attack is trained on some rows, the strongest attack and
its threshold are chosen on others, and all numbers are of a third set that neither has seen.

membership_auc: 0.5 is guessing. membership_advantage: true-positive rate minus false-positive rate; 0 is guessing.
tpr_at_fpr_01 and tpr_at_fpr_001: members found where 1 % or 0.1 % of the others are accused (Carlini et al. 2022): an
attack that is right about few people, but sure, harms those; chance finds as many as it accuses. Values without a group
are of the chosen attack. without the model is the same learned attack on the columns and the outcome alone: above 0.5,
the two tables differ by themselves, and the other numbers are partly drift. membership_gain is the AUC beyond that. By
sensitive group: who is easier to find? train_test_gap: how much more often the model is right about members.

Intervals, 95 %: DeLong for AUC, Newcombe for the advantage, bootstrap of both kinds for the rates at few false alarms.
For a model of numbers confidence is the size of its error. Needs the training data.

What to do: where members can be told, being in the training data must not be a secret (a list of debtors, of patients),
or the model must be trained with less of it by heart: more regularisation, or differential privacy.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.data import _charts
from assessments.battery.privacy import _attacks as a
from assessments.battery.privacy._people import CHOOSE, SCORE, People
from assessments.battery.privacy._rates import advantage, curve, tpr_at
from assessments.battery.robustness import _quality as q
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

LOW_RATES = {"tpr_at_fpr_01": 0.01, "tpr_at_fpr_001": 0.001}
ALARMS = 5  # false alarms that a rate at few of them rests on, at least
SMALL = 30


@battery_test(
    title="Membership inference",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    plans=("standard", "thorough"),
    params=[
        Param("rows", 9000, "Training rows, and as many rows under test", quick=3000, thorough=30_000, minimum=200),
        Param("noisy_rows", 2000, "Rows whose noisy copies are asked about", quick=500, thorough=10_000, minimum=100),
        Param("copies", 10, "Noisy copies of each", quick=5, thorough=50, minimum=1, maximum=1000),
        Param("resamples", 1000, "Bootstrap resamples", quick=400, minimum=100, maximum=100_000),
    ],
    metrics=[
        Metric("membership_auc", "AUC of telling members from others", better="lower"),
        Metric("membership_advantage", "True-positive minus false-positive rate", better="lower"),
        Metric("tpr_at_fpr_01", "Members found at 1 % false alarms", better="lower"),
        Metric("tpr_at_fpr_001", "Members found at 0.1 % false alarms", better="lower"),
        Metric("membership_gain", "AUC beyond the attack without the model", better="lower"),
        Metric("train_test_gap", "Right answers on members beyond others", better="lower"),
    ],
    controls=[
        controls.EU_CYBERSECURITY,
        controls.NIST_PRIVACY,
        controls.NIST_MEMBERSHIP,
        controls.ATLAS_MEMBERSHIP,
        controls.OWASP_MEMBERSHIP,
        controls.GDPR_IMPACT_ASSESSMENT,
    ],
    charts=["membership_roc", "membership_attacks"],
    headline=("membership_roc",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    people = People.of(subject, params["rows"], rng)
    progress(1, 4)
    attacks = attacks_on(people, params, rng)
    progress(2, 4)
    chosen = max((each for each in attacks if full(each, people)), key=lambda each: each.promise)
    blind = a.trained(a.NO_MODEL, people, a.columns, rng)
    progress(3, 4)
    measures, notes = measures_of(people, chosen, [*attacks, blind], params, rng)
    measures += gain(chosen, blind) + by_group(chosen)
    notes = [*notes_of(people, chosen, blind), *notes]
    progress(4, 4)
    tables = [attacks_table([*attacks, blind], chosen)]
    return Outcome(measures, charts_of(chosen, [*attacks, blind], measures), tables, notes)


def attacks_on(people: People, params: dict[str, Any], rng: np.random.Generator) -> list[a.Attack]:
    """All attacks that the model's answers allow."""
    if people.subject.task == "regression":
        return [a.ranked(a.CONFIDENCE, people, a.confidence), a.trained(a.LEARNED, people, a.signals, rng)]
    attacks = [a.ranked(a.RIGHT, people, lambda some: some.right.astype(float))]
    few = some_of(people, params["noisy_rows"], rng)
    attacks.append(a.ranked(a.NOISE, few, lambda some: a.steadiness(some, params["copies"], rng)))
    if people.told.scores is not None:
        attacks.append(a.ranked(a.CONFIDENCE, people, a.confidence))
        attacks.append(a.trained(a.LEARNED, people, a.signals, rng))
    return attacks


def some_of(people: People, most: int, rng: np.random.Generator) -> People:
    """Fewer people: half of them to choose by, half to score, as many members as others where there are as many."""
    rows = []
    for part in (CHOOSE, SCORE):
        for member in (True, False):
            kept = np.flatnonzero((people.part == part) & (people.member == member))
            rows.append(rng.permutation(kept)[: most // 4])
    return people.take(np.sort(np.concatenate(rows)))


def full(attack: a.Attack, people: People) -> bool:
    """Whether it was scored on all rows: the numbers of the chosen attack should rest on as many as there are."""
    return len(attack.score) == int((people.part == SCORE).sum())


def measures_of(
    people: People, chosen: a.Attack, attacks: list[a.Attack], params: dict[str, Any], rng: np.random.Generator
) -> tuple[list[Measure], list[str]]:
    measures: list[Measure] = []
    notes: list[str] = []
    for attack in [chosen, *attacks]:
        group = {} if attack is chosen and not measures else {"attack": attack.name}
        member, n = attack.scored.member, len(attack.score)
        measures.append(area_measure(attack, group))
        value, ci = advantage(member, attack.score >= attack.threshold)
        measures.append(Measure("membership_advantage", value, ci, n, group, better="lower"))
        for metric, fpr in LOW_RATES.items():
            others = int((~member).sum())
            if fpr * others >= ALARMS:
                rate, within = tpr_at(member, attack.score, fpr, params["resamples"], rng)
                measures.append(Measure(metric, rate, within, n, group, better="lower"))
            elif not group:
                needed = int(np.ceil(ALARMS / fpr))
                notes.append(
                    f"{others:,} rows of others are too few to speak of {100 * fpr:g} % false alarms: "
                    f"{needed:,} are needed."
                )
    if people.subject.task != "regression":
        rest = people.only(SCORE)
        value, ci = advantage(rest.member, rest.right)
        measures.append(Measure("train_test_gap", value, ci, len(rest.y), better="lower"))
    return measures, notes


def area_measure(attack: a.Attack, group: dict[str, str]) -> Measure:
    graded = a.area(attack.scored.member, attack.score)
    ci = q.around(graded.value, graded.parts)
    ci = ci and (max(0.0, ci[0]), min(1.0, ci[1]))
    return Measure("membership_auc", graded.value, ci, len(attack.score), group, better="lower")


def gain(chosen: a.Attack, blind: a.Attack) -> list[Measure]:
    """The chosen attack's AUC beyond that of the attack without the model, on the same rows."""
    one, other = (a.area(each.scored.member, each.score) for each in (chosen, blind))
    value = one.value - max(other.value, 0.5)
    base = other.parts if other.value > 0.5 else np.full(len(other.parts), 0.5)
    return [Measure("membership_gain", value, q.around(value, one.parts - base), len(one.parts), better="lower")]


def by_group(chosen: a.Attack) -> list[Measure]:
    """The chosen attack within each group of each sensitive column, with the threshold of all."""
    measures = []
    for column, name, rows in chosen.scored.by_group():
        member = chosen.scored.member[rows]
        inside, outside = int(member.sum()), int((~member).sum())
        if not inside or not outside:
            continue
        group, n, small = {column: name}, inside + outside, min(inside, outside) < SMALL
        graded = a.area(member, chosen.score[rows])
        ci = q.around(graded.value, graded.parts)
        ci = ci and (max(0.0, ci[0]), min(1.0, ci[1]))
        measures.append(Measure("membership_auc", graded.value, ci, n, group, better="lower", small=small))
        value, ci = advantage(member, chosen.score[rows] >= chosen.threshold)
        measures.append(Measure("membership_advantage", value, ci, n, group, better="lower", small=small))
    return measures


def notes_of(people: People, chosen: a.Attack, blind: a.Attack) -> list[str]:
    rest = chosen.scored.member
    notes = [
        f"Chosen attack: {chosen.name}; scored on {int(rest.sum()):,} members and {int((~rest).sum()):,} others. "
        "The file given as training data is taken for what the model was trained on."
    ]
    if people.left_out:
        notes.append(f"{people.left_out:,} rows that occur more than once in both tables together were left out.")
    ci = area_measure(blind, {}).ci
    if ci and ci[0] > 0.5:
        notes.append("The two tables differ even without the model: part of what the attacks find is drift.")
    return notes


def attacks_table(attacks: list[a.Attack], chosen: a.Attack) -> Table:
    rows: list[list[Any]] = []
    for attack in attacks:
        found, (value, ci) = area_measure(attack, {}), advantage(attack.scored.member, attack.score >= attack.threshold)
        low, high = found.ci or (None, None)
        mark = "yes" if attack is chosen else ""
        rows.append([attack.name, SEES[attack.name], found.value, low, high, value, *ci, found.n, mark])
    headings = [
        "Attack",
        "Sees",
        "AUC",
        "95 % low",
        "95 % high",
        "Advantage",
        "95 % low",
        "95 % high",
        "Rows",
        "Chosen",
    ]
    return Table("membership_attacks", "Attacks", headings, rows)


SEES = {
    a.RIGHT: "the decision and the outcome",
    a.NOISE: "decisions about noisy copies",
    a.CONFIDENCE: "scores and the outcome",
    a.LEARNED: "scores and the outcome",
    a.NO_MODEL: "the columns and the outcome",
}


def charts_of(chosen: a.Attack, attacks: list[a.Attack], measures: list[Measure]) -> list[Chart]:
    series = []
    for attack in sorted(attacks, key=lambda each: each is not chosen):
        fpr, tpr = curve(attack.scored.member, attack.score)
        series.append({"name": attack.name, "fpr": fpr, "tpr": tpr, "auc": area_measure(attack, {}).value})
    points: list[dict[str, Any]] = [
        {"fpr": LOW_RATES[m.metric], "tpr": m.value, "low": m.ci and m.ci[0], "high": m.ci and m.ci[1]}
        for m in measures
        if m.metric in LOW_RATES and not m.group
    ]
    found = area_measure(chosen, {})
    said = f"Chosen attack: {chosen.name}, AUC {found.value:.3f}"
    said += "".join(f"; finds {point['tpr']:.2%} of the members at {100 * point['fpr']:g} % false alarms"
                    for point in points if point["tpr"] is not None)  # fmt: skip
    alt = f"ROC curves on logarithmic axes for {len(series)} attacks. {said}."
    data = {"kind": "roc_log", "series": series, "points": points}
    return [Chart("membership_roc", "Members found by false alarms", f"{said}.", alt, data), _areas(chosen, attacks)]


def _areas(chosen: a.Attack, attacks: list[a.Attack]) -> Chart:
    found = sorted(((each, area_measure(each, {})) for each in attacks), key=lambda pair: -(pair[1].value or 0))
    rows = [_charts.Bar(each.name, m.value or 0.0, m.ci, marked=each is chosen) for each, m in found]
    said = f"AUC of each attack; 0.5 is guessing. Strongest: {rows[0].name}, {rows[0].value:.3f}."
    start = min(0.5, min(bar.ci[0] if bar.ci else bar.value for bar in rows))
    return _charts.bars("membership_attacks", "Attacks on membership", said, "AUC of telling members from others", rows,
                        [(0.55, "warn"), (0.6, "fail")], marked="chosen attack", start=start, base=0.5)  # fmt: skip
