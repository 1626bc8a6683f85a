"""Can the model be told as a handful of rules, and how much of it do they tell?

A surrogate (Craven and Shavlik 1996): a small decision tree trained to give the model's own answer, not the outcome,
on half of the cases; how well it does is measured on the other half. surrogate_fidelity: R² of the tree's answer
against the model's, with its jackknife interval over cases; 1 says that the tree tells all, 0 that it tells no more
than the average. surrogate_agreement: cases that the tree and the model decide alike (the tree's answer is cut where
the model's decisions are best told apart on the first half), with Wilson's interval. The rules are an overview for
people: what they leave out, 1 less the fidelity, is not in them, and no decision is explained by a surrogate alone.
Categories are put in the order of their mean answer before the tree may cut them.

What to do: where the rules tell little of the model, do not describe it by them. Where they tell nearly all, ask why
the rules themselves are not used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.coder import Codes
from assessments.battery.explainability._explaining import Explainer
from assessments.battery.explainability.permutation_importance import r2
from assessments.battery.labels import as_text
from assessments.battery.spec import Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.stats import unexplained_interval, wilson
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
MOST_NAMED = 4


@battery_test(
    title="Surrogate tree",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 4_000, "Cases, half to learn from and half to test on", quick=1_500, thorough=20_000, minimum=60,
              maximum=1_000_000),
        Param("depth", 4, "Questions that lead to a rule, at most", minimum=1, maximum=8),
        Param("space", "auto", "What is told: score, or auto: the raw answer where the model can be read"),
    ],
    metrics=[
        Metric("surrogate_fidelity", "R² of the rules against the model's answer", better="higher", unit="R²"),
        Metric("surrogate_agreement", "Cases that rules and model decide alike", better="higher"),
    ],
    controls=[controls.NIST_EXPLANATION, controls.EU_EXPLANATION, controls.CONCEPTUAL_SOUNDNESS],
)  # fmt: skip
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    from sklearn.tree import DecisionTreeRegressor

    chosen = rng.permutation(len(subject.frame))[: params["rows"]]
    how = {"walks": 1, "exact_up_to": 1, "space": params["space"]}
    explainer = Explainer(subject, subject.frame.take(chosen), params=how)
    codes = explainer.codes[0]
    answers = explainer.raw(codes)
    half = len(codes) // 2
    if half < 10 or not np.ptp(answers[:half]) or not np.ptp(answers[half:]):
        raise NotApplicable("The model's answer does not vary over the cases: there is nothing to tell.")
    orders = orders_of(subject, codes[:half], answers[:half])
    matrix = ordered(codes, orders)
    tree = DecisionTreeRegressor(
        max_depth=params["depth"],
        min_samples_leaf=max(5, half // 100),
        min_impurity_decrease=1e-6 * float(answers[:half].var()),  # no rule about rounding
        random_state=int(rng.integers(2**31)),
    ).fit(matrix[:half], answers[:half])
    told = tree.predict(matrix)
    progress(1, 1)
    left = unexplained_interval((told[half:] - answers[half:]) ** 2, answers[half:])
    fidelity = float(r2(told[half:], answers[half:], np.ones((1, len(codes) - half)))[0])
    measures = [
        Measure("surrogate_fidelity", fidelity, (1 - left[1], 1 - left[0]) if left else None,
                n=len(codes) - half, unit="R²", better="higher")
    ]  # fmt: skip
    if subject.task != "regression":
        measures.append(agreement(subject.predicted[chosen] == subject.favourable_index, told, half))
    rules = rules_of(subject, tree.tree_, orders)
    heads = ["Rule", f"Answer ({explainer.space})", "Cases it was learnt from"]
    note = f"The rules tell {max(0.0, fidelity):.0%} of how the answer varies; the rest is not in them."
    return Outcome(measures, [], [Table("surrogate", "The model as rules", heads, rules, note)], [])


def agreement(favourable: NDArray[np.bool_], told: Floats, half: int) -> Measure:
    """The cut that tells the decisions of the first half apart best, tried on the second."""
    cuts = np.unique(told[:half])
    cuts = np.concatenate([[-np.inf], (cuts[1:] + cuts[:-1]) / 2, [np.inf]])
    best = max(cuts, key=lambda cut: float(((told[:half] > cut) == favourable[:half]).mean()))
    alike, n = int(((told[half:] > best) == favourable[half:]).sum()), len(told) - half
    return Measure("surrogate_agreement", alike / n, wilson(alike, n), n=n, better="higher")


def orders_of(subject: Subject, codes: Codes, answers: Floats) -> dict[int, Floats]:
    """For each column of categories its codes, lowest mean answer first."""
    found = {}
    for k, name in enumerate(subject.features):
        if name in subject.coder.categories:
            known = np.unique(codes[np.isfinite(codes[:, k]), k])
            means = [answers[codes[:, k] == code].mean() for code in known]
            found[k] = known[np.argsort(means, kind="stable")]
    return found


def ordered(codes: Codes, orders: dict[int, Floats]) -> Codes:
    """Categories as their places; those that were not there, as missing."""
    matrix = np.array(codes, dtype=float)
    for k, order in orders.items():
        places = np.full(len(codes), np.nan)
        for place, code in enumerate(order):
            places[codes[:, k] == code] = place
        matrix[:, k] = places
    return matrix


def rules_of(subject: Subject, tree: Any, orders: dict[int, Floats]) -> list[list[Any]]:
    """Each leaf as the questions that lead there, lowest answer first."""
    rules: list[list[Any]] = []

    def walk(node: int, path: list[str]) -> None:
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            answer, n = float(tree.value[node].ravel()[0]), int(tree.n_node_samples[node])
            rules.append([" and ".join(path) or "always", answer, n])
            return
        k, cut = int(tree.feature[node]), float(tree.threshold[node])
        walk(left, [*path, said(subject, k, cut, orders, left=True)])
        walk(right, [*path, said(subject, k, cut, orders, left=False)])

    walk(0, [])
    return sorted(rules, key=lambda rule: rule[1])


def said(subject: Subject, k: int, cut: float, orders: dict[int, Floats], *, left: bool) -> str:
    """One side of a question in words."""
    name = subject.features[k]
    if k not in orders:
        return f"{name} {'≤' if left else '>'} {cut:,.6g}"
    whole = [as_text(subject.coder.categories[name][int(code)]) for code in orders[k]]
    split = int(np.floor(cut)) + 1
    inside, outside = (whole[:split], whole[split:]) if left else (whole[split:], whole[:split])
    if len(inside) <= len(outside) or len(inside) <= MOST_NAMED:
        return f"{name} is {listed(inside)}"
    return f"{name} is not {listed(outside)}"


def listed(names: list[str]) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:MOST_NAMED])
    return f"{shown} or {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else " or ".join(
        f"“{name}”" for name in names
    )  # fmt: skip
