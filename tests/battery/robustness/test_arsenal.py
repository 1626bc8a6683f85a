"""ART's attacks as battery tests: their flips flip and could exist, they repeat, and they are ART's own."""

import random
import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from assessments.battery.robustness import _arsenal, boundary, deepfool, projected_gradient, sign_opt, zoo
from assessments.battery.robustness._art import art
from assessments.battery.robustness._legality import known_categories, violations
from assessments.battery.robustness._target import Target
from assessments.battery.spec import NotApplicable, discover
from tests.battery.robustness.mixed import applicants, coded, subject_with
from tests.battery.subjects import HardRule, outcome_of, subject_of, value_of

GRADIENT = [
    "fast_gradient", "projected_gradient", "deepfool", "carlini_l2", "carlini_linf", "elastic_net", "saliency_map",
    "low_profool", "newton_fool",
]  # fmt: skip
BLACK_BOX = ["boundary", "zoo", "sign_opt"]
SMALL = {"rows": 12}
CHEAP = {
    "boundary": {"iterations": 8},
    "zoo": {"iterations": 20},
    "sign_opt": {"rows": 10, "iterations": 2, "queries": 150, "trials": 4},
    "carlini_l2": {"iterations": 10, "searches": 3},
    "carlini_linf": {"iterations": 8},
    "elastic_net": {"iterations": 12, "searches": 3},
}
STOPS_SHORT = ("fast_gradient", "carlini_linf", "newton_fool")  # on the boundary, or within the budget of one direction


@pytest.fixture(scope="module")
def linear():
    return subject_with(LogisticRegression(C=10))


def params_of(name, **changes):
    test = discover()[f"robustness.{name}"]
    return test.resolve({**SMALL, **CHEAP.get(name, {}), **changes}, "quick")


def run(name, subject, seed=3, **changes):
    return outcome_of(f"robustness.{name}", subject, seed=seed, **{**SMALL, **CHEAP.get(name, {}), **changes})


@pytest.mark.parametrize("name", GRADIENT + BLACK_BOX)
def test_each_attack_turns_decisions_by_rows_that_could_exist(name, linear):
    outcome = run(name, linear, budget=1.0, swaps=2)
    found = value_of(outcome, "feasible_success_rate")
    assert found >= (0.05 if name in STOPS_SHORT else 0.3)
    assert value_of(outcome, "evasion_success_rate") <= found
    if name not in STOPS_SHORT:
        assert value_of(outcome, "raw_success_rate") >= 0.3
        assert value_of(outcome, "valid_as_returned") < 0.5  # fractions of income, shares of jobs


@pytest.mark.parametrize("name", GRADIENT + BLACK_BOX)
def test_the_same_seed_gives_the_same_outcome_and_leaves_the_world_as_it_was(name, linear):
    before = random.getstate(), np.random.get_state()[1].tolist()
    first, again = (run(name, linear) for _ in range(2))
    assert first == again
    assert before == (random.getstate(), np.random.get_state()[1].tolist())


@pytest.mark.parametrize(("module", "gradient"), [(boundary, False), (zoo, False), (projected_gradient, True)])
def test_a_row_is_attacked_alike_in_any_company(module, gradient, linear, monkeypatch):
    name = module.__name__.split(".")[-1]
    params, points, plain = params_of(name), [], _arsenal.run_together
    for at_once in (1, 256):
        rng = np.random.default_rng(1)
        target = Target.of_sample(linear, params, rng)
        answers = target.gradient_answers(rng) if gradient else target.answers()
        monkeypatch.setattr(_arsenal, "run_together", partial(plain, at_once=at_once))
        points.append(_arsenal.strike(target, answers, module.maker(params), params, rng, quiet, gradient=gradient)[0])
    assert np.array_equal(*points)


def quiet(done, of):
    pass


@pytest.mark.parametrize("name", ["deepfool", "boundary"])
def test_every_reported_flip_is_legal_and_flips_the_estimator_itself(name, linear):
    params, rng = params_of(name), np.random.default_rng(0)
    target = Target.of_sample(linear, params, rng)
    make = {"deepfool": deepfool, "boundary": boundary}[name].maker(params)
    found, _ = _arsenal.struck(target, make, params, rng, quiet, gradient=name == "deepfool")
    flips = np.flatnonzero(found.feasible)
    after = linear.coder.decode(found.codes[flips])
    before = target.before.take(flips).reset_index(drop=True)
    assert len(flips) >= 5
    assert violations(before, after, linear.columns, categories=known_categories(linear)).legal.all()
    assert (linear.estimator.predict(after) != linear.estimator.predict(before)).all()
    assert after["age"].tolist() == before["age"].tolist()
    assert found.cost[flips] == pytest.approx(np.abs(after.income - before.income).combine(
        np.abs(after.debt - before.debt), lambda a, b: max(a / 99, b / np.ptp(linear.frame.debt))
    ))  # fmt: skip


@pytest.mark.parametrize(("module", "classes"), [(boundary, 2), (sign_opt, 3), (zoo, 2)])
def test_what_comes_back_is_what_art_alone_gives(module, classes, linear):
    """One row of ART, seeded as ours, on a classifier of ART's own."""
    name = module.__name__.split(".")[-1]
    params, rng = params_of(name), np.random.default_rng(0)
    target = Target.of_rows(linear, np.arange(12), params)
    points, _ = _arsenal.strike(target, target.answers(), module.maker(params), params, rng, quiet, gradient=False)
    kind = "scores" if name == "zoo" else f"decisions {classes}"
    answer, row = target.answers()[kind], 2
    seed = int(np.random.default_rng(0).integers(2**32))
    state = np.random.RandomState(np.random.SeedSequence([seed, row]).generate_state(8))
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = np.random.get_state()
        np.random.set_state(state.get_state())
        plain = np.random.RandomState
        seeded = lambda seed=None: plain(np.random.randint(2**32, dtype=np.uint64) if seed is None else seed)  # noqa: E731
        patched.setattr(np.random, "RandomState", seeded)
        origin = target.encoding.origin[[row]].astype(np.float32)

        def ask(_, x):
            return answer(x, np.full(len(x), row))

        alone = module.maker(params)(_arsenal.Step(row, ask, origin))
        np.random.set_state(before)
    assert np.array_equal(points[row], alone[0].astype(float))


@pytest.mark.parametrize("name", GRADIENT)
def test_a_forest_shows_no_gradient_and_is_never_called_robust(name):
    with pytest.raises(NotApplicable, match="follows the gradient, and the model shows none: RandomForest"):
        run(name, subject_with(RandomForestClassifier(5, random_state=0)))


@pytest.mark.parametrize("model", [SVC(), LinearSVC(random_state=0)], ids=["svc", "linear svc"])
@pytest.mark.parametrize("name", ["carlini_l2", "deepfool"])
def test_support_vectors_with_hard_decisions_are_attacked_by_their_margins(name, model):
    """ART's own wrapper cannot ask SVC on this scikit-learn, and finds nothing on LinearSVC's steps."""
    assert value_of(run(name, subject_with(model)), "raw_success_rate") >= 0.5


def test_scores_are_needed_by_what_asks_for_scores():
    frame = applicants()
    rule = HardRule(lambda f: f["income"] > 50, ["age", "job", "income", "home", "debt"])
    subject = subject_of(frame.assign(y=(frame.income > 50).astype(int)), rule)
    with pytest.raises(NotApplicable, match="hard labels only"):
        run("zoo", subject)
    assert value_of(run("boundary", subject), "feasible_success_rate") == 1


def test_three_classes_with_text_labels(linear):
    subject = subject_with(LogisticRegression(C=10), classes=3)
    for name in ("deepfool", "low_profool", "sign_opt"):
        assert value_of(run(name, subject), "feasible_success_rate") > 0


def test_a_prediction_is_moved_by_decision_attacks_and_has_no_class_gradient():
    frame = applicants().drop(columns="y").assign(y=lambda f: 2.0 * f.income + f.debt)
    frame["y"] += np.random.default_rng(0).normal(0, 20, len(frame))
    model = make_pipeline(coded(), LinearRegression()).fit(frame.drop(columns="y"), frame.y)
    subject = subject_of(frame, model, favourable="", task="regression")
    outcome = run("boundary", subject, budget=0.5)
    assert 0 < value_of(outcome, "evasion_success_rate") <= value_of(outcome, "feasible_success_rate")
    assert not [m for m in outcome.measures if "accuracy" in m.metric]


def test_when_the_time_is_over_the_rest_is_left_out_and_said(linear):
    outcome = run("boundary", linear, iterations=10_000, seconds=1.0)
    assert any(note.startswith("Incomplete: the time was over after") for note in outcome.notes)


def test_what_art_asks_of_the_model_is_counted(linear):
    linear.count_afresh()
    outcome = run("boundary", linear)
    assert linear.queries > 1000
    assert any("rows in" in note and "calls for" in note for note in outcome.notes)


def test_arts_own_gradient_of_a_logistic_regression_is_ours(linear):
    """ART's wrapper of the bare model, on the model's own inputs."""
    target = Target.of_rows(linear, np.arange(10), {})
    rows = np.arange(len(target.encoding))
    from assessments.battery.robustness._affine import Affine

    affine = Affine.of(linear, target.encoding, np.random.default_rng(0))
    wrapped = art("estimators.classification.scikitlearn").ScikitlearnLogisticRegression(affine.final)
    y = np.eye(2)[linear.y[target.rows[target.of]]]
    theirs = wrapped.loss_gradient(affine.inputs(target.encoding.origin, rows), y)
    answers = target.gradient_answers(np.random.default_rng(0))
    slopes = answers["logits slopes"](target.encoding.origin, rows).reshape(len(rows), 2, -1)
    ours = np.einsum("mk,mkd->md", answers["probabilities"](target.encoding.origin, rows) - y, slopes)
    assert affine.back(theirs, rows) == pytest.approx(ours, abs=1e-5)
