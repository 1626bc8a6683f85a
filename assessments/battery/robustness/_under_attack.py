"""How well scores rank cases once those that flip are replaced by what flips them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.curves import ks_data, rest_name, thinned
from assessments.battery.robustness._lockstep import Floats, Rows
from assessments.battery.spec import Chart, Measure
from assessments.battery.stats import corrected_interval, ranking_draws
from assessments.battery.subject import Subject


def ranking_under_attack(
    subject: Subject,
    rows: Rows,
    flipped: Rows,
    after: pd.DataFrame,
    budget: str,
    resamples: int,
    rng: np.random.Generator,
    notes: list[str],
) -> tuple[list[Measure], list[Chart]]:
    """KS, ROC AUC and average precision of the sample's scores as they are, and under attack.

    rows (n,): the sample. flipped: the places among them that flip within the budget; after: what they become.
    """
    scores = subject.favourable_score
    positive = subject.y_favourable[rows]
    if scores is None or positive.all() or not positive.any():
        notes.append("No KS: " + ("the model gives decisions only." if scores is None else "one class only."))
        return [], []
    clean = np.asarray(scores[rows], dtype=float)
    adversarial = clean.copy()
    if len(flipped):
        adversarial[flipped] = subject.predict_scores(after)[:, subject.favourable_index]
    samples = {"As they are": clean, "Under attack": adversarial}
    draws = {name: ranking_draws(positive[:, None], score[:, None], resamples, rng) for name, score in samples.items()}
    ks = {name: ks_data(score, positive, (rest_name(subject), subject.favourable)) for name, score in samples.items()}
    roc = [roc_series(name, score, positive) for name, score in samples.items()]
    pr = [precision_series(name, score, positive) for name, score in samples.items()]
    n, under = len(clean), draws["Under attack"]
    found = [
        ("ks_clean_sample", ks["As they are"]["ks"], draws["As they are"]["ks"]),
        ("ks_adversarial", ks["Under attack"]["ks"], under["ks"]),
        ("roc_auc_adversarial", roc[1]["auc"], under["roc_auc"]),
        ("average_precision_adversarial", pr[1]["average_precision"], under["average_precision"]),
    ]
    measures = [Measure(name, value, corrected_interval(d, value), n=n, better="higher") for name, value, d in found]
    moved = f"after the {len(flipped)} that flip within {budget} are replaced by what flips them"
    return measures, [
        _ks(subject, ks, n, moved),
        _curves("roc", roc, n, moved),
        _curves("precision_recall", pr, n, moved),
    ]


def roc_series(name: str, score: Floats, positive: NDArray[np.bool_]) -> dict[str, Any]:
    from sklearn.metrics import auc, roc_curve

    fpr, tpr, _ = roc_curve(positive, score)
    kept = thinned(len(fpr))
    return {"name": name, "fpr": fpr[kept].tolist(), "tpr": tpr[kept].tolist(), "auc": float(auc(fpr, tpr))}


def precision_series(name: str, score: Floats, positive: NDArray[np.bool_]) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, _ = precision_recall_curve(positive, score)
    kept = thinned(len(recall))
    return {
        "name": name,
        "recall": recall[kept].tolist(),
        "precision": precision[kept].tolist(),
        "average_precision": float(average_precision_score(positive, score)),
        "base_rate": float(positive.mean()),
    }


def _ks(subject: Subject, ks: dict[str, dict[str, Any]], n: int, moved: str) -> Chart:
    before, under = ks["As they are"]["ks"], ks["Under attack"]["ks"]
    said = f"KS of {n} cases is {before:.2f} as they are and {under:.2f} {moved}."
    names = f"“{rest_name(subject)}” and “{subject.favourable}”"
    alt = f"Two cumulative curves of the score, for {names}, under attack. {said}"
    return Chart("ks_adversarial", "KS under attack", said, alt, ks["Under attack"])


def _curves(kind: str, series: list[dict[str, Any]], n: int, moved: str) -> Chart:
    key, word, title = {
        "roc": ("auc", "ROC AUC", "ROC curve under attack"),
        "precision_recall": ("average_precision", "Average precision", "Precision–recall curve under attack"),
    }[kind]
    before, under = (one[key] for one in series)
    said = f"{word} of {n} cases is {before:.2f} as they are and {under:.2f} {moved}."
    return Chart(
        f"{kind}_adversarial",
        title,
        said,
        f"Two curves, as they are and under attack. {said}",
        {"kind": kind, "series": series},
    )
