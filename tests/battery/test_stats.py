"""Intervals hold the truth about as often as they say, and equal the plain row bootstrap."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap, t
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from assessments.battery import stats


def scored(rows, rng, separation=1.0, digits=None):
    truth = rng.random(rows) < 0.3
    score = truth * separation + rng.normal(size=rows)
    return truth, score if digits is None else score.round(digits)


def ks_of(truth, score):
    fpr, tpr, _ = roc_curve(truth, score, drop_intermediate=False)
    return (tpr - fpr).max()


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (499, 2000)])
def test_wilson_equals_scipy(successes, n):
    known = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert stats.wilson(successes, n) == pytest.approx((known.low, known.high), abs=1e-12)


def test_no_rows_give_no_interval():
    assert stats.wilson(0, 0) is None
    assert stats.percentile_interval(np.array([np.nan, np.nan, 1.0])) is None
    assert stats.mean_interval(np.array([1.0])) is None


@pytest.mark.parametrize("digits", [None, 1, 0])
def test_ranking_of_counts_equals_scikit_learn(digits):
    truth, score = scored(700, np.random.default_rng(1), digits=digits)
    cells, size = stats.score_cells(score)
    found = stats.ranking(np.bincount(cells[~truth], minlength=size), np.bincount(cells[truth], minlength=size))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert found["ks"] == pytest.approx(ks_of(truth, score), abs=1e-12)
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, score), abs=1e-12)


@pytest.mark.parametrize("digits", [None, 1])
def test_each_draw_equals_scikit_learn_on_the_same_resample(digits):
    truth, score = scored(300, np.random.default_rng(2), digits=digits)
    draws = stats.ranking_draws(truth[:, None], score[:, None], 5, np.random.default_rng(9))
    weights = np.concatenate(list(stats.row_weights(300, 5, np.random.default_rng(9))))
    for draw, weight in enumerate(weights):
        rows = np.repeat(np.arange(300), weight)
        assert len(rows) == 300
        assert draws["roc_auc"][draw] == pytest.approx(roc_auc_score(truth[rows], score[rows]), abs=1e-12)
        assert draws["ks"][draw] == pytest.approx(ks_of(truth[rows], score[rows]), abs=1e-12)
        expected = average_precision_score(truth[rows], score[rows])
        assert draws["average_precision"][draw] == pytest.approx(expected, abs=1e-12)


def test_questions_are_averaged_over_one_resample():
    truth, score = scored(300, np.random.default_rng(2))
    both = stats.ranking_draws(
        np.column_stack([truth, ~truth]), np.column_stack([score, -score]), 20, np.random.default_rng(4)
    )
    alone = stats.ranking_draws(truth[:, None], score[:, None], 20, np.random.default_rng(4))
    assert both["roc_auc"] == pytest.approx(alone["roc_auc"], abs=1e-12)


def test_binned_draws_agree_with_exact_ones(monkeypatch):
    truth, score = scored(6000, np.random.default_rng(3))
    exact = stats.ranking_draws(truth[:, None], score[:, None], 2000, np.random.default_rng(0))
    monkeypatch.setattr(stats, "EXACT_ROWS", 1000)
    binned = stats.ranking_draws(truth[:, None], score[:, None], 2000, np.random.default_rng(0))
    for name, draws in exact.items():
        assert binned[name].mean() == pytest.approx(draws.mean(), abs=0.1 * draws.std())
        assert binned[name].std() == pytest.approx(draws.std(), rel=0.07)


def test_draws_of_few_distinct_scores_have_the_spread_of_the_row_bootstrap(monkeypatch):
    truth, score = scored(1500, np.random.default_rng(3), digits=1)
    counted = stats.ranking_draws(truth[:, None], score[:, None], 2000, np.random.default_rng(0))
    monkeypatch.setattr(stats, "ROWS_IN_CELL", 1_000)
    by_row = stats.ranking_draws(truth[:, None], score[:, None], 2000, np.random.default_rng(1))
    for name, draws in by_row.items():
        assert counted[name].mean() == pytest.approx(draws.mean(), abs=0.1 * draws.std())
        assert counted[name].std() == pytest.approx(draws.std(), rel=0.07)


def test_counts_keep_their_total_and_their_spread():
    table = np.array([[400, 100], [50, 450]])
    drawn = stats.resampled_counts(table, 4000, np.random.default_rng(0))
    assert (drawn.sum(axis=(1, 2)) == 1000).all()
    assert drawn.mean(axis=0) == pytest.approx(table, rel=0.01)
    assert drawn[:, 0, 1].std() == pytest.approx(np.sqrt(1000 * 0.1 * 0.9), rel=0.05)
    assert (stats.resampled_counts(table * 0, 3, np.random.default_rng(0)) == 0).all()


def test_the_mean_of_symmetric_values_gets_student_s_interval():
    values = np.concatenate([np.arange(1.0, 16), -np.arange(1.0, 16)])
    error = values.std(ddof=1) / np.sqrt(30)
    assert stats.mean_interval(values) == pytest.approx(t.interval(0.95, 29, 0.0, error), abs=1e-12)


def test_the_mean_of_many_skewed_values_gets_the_interval_of_another_bootstrap():
    losses = np.random.default_rng(0).exponential(size=4000)
    other = bootstrap((losses,), np.mean, n_resamples=4000, batch=100, rng=np.random.default_rng(1)).confidence_interval
    assert stats.mean_interval(losses) == pytest.approx(tuple(other), abs=0.003)


def test_the_mean_of_two_values_gets_wilson_s_interval():
    low, high = stats.wilson(3, 20)
    values = np.where(np.arange(20) < 3, 7.0, 2.0)
    assert stats.mean_interval(values) == pytest.approx((2 + 5 * low, 2 + 5 * high), abs=1e-12)
    assert stats.mean_interval(np.full(9, 0.1)) == (0.1, 0.1)


SHAPES = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "folded": (lambda rng, n: np.abs(rng.normal(size=n)), np.sqrt(2 / np.pi)),
    "exponential": (lambda rng, n: rng.exponential(size=n), 1.0),
    "with zeros": (lambda rng, n: (rng.random(n) < 0.4) * rng.exponential(size=n), 0.4),
}


@pytest.mark.parametrize("rows", [30, 200])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_interval_of_a_mean_holds_it_95_times_of_100(shape, rows):
    draw, truth = SHAPES[shape]
    rng, of = np.random.default_rng(3), 2000
    found = [stats.mean_interval(draw(rng, rows)) for _ in range(of)]
    assert 0.93 <= sum(low <= truth <= high for low, high in found) / of <= 0.97


def test_the_jackknife_of_a_ratio_is_that_of_its_values_without_each_row():
    rng = np.random.default_rng(4)
    top, bottom = rng.exponential(size=40), rng.exponential(size=40)
    without = np.array([np.delete(top, at).mean() / np.delete(bottom, at).mean() for at in range(40)])
    expected = stats.log_jackknife(top.mean() / bottom.mean(), without)[1]
    assert stats.ratio_interval(top, bottom) == pytest.approx(expected, abs=1e-12)
    y = rng.normal(size=40)
    without = np.array(
        [np.delete(top, at).sum() / ((np.delete(y, at) - np.delete(y, at).mean()) ** 2).sum() for at in range(40)]
    )
    expected = stats.log_jackknife(top.sum() / ((y - y.mean()) ** 2).sum(), without)[1]
    assert stats.unexplained_interval(top, y) == pytest.approx(expected, abs=1e-12)


def test_without_error_there_is_no_doubt_and_one_row_settles_nothing():
    y, one = np.arange(30.0), np.zeros(30)
    assert stats.unexplained_interval(one, y) == (0.0, 0.0)
    one[3] = 1.0
    assert stats.unexplained_interval(one, y) is None
    assert stats.ratio_interval(one, np.ones(30)) is None


def brier(rng, n):
    score = 1 / (1 + np.exp(2 - 1.5 * rng.normal(size=n)))
    return ((rng.random(n) < score) - score) ** 2, np.ones(n) * 0.16


@pytest.mark.parametrize("rows", [30, 60, 200])
@pytest.mark.parametrize("noise", [1 / 3, 1.0, 3.0])
def test_the_interval_of_r2_holds_it_95_times_of_100(noise, rows):
    """With 30 rows of hardly anything but noise it errs on the wide side."""
    rng, of, held = np.random.default_rng(5), 1000, 0
    for _ in range(of):
        x, error = rng.normal(size=rows), rng.normal(size=rows) * noise
        low, high = stats.unexplained_interval(error**2, x + error)
        held += low <= noise**2 / (1 + noise**2) <= high
    assert 0.93 <= held / of <= (0.98 if rows == 30 else 0.97)


@pytest.mark.parametrize("rows", [30, 200])
def test_the_interval_of_a_brier_skill_holds_it_95_times_of_100(rows):
    mine, _ = brier(np.random.default_rng(7), 1_000_000)
    rng, of = np.random.default_rng(6), 1000
    found = [stats.ratio_interval(*brier(rng, rows)) for _ in range(of)]
    truth = float(mine.mean()) / 0.16
    assert 0.93 <= sum(low <= truth <= high for low, high in found) / of <= 0.97


def coverage(interval, truth_value, rows=600, repeats=150):
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(repeats):
        low, high = interval(*scored(rows, rng), rng)
        held += low <= truth_value <= high
    return held / repeats


AUC, KS = 0.7602499389065233, 0.38292492254802624  # of two normals one deviation apart: Phi(1/√2), 2 Phi(1/2) - 1


def test_the_interval_of_auc_holds_the_truth():
    def interval(truth, score, rng):
        return stats.percentile_interval(stats.ranking_draws(truth[:, None], score[:, None], 200, rng)["roc_auc"])

    assert 0.88 <= coverage(interval, AUC) <= 0.99


def test_the_interval_of_ks_is_corrected_for_its_bias():
    def draws(truth, score, rng):
        return stats.ranking_draws(truth[:, None], score[:, None], 200, rng)["ks"]

    corrected = coverage(lambda t, s, rng: stats.corrected_interval(draws(t, s, rng), ks_of(t, s)), KS)
    plain = coverage(lambda t, s, rng: stats.percentile_interval(draws(t, s, rng)), KS)
    assert 0.85 <= corrected <= 0.99
    assert plain < corrected


def test_a_corrected_interval_holds_the_value_and_stays_in_range():
    low, high = stats.corrected_interval(np.array([0.2, 0.25, 0.3]), 0.0)
    assert (low, high) == (0.0, 0.0)
    assert stats.corrected_interval(np.array([1.0, 1.0]), 1.0) == (1.0, 1.0)


def test_the_same_generator_gives_the_same_draws():
    truth, score = scored(100, np.random.default_rng(0))
    first, second = (
        stats.ranking_draws(truth[:, None], score[:, None], 50, np.random.default_rng(7))["ks"] for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_one_answer_only_gives_no_number():
    draws = stats.ranking_draws(np.ones((40, 1), bool), np.arange(40.0)[:, None], 10, np.random.default_rng(0))
    assert stats.percentile_interval(draws["roc_auc"]) is None
