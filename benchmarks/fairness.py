"""Fairness with intervals: ours, from one table of counts, against Fairlearn's MetricFrame with its bootstrap.

    OMP_NUM_THREADS=1 python -m benchmarks.fairness [--rows 30000,1000000,10000000] [--resamples 1000]

The same people, four rates for each group of sex, race and both crossed, and between the groups three disparities. Ours
is what a run does: text columns to groups, counts, rates with Wilson's intervals, disparities with 1,000 resamples.
Fairlearn's is MetricFrame(n_boot=...).by_group_ci, difference_ci and ratio_ci over both columns crossed, alone, on at
most --theirs rows with few resamples; its time for 1,000 and for more rows is scaled from that, in proportion to both,
and said to be. Before any time is taken every rate of every group is compared. Times are the best of three in processor
seconds, which on an idle core are wall time. What we claim: under half a second at a million rows, and linear beyond.
"""

import argparse
import json
import resource
import sys

import numpy as np
import pandas as pd

from assessments.battery import banding
from assessments.battery.fairness._crossing import crossed
from assessments.battery.fairness._disparities import disparities
from assessments.battery.fairness._groups import Grouping, group_measures
from assessments.battery.fairness.group_metrics import DISPARITIES, RATES
from benchmarks import _coded

SIZES = {"minimum_rows": 30, "minimum_share": 0.02}
RACES = {"White": 0.854, "Black": 0.096, "Asian-Pac-Islander": 0.031, "Amer-Indian-Eskimo": 0.010, "Other": 0.009}


class People:
    """What the tests of this family ask of a subject."""

    def __init__(self, rows: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        sex = rng.random(rows) < 0.67
        race = rng.choice(len(RACES), rows, p=list(RACES.values()))
        self.y_favourable = rng.random(rows) < np.where(sex, 0.30, 0.11)
        self.selected = rng.random(rows) < np.where(self.y_favourable, 0.6, 0.08) * np.where(race == 1, 0.8, 1.0)
        self.frame = pd.DataFrame(
            {
                "sex": np.array(["Female", "Male"], dtype=object)[sex.astype(int)],
                "race": np.array(list(RACES), dtype=object)[race],
            }
        )
        self.coded: dict[str, tuple[list[str], np.ndarray]] = {}

    def groups(self, column: str) -> tuple[list[str], np.ndarray]:
        if column not in self.coded:
            self.coded[column] = banding.groups(self.frame[column])
        return self.coded[column]


def ours(people: People, resamples: int):
    """All measures, and the grouping of both columns."""
    rng = np.random.default_rng(0)
    found, crossing = [], None
    for columns in (("sex",), ("race",), ("sex", "race")):
        if len(columns) == 1:
            grouping = Grouping.of(people, columns[0], SIZES, people.selected)
        else:
            grouping = crossing = crossed(people, columns, people.selected, 60, SIZES).grouping
        found += group_measures(grouping, RATES) + disparities(grouping, DISPARITIES, resamples, rng, [])
    return found, crossing


def frame_of(people: People, rows: int, **options):
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import precision_score

    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "ppv": lambda y, d: precision_score(y, d, zero_division=0),
    }
    return MetricFrame(
        metrics=metrics,
        y_true=people.y_favourable[:rows].astype(int),
        y_pred=people.selected[:rows].astype(int),
        sensitive_features=people.frame[["sex", "race"]].iloc[:rows],
        **options,
    )


def largest_error(people: People, grouping: Grouping) -> float:
    """Between our rates and Fairlearn's, over all groups."""
    table = frame_of(people, len(people.frame)).by_group
    errors = [
        abs(float(grouping.cells.rate(rate)[at]) - float(table.loc[part, rate]))
        for rate in RATES
        for at, part in enumerate(grouping.parts)
        if np.isfinite(grouping.cells.rate(rate)[at])
    ]
    return max(errors)


def theirs(people: People, rows: int, few: int) -> float:
    """Processor seconds of one resample of Fairlearn's on `rows` rows."""
    clock = _coded.Clock()
    frame = frame_of(people, rows, n_boot=few, ci_quantiles=[0.025, 0.975], random_state=0)
    _ = (frame.by_group_ci, frame.difference_ci(), frame.ratio_ci())
    return float(clock.read()[1]) / few


def best_of(rows: int, resamples: int, times: int = 3) -> tuple[float, float, float]:
    """Wall, processor, and processor seconds where the columns were coded before."""
    people, spent, coded = People(rows), [], []
    ours(People(1000), 10)  # what is done once a process
    for _ in range(times):
        people.coded.clear()
        clock = _coded.Clock()
        ours(people, resamples)
        spent.append(clock.read())
        clock = _coded.Clock()
        ours(people, resamples)
        coded.append(float(clock.read()[1]))
    wall, processor = np.min(spent, axis=0)
    return float(wall), float(processor), min(coded)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="30000,1000000,10000000")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--theirs", type=int, default=30_000, help="rows that Fairlearn is measured on, at most")
    parser.add_argument("--few", type=int, default=5, help="resamples that Fairlearn is measured with")
    asked = parser.parse_args()
    _coded.quiet()
    sizes = [int(part) for part in asked.rows.split(",")]
    rows = min(asked.theirs, min(sizes))
    people = People(rows)
    error = largest_error(people, ours(people, 100)[1])
    one = theirs(people, rows, asked.few)
    print(f"Fairlearn: {one:.3f} s a resample at {rows:,} rows; largest difference of any rate: {error:.1e}")
    print("      rows   ours (wall)  ours (processor)  once coded   Fairlearn, scaled      ratio")
    found = []
    for size in sizes:
        wall, processor, coded = best_of(size, asked.resamples)
        scaled = one * asked.resamples * size / rows
        found.append(
            {"rows": size, "wall": wall, "seconds": processor, "coded": coded, "fairlearn": scaled,
             "ratio": scaled / processor}
        )  # fmt: skip
        said = f"{wall:12.3f} s {processor:15.3f} s {coded:9.3f} s {scaled:17,.0f} s {scaled / processor:10,.0f}"
        print(f"{size:>10,} {said}", flush=True)
    print(
        json.dumps(
            {
                "benchmark": "fairness",
                "ratio": found[0]["ratio"],
                "resamples": asked.resamples,
                "largest_error": error,
                "fairlearn_measured": {"rows": rows, "resamples": asked.few, "seconds": one * asked.few},
                "fairlearn_scaled": True,
                "sizes": found,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
