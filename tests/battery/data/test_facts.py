"""Label balance and the datasheet: shares by hand, drift of the labels, facts that a person can check."""

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.battery.data.tables import drawn, subject
from tests.battery.subjects import measure_of, outcome_of, value_of


@pytest.fixture(scope="module")
def tables():
    before, now = drawn(2000, 1), drawn(1000, 2)
    return before, now.assign(y=now["y"].mask(now.index % 2 == 0, 0))


def test_shares_are_counted_with_wilsons_interval(tables):
    before, now = tables
    outcome = outcome_of("data.label_balance", subject(now, before))
    ones = int(now["y"].sum())
    known = binomtest(ones, 1000).proportion_ci(0.95, method="wilson")
    assert value_of(outcome, "label_share", label="1") == ones / 1000
    assert measure_of(outcome, "minority_share").ci == pytest.approx((known.low, known.high), abs=1e-12)
    women = now[now["sex"] == "f"]
    assert value_of(outcome, "favourable_share", sex="f") == pytest.approx((women["y"] == 1).mean())


def test_outcomes_that_have_become_rarer_have_drifted(tables):
    before, now = tables
    outcome = outcome_of("data.label_balance", subject(now, before))
    p, q = (np.array([1 - t["y"].mean(), t["y"].mean()]) for t in (before, now))
    assert value_of(outcome, "label_psi") == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=1e-12)
    assert measure_of(outcome, "label_psi").ci[0] > value_of(outcome, "label_psi_noise")
    alone = outcome_of("data.label_balance", subject(now))
    assert "label_psi" not in {m.metric for m in alone.measures}
    assert "--reference FILE" in alone.notes[0]


def test_the_datasheet_says_what_each_column_holds(tables):
    before, now = tables
    now = now.assign(income=now["income"].mask(now.index < 100))
    outcome = outcome_of("data.datasheet", subject(now, before, scores=False))
    assert value_of(outcome, "rows") == 1000
    assert value_of(outcome, "training_rows") == 2000
    assert value_of(outcome, "model_columns") == 3
    assert value_of(outcome, "values_known") == pytest.approx(1 - 100 / 5000)
    columns, people = outcome.tables
    rows = {row[0]: row for row in columns.rows}
    assert rows["age"][-2] == f"{now['age'].min()} to {now['age'].max()}, median {now['age'].median():g}"
    assert rows["income"][-2].endswith("; 10.0% missing")
    share = (before["kind"] == "house").mean()
    assert rows["kind"][-1].startswith(f"house {share:.1%}, car ")
    assert sum(row[2] for row in people.rows) == 1000
