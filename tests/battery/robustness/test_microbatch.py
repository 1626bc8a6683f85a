"""Many small attacks side by side: answers go where they belong, and chance is each row's own."""

import time

import numpy as np
import pytest

from assessments.battery.robustness._microbatch import run_together

ECHO = {"double": lambda points, rows: 2 * points, "rows": lambda points, rows: rows[:, None] + 0 * points}


def served(job, count=7, answers=ECHO, **options):
    return run_together(count, job, answers, **{"seed": 1, "seconds": 60.0, **options})


def test_each_row_gets_the_answer_to_its_own_question():
    def job(row, ask):
        assert (ask("rows", np.zeros((row + 1, 2))) == row).all()
        return ask("double", np.full((2, 1), row))

    found = served(job)
    assert [result[1, 0] for result in found.results] == [0, 2, 4, 6, 8, 10, 12]
    assert (found.calls, found.rows, found.finished.all()) == (2, 28 + 14, True)


def test_questions_of_many_numbers_are_asked_in_lots(monkeypatch):
    monkeypatch.setattr("assessments.battery.robustness._microbatch.NUMBERS_AT_ONCE", 20)
    sizes = []
    answers = {"double": lambda points, rows: sizes.append(points.size) or 2 * points}
    found = served(lambda row, ask: ask("double", np.full((4 if row else 9, 3), row)), count=5, answers=answers)
    assert sizes == [27, 12, 12, 12, 12]  # one job's question stays whole
    monkeypatch.setattr("assessments.battery.robustness._microbatch.NUMBERS_AT_ONCE", 24)
    served(lambda row, ask: ask("double", np.full((4, 3), row)), count=5, answers=answers)
    assert sizes[5:] == [24, 24, 12]
    assert [result[0, 0] for result in found.results] == [0, 2, 4, 6, 8]
    assert (found.calls, found.rows) == (5, 25)


def noisy(row, ask):
    """Draws in every way that ART does, between questions."""
    drawn = [np.random.rand(), np.random.RandomState().uniform(), np.random.RandomState(3).uniform()]
    ask("double", np.zeros((1, 1)))
    return np.array([*drawn, np.random.randn(), np.random.choice(10)])


@pytest.mark.parametrize("at_once", [1, 3, 256])
def test_what_a_row_draws_does_not_depend_on_its_company(at_once):
    reference, other = served(noisy).results, served(noisy, at_once=at_once).results
    assert np.array_equal(reference, other)
    assert len({tuple(result) for result in reference}) == 7


def test_another_seed_draws_otherwise_and_a_seed_given_by_the_attack_counts():
    one, two = (np.array(served(noisy, seed=seed).results) for seed in (1, 2))
    assert (one[:, :2] != two[:, :2]).all()
    assert (one[:, 2] == np.random.RandomState(3).uniform()).all()


def test_the_world_outside_is_as_before():
    np.random.seed(5)
    expected, plain = np.random.RandomState(5).uniform(), np.random.RandomState
    served(noisy)
    assert np.random.uniform() == expected
    assert np.random.RandomState is plain


def test_the_model_sees_numpy_as_it_is():
    plain, seen = np.random.RandomState, []
    answers = {"double": lambda points, rows: seen.append(np.random.RandomState is plain) or points}
    served(lambda row, ask: ask("double", np.zeros((1, 1))), answers=answers)
    assert seen == [True]


def test_a_row_that_fails_ends_alone():
    def job(row, ask):
        ask("double", np.zeros((1, 1)))
        if row == 2:
            raise ValueError("no start")
        return np.ones(1)

    found = served(job)
    assert found.finished.tolist() == [True, True, False, True, True, True, True]
    assert str(found.errors[2]) == "no start"


def test_what_has_ended_when_the_time_is_over_is_kept():
    def job(row, ask):
        while row >= 4:
            ask("double", np.zeros((1, 1)))
        return np.ones(1)

    begun = time.monotonic()
    found = served(job, seconds=0.05)
    assert found.out_of_time
    assert found.finished.tolist() == [True] * 4 + [False] * 3
    assert time.monotonic() - begun < 30  # it ends at all


def test_an_interruption_reaches_the_caller_and_ends_every_row():
    ended = []

    def answer(points, rows):
        raise KeyboardInterrupt

    def job(row, ask):
        try:
            return ask("double", np.zeros((1, 1)))
        finally:
            ended.append(row)

    with pytest.raises(KeyboardInterrupt):
        served(job, answers={"double": answer})
    assert sorted(ended) == list(range(7))
