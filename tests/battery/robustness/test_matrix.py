"""docs/attacks.md says what runs on what: it lists what there is, and what it says of each cell is so."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from assessments.battery import spec
from tests.matrix import page
from tests.matrix.cells import Cell, Place, cell_of, cells_at, general, names, places
from tests.matrix.families import FORMS, TASKS, subject_of

FEW = [
    (Place("two classes", "XGBoost", "bare"), ["square", "decision_tree"]),
    (Place("five classes", "HistGradientBoosting", "bare"), ["poisoning", "missing_values"]),
    (Place("a number", "Stacking", "pipeline"), ["hopskipjump", "deepfool"]),
]


@pytest.fixture(scope="module")
def stated():
    return page.read(page.FILE.read_text(encoding="utf-8"))


def test_the_page_is_what_its_own_cells_and_the_catalogue_make(stated):
    listed = {name for _, name in stated}
    assert set(names()) == listed, "run it on the new tests: python -m tests.matrix --tests NAMES"
    written = page.FILE.read_text(encoding="utf-8")
    assert page.render(stated) == written, "write it again: python -m tests.matrix --words"


def test_it_lists_every_robustness_test_on_every_family(stated):
    catalogue = {name for name, test in spec.discover().items() if test.family == "robustness"}
    assert {f"robustness.{name}" for _, name in stated} == catalogue
    assert set(stated) == {(place, name) for place in places() for name in names()}
    assert len(stated) == len(catalogue) * 16 * len(FORMS) * len(TASKS)


def test_each_cell_is_done_or_has_a_reason(stated):
    assert {cell.status for cell in stated.values()} == {"done", "not_applicable"}
    assert all((cell.status == "done") == (cell.reason == "") for cell in stated.values())
    assert all(cell.reason.endswith((".", "'")) for cell in stated.values() if cell.reason)


@pytest.mark.parametrize(("place", "some"), FEW, ids=[" ".join(place) for place, _ in FEW])
def test_a_few_cells_are_as_stated(place, some, stated):
    assert cells_at(place, some) == {(place, name): stated[place, name] for name in some}


def test_a_crash_is_no_cell_that_may_be_written(monkeypatch):
    subject = subject_of("two classes", "DecisionTree", "bare")
    monkeypatch.setattr(subject, "predict_codes", lambda codes: 1 / 0)
    cell = cell_of(subject, "noise")
    assert cell.status == "error"
    assert "ZeroDivisionError" in cell.reason


def test_a_reason_is_the_same_for_models_of_another_class():
    said = "It needs trees; this model is of the class {}."
    assert {general(said.format(name)) for name in ("SVC", "LinearSVC", "SVR")} == {"It needs trees."}


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_every_cell_is_as_stated(task, stated):
    own = [place for place in places() if place.task == task]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
        found = {key: cell for part in workers.map(cells_at, own) for key, cell in part.items()}
    wrong = {key: cell for key, cell in found.items() if stated[key] != cell}
    assert not wrong
    assert Cell("done") in found.values()
