"""Mutated model files in the real sandbox: the gate gives a verdict on each, and nothing ends the process."""

import json
import tempfile
import warnings
from pathlib import Path

import joblib
import pytest

from assessments.sandbox import launch
from tests.battery.gate import fuzzing
from tests.battery.gate.legitimate import MODELS

pytestmark = pytest.mark.processes
QUICK = ("logistic_regression", "random_forest", "histogram_boosting", "nearest_neighbours")
MORE = (
    *QUICK, "gradient_boosting", "support_vectors", "isolation_forest", "splines_and_polynomials", "functions_of_numpy",
    "grid_search", "xgboost_classifier", "lightgbm_classifier", "gaussian_process", "bins", "randomized_search",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "files"
    place.mkdir()
    return place


def fuzzed(folder: Path, names: tuple[str, ...], examples: int, seed: int) -> dict[str, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks about the rows
        for name in names:
            joblib.dump(MODELS[name]()[0], folder / f"{name}.joblib")
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as work:
        ended = launch.run(
            ["-c", Path(fuzzing.__file__).read_text(), str(folder), str(examples), str(seed)],
            read=[folder], write=Path(work), seconds=570, on_line=lines.append,
        )  # fmt: skip
    assert (ended.code, ended.signal) == (0, None), ended.log[-3000:]
    return json.loads(lines[-1])


def test_mutated_files_end_in_a_verdict(folder):
    found = fuzzed(folder, QUICK, 400, seed=20261124)
    assert sum(found.values()) == 400
    assert found["loaded"] > 20  # else nothing that comes after the parser was tried
    assert sum(count for said, count in found.items() if said.startswith("refused")) > 100


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_many_mutated_files_end_in_a_verdict(folder, seed):
    assert fuzzed(folder, MORE, 6_000, seed)["loaded"] > 100
