"""What the lists and the head of an assessment say of its verdicts."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Count, Max

from assessments.battery.spec import FAMILIES
from assessments.models import Assessment, Measure, Verdict
from assessments.querysets import AssessmentQuerySet

# Worst first: what a family or an assessment is called after.
SEVERITY = ("fail", "error", "inconclusive", "warn", "pass", "not_applicable")
ATTENTION = SEVERITY[:4]
HEADLINES = {
    "fail": "Not within policy",
    "error": "Incomplete",
    "inconclusive": "Not settled",
    "warn": "Within policy, with warnings",
    "pass": "Within policy",
    "not_applicable": "Nothing applied",
}
# Documents of kilobytes that a list does not show.
HEAVY = ("plan", "policy", "catalogue", "subject", "environment")


def light(assessments: AssessmentQuerySet) -> AssessmentQuerySet:
    return assessments.select_related("version__model", "dataset_version__dataset").defer(*HEAVY)


def verdict_counts(assessment_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """{assessment id: {word: how many}}"""
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    found = Verdict.objects.filter(assessment__in=list(assessment_ids)).order_by()
    for pk, word, n in found.values_list("assessment", "verdict").annotate(n=Count("id")):
        counts[pk][word] = n
    return counts


def worst_by_family(assessment_ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """{assessment id: {family: its worst word}}"""
    worst: dict[int, dict[str, str]] = defaultdict(dict)
    found = Verdict.objects.filter(assessment__in=list(assessment_ids)).order_by()
    for pk, family, word in found.values_list("assessment", "family", "verdict").distinct():
        worst[pk][family] = worse(worst[pk].get(family), word)
    return worst


def latest_by_version(version_ids: Iterable[int], *, states: Iterable[str] = ()) -> dict[int, Assessment]:
    """{version id: its newest assessment}, of these states only where some are given."""
    wanted = Assessment.objects.filter(version__in=list(version_ids)).order_by()
    if states:
        wanted = wanted.filter(state__in=list(states))
    newest = wanted.values("version").annotate(newest=Max("pk")).values("newest")
    found = light(Assessment.objects.filter(pk__in=newest)).order_by()
    return {assessment.version_id: assessment for assessment in found}


def worse(one: str | None, other: str) -> str:
    return other if one is None else min(one, other, key=SEVERITY.index)


def strip(assessment: Assessment, verdicts: list[Verdict], results: list) -> dict:
    """What the tag family_strip draws."""
    judged = [verdict.verdict for verdict in verdicts]
    words = [word for word in judged if word != "not_applicable"]
    aside = f", {len(judged) - len(words)} not applicable" if len(judged) > len(words) else ""
    overall = min(words, key=SEVERITY.index) if words else ""
    tally = " · ".join(f"{words.count(word)} {word.replace('_', ' ')}" for word in reversed(SEVERITY) if word in words)
    criteria = "criterion" if len(words) == 1 else "criteria"
    families = [_family(family, verdicts, results) for family in FAMILIES if any(r.family == family for r in results)]
    return {
        "overall": overall,
        "headline": HEADLINES.get(overall, "No verdict"),
        "sentence": f"{tally} of {len(words)} {criteria}{aside}" if words else "The policy judges none of these tests.",
        "families": families,
    }


def _family(family: str, verdicts: list[Verdict], results: list) -> dict:
    judged = [v.verdict for v in verdicts if v.family == family and v.verdict != "not_applicable"]
    words = sorted(judged, key=SEVERITY.index, reverse=True)
    done = [result for result in results if result.family == family and result.status == "done"]
    shown = {"id": family, "title": family.capitalize(), "headline": _headline(family, done, verdicts), "words": words}
    if words:
        worst = words[-1]
        return shown | {"worst": worst, "n": words.count(worst), "label": ""}
    return shown | {"worst": "neutral", "n": None, "label": "reported" if done else "not applicable"}


def _headline(family: str, results: list, verdicts: list[Verdict]) -> str:
    """One number that stands for a family."""
    if not results:
        return "No result"
    if family == "fairness":  # the groups that are big enough to be judged
        return _fairness(verdicts)
    measures = [m for result in results for m in result.measures.all() if m.value is not None]
    return _HEADLINE[family](measures) or f"{len(results)} test{'s' * (len(results) != 1)}"


def _of(measures: list[Measure], metric: str) -> list[Measure]:
    return [m for m in measures if m.metric == metric]


def _performance(measures: list[Measure]) -> str:
    for metric, name in (("roc_auc", "AUC"), ("accuracy", "Accuracy")):
        if found := _of(measures, metric):
            return f"{name} {found[0].value:.3f}"
    return ""


def _robustness(measures: list[Measure]) -> str:
    found = _of(measures, "robust_accuracy")
    return f"{100 * found[0].value:.0f}\u202f% hold" if found else ""


def _fairness(verdicts: list[Verdict]) -> str:
    ratios = [v for v in verdicts if v.metric == "demographic_parity_ratio" and v.value is not None]
    judged = [v.value for v in ratios if v.verdict != "not_applicable"]
    return f"{min(judged):.2f} impact" if judged else "Too few rows"


def _explainability(measures: list[Measure]) -> str:
    found = _of(measures, "shap_importance")
    return f"{max(found, key=lambda m: m.value).group.get('column', '')} leads" if found else ""


def _privacy(measures: list[Measure]) -> str:
    found = [m for m in _of(measures, "membership_auc") if not m.group]
    return f"{found[0].value:.2f} member AUC" if found else ""


def _data(measures: list[Measure]) -> str:
    found = [m for m in _of(measures, "psi") if m.value is not None]
    return f"{max(m.value for m in found):.2f} PSI at most" if found else ""


_HEADLINE = {
    "performance": _performance,
    "robustness": _robustness,
    "explainability": _explainability,
    "privacy": _privacy,
    "data": _data,
}
