"""The same plan and seed give the same numbers, however the work is divided: threads, processes, order of tests."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numba
import pytest
from threadpoolctl import threadpool_limits

from tests.matrix.cells import Place, entry_of, names
from tests.matrix.families import subject_of

PERCEPTRON = Place("two classes", "MLP", "pipeline")  # BLAS
FOREST = Place("five classes", "RandomForest", "pipeline")  # numba
HISTOGRAMS = Place("a number", "HistGradientBoosting", "bare")  # OpenMP
SHORT = ("hopskipjump", "zoo")  # ours in lock step; ART's, served together


def compiled(place):
    subject = subject_of(*place)
    subject.model.compile()
    return subject


def result(place, name):
    """What a test reports on a model of its own, but for the time that it took."""
    return {key: value for key, value in entry_of(compiled(place), name).items() if key != "seconds"}


def with_threads(threads, place, name):
    kept = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    try:
        with threadpool_limits(threads):
            return result(place, name)
    finally:
        numba.set_num_threads(kept)


@pytest.mark.parametrize(("name", "place"), [("hopskipjump", PERCEPTRON), ("zoo", FOREST)], ids=SHORT)
def test_one_thread_or_two_give_the_same(name, place):
    one, two = (with_threads(threads, place, name) for threads in (1, 2))
    assert one["status"] == "done"
    assert one == two


def test_a_test_gives_the_same_whatever_ran_before_it():
    shared = compiled(FOREST)
    together = [entry_of(shared, name) for name in ("noise", *SHORT)][1:]
    for name, entry in zip(SHORT, together, strict=True):
        assert {key: value for key, value in entry.items() if key != "seconds"} == result(FOREST, name)


@pytest.mark.long
@pytest.mark.parametrize("place", [PERCEPTRON, FOREST, HISTOGRAMS], ids=["perceptron", "forest", "histograms"])
def test_every_test_gives_the_same_with_one_worker_of_one_thread_or_two_of_two(place, monkeypatch):
    found = []
    for count in (1, 2):
        for pool in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
            monkeypatch.setenv(f"{pool}_NUM_THREADS", str(count))
        with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as workers:
            found.append(list(workers.map(partial(result, place), names())))
    assert sum(entry["status"] == "done" for entry in found[0]) > len(found[0]) / 3
    for one, two in zip(*found, strict=True):
        assert one == two
