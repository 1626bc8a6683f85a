"""The allow-lists: what is on them, that they are up to date, and what a review of a new version would be told."""

import importlib
import json

import pytest

from assessments.battery.gate import policy, regenerate


def test_the_lists_are_those_of_the_installed_libraries(capsys):
    assert regenerate.main(["--check"]) == 0, capsys.readouterr().out


def test_appeared_and_vanished_names_are_told(monkeypatch, tmp_path, capsys):
    for path in policy.FOLDER.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    changed = json.loads((tmp_path / "joblib-1.json").read_text())
    changed["classes"] = {"joblib.memory": ["Memory"]}
    (tmp_path / "joblib-1.json").write_text(json.dumps(changed))
    monkeypatch.setattr(regenerate, "FOLDER", tmp_path)
    assert regenerate.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "joblib-1.json: appeared: joblib.numpy_pickle:NumpyArrayWrapper (class)" in said
    assert "joblib-1.json: vanished: joblib.memory:Memory (class)" in said
    assert regenerate.main(["--write"]) == 0
    assert regenerate.main(["--check"]) == 0
    assert (tmp_path / "joblib-1.json").read_bytes() == (policy.FOLDER / "joblib-1.json").read_bytes()


def test_the_libraries_that_models_are_made_with_are_covered():
    packages = {"sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "imblearn", "joblib"}
    assert set(policy.policy().packages) == packages


@pytest.mark.parametrize(
    "name",
    [
        *(
            "os:system",
            "builtins:eval",
            "builtins:getattr",
            "numpy:load",
            "numpy:memmap",
            "joblib:load",
            "pandas:read_csv",
        ),
        *("scipy.stats._distn_infrastructure:rv_continuous", "sklearn.metrics._dist_metrics:PyFuncDistance64"),
        *("numpy._core:_ufunc_reconstruct", "sklearn.datasets:fetch_openml", "operator:attrgetter"),
    ],
)
def test_what_could_do_harm_may_be_neither_made_nor_called(name):
    assert not policy.policy().may(name, "class")
    assert not policy.policy().may(name, "call")


def test_no_class_of_the_lists_runs_code_from_its_state():
    """A __setstate__ is code that a file drives: each is known and was read."""
    known = {
        *("sklearn.base:BaseEstimator", "sklearn.utils._bunch:Bunch", "scipy.sparse._coo:coo_matrix"),
        *("sklearn.isotonic:IsotonicRegression", "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor"),
        *("xgboost.core:Booster", "lightgbm.basic:Booster"),
    }
    found = set()
    for name, entry in policy.policy().entries.items():
        if "class" in entry.kinds:
            module, _, attribute = name.partition(":")
            kind = getattr(importlib.import_module(module), attribute)
            found |= {regenerate.name_of(each) for each in kind.__mro__ if "__setstate__" in vars(each)}
    assert found == known


def test_each_call_has_a_rule_that_exists():
    from assessments.battery.gate import rules

    wanted = {entry.rule for entry in policy.policy().entries.values() if "call" in entry.kinds}
    assert wanted == set(rules.RULES)
