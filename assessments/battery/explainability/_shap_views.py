"""What else SHAP values show: every case at once, a column's value against its effect, and where groups differ."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from assessments.battery.explainability._shapley import Attribution, Floats
from assessments.battery.fairness._groups import chart_id
from assessments.battery.labels import as_text
from assessments.battery.spec import Chart, Measure, Table
from assessments.battery.stats import LEVEL
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

ROWS = 14
MOST_DOTS = 400
MOST_CATEGORIES = 12
DEPENDENCES = 3
MINIMUM = 30


def beeswarm(subject: Subject, rows: pd.DataFrame, found: Attribution, unit: str) -> Chart:
    order = np.argsort(-np.abs(found.values).mean(axis=0), kind="stable")[:ROWS]
    some = slice(0, MOST_DOTS)
    features = []
    for k in order:
        name = subject.features[k]
        features.append(
            {
                "name": name,
                "values": [float(value) for value in found.values[some, k]],
                "levels": levels(rows[name])[some],
                "sensitive": name in subject.sensitive,
            }
        )
    said = directions(subject, rows, found, order[:3])
    return Chart(
        id="shap_beeswarm",
        title="SHAP values case by case",
        caption=f"Each dot is one of {min(len(rows), MOST_DOTS)} cases. {said}".strip(),
        alt=f"Rows of dots, a row a column, a dot a case, at the SHAP value of the case. {said}".strip(),
        data={"kind": "beeswarm", "unit": f"SHAP value ({unit})", "features": features},
    )


def levels(values: pd.Series) -> list[float | None]:
    """For numbers the share of cases with a lower value; None for categories and what is missing."""
    if not is_number(values):
        return [None] * len(values)
    ranks = values.astype(float).rank(pct=True, method="average")
    return [None if np.isnan(rank) else float(rank) for rank in ranks]


def directions(subject: Subject, rows: pd.DataFrame, found: Attribution, columns: Any) -> str:
    """Whether high values of the leading columns raise or lower the answer, where that is clear (Spearman)."""
    said = []
    for k in columns:
        name = subject.features[k]
        if is_number(rows[name]):
            ranks = pd.DataFrame({"x": rows[name].astype(float).to_numpy(), "y": found.values[:, k]}).rank()
            slope = ranks["x"].corr(ranks["y"]) if ranks["x"].nunique() > 1 and ranks["y"].nunique() > 1 else 0.0
            if abs(slope) >= 0.5:
                said.append(f"higher {name} {'raises' if slope > 0 else 'lowers'} the answer")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def dependences(subject: Subject, rows: pd.DataFrame, found: Attribution, unit: str) -> list[Chart]:
    """The value of each leading column against its SHAP value."""
    order = np.argsort(-np.abs(found.values).mean(axis=0), kind="stable")[:DEPENDENCES]
    return [_dependence(subject.features[k], rows[subject.features[k]], found.values[:, k], unit) for k in order]


def _dependence(name: str, values: pd.Series, effects: Floats, unit: str) -> Chart:
    data: dict[str, Any] = {"kind": "effect", "x_label": name, "y_label": f"SHAP value ({unit})", "x": [], "cases": []}
    if is_number(values):
        known = np.isfinite(values.to_numpy(dtype=float))
        x = values.to_numpy(dtype=float)[known][:MOST_DOTS]
        said = f"from {effects[known].min():.2f} to {effects[known].max():.2f} over its values" if known.any() else ""
        data |= {"dots_x": x.tolist(), "dots_y": effects[known][:MOST_DOTS].tolist(), "series": []}
    else:
        texts = values.map(lambda value: "missing" if value is None or value != value else as_text(value))
        names = texts.value_counts().index[:MOST_CATEGORIES].tolist()
        means = {text: float(effects[(texts == text).to_numpy()].mean()) for text in names}
        names.sort(key=lambda text: means[text])
        inside = texts.isin(names).to_numpy()
        place = {text: float(at) for at, text in enumerate(names)}
        data |= {
            "categories": names,
            "dots_x": [place[text] for text in texts[inside]][:MOST_DOTS],
            "dots_y": effects[inside][:MOST_DOTS].tolist(),
            "series": [{"name": "mean", "x": list(place.values()), "y": [means[text] for text in names]}],
        }
        said = f"lowest for {names[0]} ({means[names[0]]:.2f}), highest for {names[-1]} ({means[names[-1]]:.2f})"
    return Chart(
        id=chart_id("shap_dependence", name),
        title=f"SHAP values of {name}",
        caption=f"What {name} does to the answer, case by case: {said}.",
        alt=f"Dots of the SHAP value of {name} against its value; {said}.",
        data=data,
    )


def group_differences(
    subject: Subject, positions: Any, found: Attribution, unit: str, space: str
) -> tuple[list[Measure], list[Chart], list[Table]]:
    """For each sensitive column: the group with the lowest mean answer against all others, column by column."""
    measures, charts, tables = [], [], []
    for column in subject.sensitive:
        names, codes = subject.groups(column)
        codes = codes[positions]
        counts = np.bincount(codes, minlength=len(names))
        able = [g for g in range(len(names)) if counts[g] >= MINIMUM and len(codes) - counts[g] >= MINIMUM]
        if not able:
            continue
        lowest = min(able, key=lambda g: found.scores[codes == g].mean())
        own = contrast(subject, found.values, codes == lowest, {column: names[lowest]}, space)
        measures += own
        charts.append(_difference_chart(column, names[lowest], own, unit, int(counts[lowest])))
        rows = [[m.group["explained by"], m.value, *(m.ci or (None, None))] for m in own]
        tables.append(
            Table(
                chart_id("shap_group_difference", column),
                f"Why the answer differs between {names[lowest]} and the others ({column})",
                ["Column", "Difference of mean SHAP", "95 % low", "95 % high"],
                [list(row) for row in rows],
            )
        )
    return measures, charts, tables


def contrast(subject: Subject, values: Floats, mine: Any, group: dict[str, str], space: str) -> list[Measure]:
    """Mean SHAP value of a group less that of the others, a measure a column, the largest first (Welch's interval)."""
    one, other = values[mine], values[~mine]
    gap = one.mean(axis=0) - other.mean(axis=0)
    parts = [each.var(axis=0, ddof=1) / len(each) for each in (one, other)]
    both = np.maximum(parts[0] + parts[1], np.finfo(float).tiny)
    freedom = both**2 / (parts[0] ** 2 / (len(one) - 1) + parts[1] ** 2 / (len(other) - 1) + np.finfo(float).tiny)
    half = t.ppf((1 + LEVEL) / 2, np.maximum(freedom, 1.0)) * np.sqrt(parts[0] + parts[1])
    return [
        Measure(
            "shap_group_difference", float(gap[k]), (float(gap[k] - half[k]), float(gap[k] + half[k])), n=len(one),
            group={**group, "explained by": subject.features[k]}, unit=space,
        )
        for k in np.argsort(-np.abs(gap), kind="stable")
    ]  # fmt: skip


def _difference_chart(column: str, name: str, measures: list[Measure], unit: str, n: int) -> Chart:
    clear = [m for m in measures if m.ci and (m.ci[0] > 0 or m.ci[1] < 0)]
    said = f"Between {n} cases of {column} = {name} and the others, the answer differs most by " + ", ".join(
        f"{m.group['explained by']} ({m.value:+.2f})" for m in clear[:3]
    )
    said = f"{said}." if clear else f"No column clearly sets {column} = {name} apart from the others."
    return Chart(
        id=chart_id("shap_group_difference", column),
        title=f"Why the answer differs for {name}",
        caption=said,
        alt=f"Dots with intervals of how much each column sets a group apart. {said}",
        data={
            "kind": "intervals",
            "row_label": "column",
            "x_label": f"Difference of mean SHAP ({unit})",
            "ideal": 0.0,
            "ideal_label": "no difference",
            "rows": [
                {"name": m.group["explained by"], "n": m.n, "value": m.value, "low": m.ci[0] if m.ci else None,
                 "high": m.ci[1] if m.ci else None, "small": False}
                for m in measures[:ROWS]
            ],
        },
    )  # fmt: skip
