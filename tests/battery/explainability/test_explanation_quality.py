"""The tests of explanations: a sound one passes, and each planted fault is found by the check that is for it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from assessments.battery.explainability import _checks
from assessments.battery.explainability._explaining import Explainer
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from assessments.judging import judge
from assessments.policies import default_policy
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "explainability.explanation_quality"
NAMES = ["a", "b", "c", "d", "e", "f", "letter"]
SMALL = {"rows": 30, "background": 20, "exact_up_to": 1, "refits": 0}


def table(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.uniform(size=(rows, 6)), columns=NAMES[:6]).assign(letter=rng.choice(list("xyz"), rows))
    return frame.assign(y=(frame["a"] > 0.5).astype(int))


def sound(frame):
    steps = 0.4 * frame["a"] + 0.25 * frame["b"] * frame["c"] + 0.15 * frame["d"] + 0.04 * frame["e"]
    return steps + 0.1 * (frame["letter"] == "x")


def tried(decide=sound, frame=None, columns=(), **params):
    frame = table() if frame is None else frame
    return outcome_of(TEST, subject_of(frame, Rule(decide, NAMES), *columns), **SMALL | params)


def words(found):
    """The policy's word on each metric."""
    entry = {"id": TEST, "status": "done", "measures": [dataclasses.asdict(m) for m in found.measures]}
    criteria = [criterion for criterion in default_policy()["criteria"] if criterion["test"] == TEST]
    return {verdict["metric"]: verdict["verdict"] for verdict in judge([entry], {"criteria": criteria})}


@pytest.fixture
def with_values(monkeypatch):
    """Explanations changed by a function of the values and the generator."""

    def plant(change):
        honest = Explainer.values

        def changed(self, explained, background, rng, *rest):
            found = honest(self, explained, background, rng, *rest)
            return dataclasses.replace(found, values=change(found.values, rng))

        monkeypatch.setattr(Explainer, "values", changed)

    return plant


def test_a_sound_explanation_passes():
    found = tried()
    judged = words(found)
    assert set(judged.values()) <= {"pass", "not_applicable"}
    assert [metric for metric, word in judged.items() if word == "not_applicable"] == [
        "explanation_randomised_agreement", "explanation_hidden_dependence"
    ]  # fmt: skip


def test_random_values_are_found_out(with_values):
    with_values(lambda values, rng: np.random.default_rng(3).permuted(values, axis=1))
    judged = words(tried())
    for metric in ("explanation_deletion_rank", "explanation_faithfulness_correlation"):
        assert judged[metric] == "fail"
    assert judged["explanation_agreement_permutation"] == "warn"


def test_a_value_for_a_column_without_effect_is_found_out(with_values):
    def leak(values, rng):
        values = values.copy()
        values[:, NAMES.index("f")] += 0.01
        return values

    with_values(leak)
    assert words(tried())["explanation_dummy_error"] == "fail"


def test_values_that_do_not_repeat_are_found_out(with_values):
    state = np.random.default_rng(0)
    with_values(lambda values, rng: values + state.normal(0, 1e-6, values.shape))
    assert words(tried())["explanation_repeat_error"] == "fail"


def test_an_order_that_hangs_on_the_background_is_found_out(with_values):
    with_values(lambda values, rng: values * rng.permutation(np.geomspace(0.01, 100, values.shape[1])))
    judged = words(tried())
    assert judged["explanation_order_agreement"] == "fail"
    assert judged["explanation_top5_overlap"] in ("warn", "fail")  # five of seven columns always overlap


def test_values_that_jump_between_almost_equal_cases_are_found_out(with_values):
    def jumpy(values, rng):
        signs = np.where((values[:, :1] * 1e7) % 2 > 1, 1.0, -1.0)
        return values * signs

    with_values(jumpy)
    assert words(tried())["explanation_local_change"] in ("fail", "inconclusive")
    assert value_of(tried(), "explanation_local_change") > 0.2


def test_a_model_that_behaves_on_mixtures_is_found_out():
    """Slack and others 2020: on rows that look real it decides by sex, on the mixtures by something harmless."""
    rng = np.random.default_rng(0)
    frame = table(600).assign(sex=rng.choice(["m", "f"], 600))
    frame["b"], frame["c"], frame["d"] = (frame["a"] + rng.normal(0, 0.01, 600) for _ in range(3))
    names = [*NAMES, "sex"]

    def looks_real(rows):
        return (rows[["b", "c", "d"]].sub(rows["a"], axis=0).abs() < 0.1).all(axis=1)

    def two_faced(rows):
        return np.where(looks_real(rows), 0.2 + 0.6 * (rows["sex"] == "m"), 0.2 + 0.6 * rows["e"])

    def honest(rows):
        return 0.1 + 0.5 * (rows["sex"] == "m") + 0.3 * rows["e"]

    found = {}
    for decide in (two_faced, honest):
        subject = subject_of(frame, Rule(decide, names), Column("sex", "sensitive"))
        found[decide.__name__] = outcome_of(TEST, subject, **SMALL)
    assert words(found["two_faced"])["explanation_hidden_dependence"] == "fail"
    assert words(found["honest"])["explanation_hidden_dependence"] == "pass"
    assert measure_of(found["honest"], "explanation_hidden_dependence", column="sex").value == pytest.approx(
        0, abs=0.02
    )


def test_a_constant_model_has_nothing_to_try():
    with pytest.raises(NotApplicable, match="No column moves the answer"):
        tried(lambda frame: 0.3 + 0 * frame["a"])


def test_the_check_against_shuffled_outcomes_needs_the_training_data(adult_csv):
    found = outcome_of(TEST, adult_subject(adult_csv), **SMALL | {"refits": 1, "refit_rows": 300})
    assert -1 <= value_of(found, "explanation_randomised_agreement") < 0.7
    bare = tried(refits=1)
    assert value_of(bare, "explanation_randomised_agreement") is None
    assert any("No model of shuffled outcomes: Needs the training data" in note for note in bare.notes)


def test_the_same_seed_gives_the_same_outcome():
    assert tried() == tried()


def test_the_chart_and_the_table_say_what_was_measured():
    found = tried()
    (chart,), (checks,) = found.charts, found.tables
    lead = value_of(found, "explanation_deletion_lead")
    assert f"{lead:.2f} spreads more" in chart.caption
    ours, random = chart.data["series"]
    assert np.mean(ours["y"]) - np.mean(random["y"]) == pytest.approx(lead, abs=1e-9)
    assert ours["y"][-1] == pytest.approx(random["y"][-1])  # all columns gone, in whatever order
    assert dict(zip([row[0] for row in checks.rows], [row[1] for row in checks.rows], strict=True))[
        "The same seed gives the same values."
    ] == 0  # fmt: skip


def test_overlap_order_and_correlation_are_those_of_the_textbook():
    one, other = np.array([9.0, 8, 7, 6, 5, 1, 0]), np.array([9.0, 8, 7, 1, 2, 6, 5])
    assert _checks.top_overlap(one, other) == 3 / 7
    assert _checks.order_agreement(np.array([4.0, 3, 2, 1]), np.array([4.0, 2, 3, 1])) == pytest.approx(4 / 6)
    assert _checks.order_agreement(np.array([4.0, 3, 2, 1e-9]), np.array([4.0, 3, 2, 1e-6])) == 1.0
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 20)), rng.normal(size=(5, 20))
    expected = [pearsonr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert _checks.row_correlations(a, b) == pytest.approx(expected, abs=1e-12)


def test_taking_columns_away_is_done_with_every_background_row():
    frame = table(40)
    subject = subject_of(frame, Rule(sound, NAMES))
    params = {"walks": 1, "exact_up_to": 1, "space": "auto"}
    explainer = Explainer(subject, frame[:5], frame[5:15], params=params)
    rows, others = explainer.codes
    scene = _checks.Scene(explainer, rows, others, others, np.ones(7, bool), None, np.random.default_rng(0))
    taken = np.zeros((5, 2, 7), dtype=bool)
    taken[:, 0, 0] = taken[:, 1, 1:3] = True
    expected = np.zeros((5, 2))
    for i in range(5):
        for k, columns in enumerate((["a"], ["b", "c"])):
            mixed = pd.concat([frame[i : i + 1]] * 10, ignore_index=True)
            mixed[columns] = frame[5:15][columns].to_numpy()
            expected[i, k] = sound(mixed).mean()
    assert scene.without(taken, others) == pytest.approx(expected, abs=1e-12)
