"""Is the model wrong about some groups more often, or wrong in another way?

For each group of each sensitive column. prevalence: truly favourable / all. accuracy: rightly decided / all.
balanced_accuracy: the mean of tpr and tnr. tnr: decided unfavourably / truly unfavourable.
fnr: decided unfavourably / truly favourable. npv: truly unfavourable / decided unfavourably. fdr: truly unfavourable /
decided favourably. for: truly favourable / decided unfavourably. missed_per_false_selection: false negatives for each
false positive (treatment equality, Berk et al. 2018). tpr, fpr and ppv stand under Group fairness.

Between the groups (group "*"), highest less lowest: equal_opportunity_difference of tpr (Hardt, Price, Srebro 2016),
predictive_equality_difference of fpr, predictive_parity_difference of ppv (Chouldechova 2017), npv_difference,
accuracy_difference, prevalence_difference; average_odds_difference, the mean of the first two; equalized_odds_ratio,
the least of lowest over highest tpr and fpr. The values equal Fairlearn's. Where prevalence differs, not all of these
can be equal at once, whatever the model (Kleinberg et al. 2017): choose what matters before the run.

Over all rows: theil_index and generalized_entropy (alpha 2) of the benefit 0 for a wrong rejection, 1 for a right
decision, 2 for a wrong selection (Speicher et al. 2018); 0 where all get what they merit.

Intervals, 95 %: Wilson for a rate, and from it for the mean and the odds of two (Zou and Donner 2008); between the
groups as under Group fairness; for the two indices the percentiles of the bootstrap of the rows.

What to do: ask which error hurts the person: a wrong refusal of credit, a wrong alarm of fraud. Where one group bears
more of it, raise a finding, look for too few rows or poor columns of that group, and see “Mitigation what-if”.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.fairness._counts import Cells, generalized_entropy
from assessments.battery.fairness._disparities import Disparity, disparities
from assessments.battery.fairness._groups import (
    RESAMPLES,
    SIZE_PARAMS,
    Grouping,
    decided_favourably,
    group_measures,
    mean_of_two,
)
from assessments.battery.spec import Measure, Metric, Needs, Outcome, battery_test
from assessments.battery.stats import percentile_interval, wilson
from assessments.battery.subject import Subject

RATES = ("prevalence", "accuracy", "tnr", "fnr", "npv", "fdr", "for")
DISPARITIES = (
    Disparity("equal_opportunity_difference", ("tpr",)),
    Disparity("predictive_equality_difference", ("fpr",)),
    Disparity("average_odds_difference", ("tpr", "fpr"), "mean"),
    Disparity("equalized_odds_ratio", ("tpr", "fpr"), "ratio"),
    Disparity("predictive_parity_difference", ("ppv",)),
    Disparity("npv_difference", ("npv",)),
    Disparity("accuracy_difference", ("accuracy",)),
    Disparity("prevalence_difference", ("prevalence",)),
)
GROUPS_IN_ALL = 400  # a result holds 5,000 measures
INDICES = (("theil_index", 1), ("generalized_entropy", 2))


@battery_test(
    title="Error rates by group",
    needs=Needs(sensitive=True),
    params=[RESAMPLES, *SIZE_PARAMS],
    metrics=[
        Metric("count", "Rows in the group", unit="rows"),
        Metric("prevalence", "Prevalence (base rate)"),
        Metric("accuracy", "Accuracy"),
        Metric("balanced_accuracy", "Balanced accuracy"),
        Metric("tnr", "True negative rate"),
        Metric("fnr", "False negative rate"),
        Metric("npv", "Negative predictive value"),
        Metric("fdr", "False discovery rate: wrongly among the selected"),
        Metric("for", "False omission rate: wrongly among the rejected"),
        Metric("missed_per_false_selection", "False negatives per false positive"),
        Metric("equal_opportunity_difference", "Equal opportunity difference", better="lower"),
        Metric("predictive_equality_difference", "Predictive equality difference (FPR)", better="lower"),
        Metric("average_odds_difference", "Average odds difference", better="lower"),
        Metric("equalized_odds_ratio", "Equalized odds ratio", better="higher"),
        Metric("predictive_parity_difference", "Predictive parity difference (PPV)", better="lower"),
        Metric("npv_difference", "Negative predictive value difference", better="lower"),
        Metric("accuracy_difference", "Accuracy difference", better="lower"),
        Metric("prevalence_difference", "Prevalence difference, of the data"),
        Metric("theil_index", "Theil index of benefit", better="lower"),
        Metric("generalized_entropy", "Generalized entropy of benefit (alpha 2)", better="lower"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.EU_BIAS_EXAMINATION,
        controls.EU_METRICS_DOCUMENTED,
        controls.ISO_BIAS,
    ],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    selected = decided_favourably(subject)
    measures: list[Measure] = []
    notes: list[str] = []
    room = GROUPS_IN_ALL
    for done, column in enumerate(subject.sensitive):
        grouping = Grouping.of(subject, column, params, selected)
        room -= len(grouping.parts)
        if room < 0:
            notes.append(
                f"{column} is left out: more than {GROUPS_IN_ALL} groups in all are more than a result can hold."
            )
            continue
        measures += group_measures(grouping, RATES) + combined_measures(grouping)
        measures += [
            measure if measure.metric != "prevalence_difference" else _of_the_data(measure)
            for measure in disparities(grouping, DISPARITIES, params["resamples"], rng, notes)
        ]
        progress(done + 1, len(subject.sensitive))
    everyone = Cells.of(np.zeros(len(selected), dtype=np.int64), subject.y_favourable, selected, 1)
    return Outcome(inequality(everyone, params["resamples"], rng) + measures, notes=notes)


def combined_measures(grouping: Grouping) -> list[Measure]:
    """Of each group what takes two rates: balanced accuracy, and false negatives for each false positive."""
    found = []
    tpr, tnr, missed = (grouping.cells.fraction(rate) for rate in ("tpr", "tnr", "missed_share_of_errors"))
    for index in range(len(grouping.parts)):
        group, small = grouping.group(index), bool(grouping.small[index])
        rows = int(grouping.cells.rows[index])
        right, spared, wrong = ((int(top[index]), int(bottom[index])) for top, bottom in (tpr, tnr, missed))
        value, ci = mean_of_two(right, spared) or (None, None)
        found.append(Measure("balanced_accuracy", value, ci, n=rows, group=group, small=small))
        value, ci = _odds(*wrong)
        found.append(Measure("missed_per_false_selection", value, ci, n=wrong[1], group=group, small=small))
    return found


def inequality(cells: Cells, resamples: int, rng: np.random.Generator) -> list[Measure]:
    """The indices of benefit over all rows. cells: of one group."""
    drawn = cells.resampled(resamples, rng)
    found = []
    for metric, alpha in INDICES:
        value = float(generalized_entropy(cells.counts, alpha))
        if not np.isfinite(value):  # everybody who is favourable is missed, and nobody else is there
            found.append(Measure(metric, None, n=int(cells.rows.sum()), better="lower"))
            continue
        ci = percentile_interval(generalized_entropy(drawn.counts, alpha))
        found.append(Measure(metric, value, ci, n=int(cells.rows.sum()), better="lower"))
    return found


def _odds(missed: int, errors: int) -> tuple[float | None, tuple[float, float] | None]:
    """Missed for each false selection; Wilson's limits of the share, as odds. Null without a false selection."""
    limits = wilson(missed, errors)
    if limits is None or missed == errors:
        return None, None
    return missed / (errors - missed), (limits[0] / (1 - limits[0]), limits[1] / (1 - limits[1]))


def _of_the_data(measure: Measure) -> Measure:
    """Neither high nor low is better: it says how unlike the groups are, not how the model treats them."""
    return replace(measure, better="none")
