"""Certificates against brute force: never larger than the truth, equal to it where they are exact."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from assessments.battery.plan import Column
from assessments.battery.robustness._certificate import certify
from assessments.battery.robustness._target import Target
from assessments.battery.spec import NotApplicable
from tests.battery.robustness.mixed import NUMBERS, subject_with
from tests.battery.subjects import outcome_of, subject_of, value_of

ENSEMBLES = {
    "forest": RandomForestClassifier(6, max_depth=4, random_state=0),
    "extra trees": ExtraTreesClassifier(6, max_depth=4, random_state=0),
    "gradient boosting": GradientBoostingClassifier(n_estimators=6, max_depth=3, random_state=0),
    "histograms": HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=6, min_samples_leaf=5),
    "adaboost": AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=6, random_state=0),
    "lightgbm": LGBMClassifier(n_estimators=6, num_leaves=6, min_child_samples=5, verbose=-1),
}


def numbers_only(model, classes=2, whole=False, rows=120):
    """A model of two columns in [0, 1], or of whole numbers from 0 to 20."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(rows, 2))
    x = np.round(20 * x) if whole else x
    share = x / 20 if whole else x
    label = np.floor(classes * ((3 * share[:, 0] + share[:, 1]) % 1.0)).astype(int)
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1]})
    model.fit(frame, label)
    bounds = {"min": 0.0, "max": 20.0 if whole else 1.0}
    columns = [Column(name, kind="number", integer=whole, **bounds) for name in ("a", "b")]
    return subject_of(frame.assign(y=label), model, *columns, favourable="1")


def radii(subject, **options):
    target = Target.of_rows(subject, np.arange(40), {})
    return target, certify(target, np.random.default_rng(0), **{"clique": 3, "most": 10_000, **options})


def nearest_flip(subject, target, grid):
    """(m,) the truth: the least largest move to a point of the grid that is decided otherwise."""
    points = np.array(list(product(grid, grid)))
    decided = subject.predict(pd.DataFrame(points, columns=["a", "b"]))
    own = target.before.to_numpy(dtype=float)
    truth = subject.y[target.rows[target.of]]
    far = np.abs(points[None] - own[:, None]).max(axis=2)
    return np.where(decided[None] != truth[:, None], far, np.inf).min(axis=1)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_radius_of_a_tree_is_the_distance_to_the_nearest_other_leaf(classes):
    subject = numbers_only(DecisionTreeClassifier(max_depth=6, random_state=0), classes)
    target, proved = radii(subject)
    tree = subject.estimator.tree_
    cuts = np.unique(tree.threshold[tree.feature >= 0]).astype(np.float32).astype(float)
    grid = np.unique(np.concatenate([np.linspace(0, 1, 3), cuts - 1e-7, cuts, cuts + 1e-7]))
    own = target.before.to_numpy(dtype=float)
    exact = np.array([nearest_leaf(tree, row, truth) for row, truth in zip(own, subject.y[target.of], strict=True)])
    assert proved.exact
    assert proved.radius == pytest.approx(exact, abs=3e-6)
    assert (nearest_flip(subject, target, grid) >= proved.radius - 1e-6).all()


def nearest_leaf(tree, row, truth):
    """The largest move to the nearest leaf of another class, from the boxes of all leaves."""
    best, left = np.inf, [(0, np.zeros(2), np.ones(2))]
    while left:
        node, low, high = left.pop()
        if tree.children_left[node] < 0:
            if tree.value[node, 0].argmax() != truth:
                best = min(best, np.maximum(np.maximum(low - row, row - high), 0).max())
            continue
        feature, cut = tree.feature[node], tree.threshold[node]
        under, over = high.copy(), low.copy()
        under[feature], over[feature] = min(high[feature], cut), max(low[feature], cut)
        left += [(tree.children_left[node], low, under), (tree.children_right[node], over, high)]
    return best


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_radius_is_never_larger_than_the_truth(name, classes):
    """On whole numbers every point there is can be tried."""
    subject = numbers_only(ENSEMBLES[name], classes, whole=True)
    target, proved = radii(subject)
    truth = nearest_flip(subject, target, np.arange(21.0)) / 20
    assert (proved.radius <= truth + 1e-9).all()
    assert np.median(truth[np.isfinite(truth)] - np.minimum(proved.radius, 1.0)[np.isfinite(truth)]) <= 1.01 / 20


@given(st.integers(0, 10_000), st.integers(1, 8), st.sampled_from([1, 2, 4, 8]))
@settings(max_examples=25, deadline=None)
def test_no_random_forest_is_certified_beyond_the_truth(seed, depth, clique):
    subject = numbers_only(RandomForestClassifier(5, max_depth=depth, random_state=seed), whole=True, rows=60)
    target, proved = radii(subject, clique=clique)
    assert (proved.radius <= nearest_flip(subject, target, np.arange(21.0)) / 20 + 1e-9).all()


def test_all_trees_together_are_exact():
    subject = numbers_only(RandomForestClassifier(7, max_depth=4, random_state=0), whole=True)
    target, proved = radii(subject, clique=7)
    truth = nearest_flip(subject, target, np.arange(21.0)) / 20
    assert (np.abs(proved.radius - truth) < 2e-6).mean() > 0.9  # classes that are level count as turned
    assert (proved.radius <= truth).all()


def test_larger_groups_prove_more():
    subject = numbers_only(RandomForestClassifier(12, max_depth=6, random_state=0))
    one, three, six = (radii(subject, clique=clique)[1].radius for clique in (1, 3, 6))
    assert (one <= three).all()
    assert (three <= six + 1e-6).mean() > 0.9  # groups of six are other groups
    assert one.sum() < three.sum() < six.sum()


def test_a_group_that_takes_too_long_proves_what_its_trees_do_alone():
    subject = numbers_only(RandomForestClassifier(6, max_depth=4, random_state=0), whole=True)
    assert np.array_equal(radii(subject, clique=6, most=1)[1].radius, radii(subject, clique=1)[1].radius)


@pytest.mark.parametrize("model", [LogisticRegression(), LinearSVC()], ids=["logistic", "svc"])
def test_the_radius_of_a_plane_is_the_distance_in_the_dual_norm(model):
    subject = numbers_only(model)
    target, proved = radii(subject)
    weights, bias = model.coef_[0], model.intercept_[0]
    own = target.before.to_numpy(dtype=float)
    distance = np.abs(own @ weights + bias) / np.abs(weights).sum()
    inside = (own - distance[:, None] >= 0).all(axis=1) & (own + distance[:, None] <= 1).all(axis=1)
    assert proved.exact
    assert inside.sum() >= 3
    assert proved.radius[inside] == pytest.approx(distance[inside], abs=2e-6)
    assert (proved.radius >= distance - 1e-6).all()  # bounds only hold the attacker back


@pytest.mark.parametrize("name", [*ENSEMBLES, "logistic", "tree"])
def test_no_attack_undercuts_it_behind_scaling_coding_and_mutability(name):
    tree = DecisionTreeClassifier(max_depth=5, random_state=0)
    model = {**ENSEMBLES, "logistic": LogisticRegression(), "tree": tree}[name]
    outcome = outcome_of("robustness.certificate", subject_with(model, classes=3), rows=40, budget=0.1)
    assert value_of(outcome, "certified_accuracy") <= value_of(outcome, "robust_accuracy")
    assert value_of(outcome, "certificate_gap") >= -1e-6
    attacked, certified = (np.array(series["accuracy"]) for series in outcome.charts[0].data["series"])
    assert (certified <= attacked).all()
    assert certified[1] > 0


def test_xgboost_with_missing_values_and_a_direction():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 20, 200).astype(float), "b": rng.integers(0, 20, 200)})
    frame.loc[::5, "a"] = np.nan
    label = (frame.a.fillna(15) + frame.b > 18).astype(int)
    model = XGBClassifier(n_estimators=5, max_depth=3).fit(frame, label)
    subject = subject_of(frame.assign(y=label), model, Column("b", mutable="up"))
    target, proved = radii(subject)
    grid, own, width = np.arange(20.0), target.before.to_numpy(dtype=float), 19
    for row, radius, truth in zip(own, proved.radius, subject.y[target.rows[target.of]], strict=True):
        first = [row[0]] if np.isnan(row[0]) else grid
        points = np.array([(a, b) for a in first for b in grid if b >= row[1]])
        moves = np.abs(np.nan_to_num(points) - np.nan_to_num(row)).max(axis=1) / width
        flips = subject.predict(pd.DataFrame(points, columns=["a", "b"]).astype({"b": int})) != truth
        assert radius <= moves[flips].min(initial=np.inf) + 1e-9


@pytest.mark.parametrize(
    ("model", "prepare", "reason"),
    [
        (GaussianNB(), None, "this one is of the class GaussianNB"),
        (LogisticRegression(), make_column_transformer((KBinsDiscretizer(4), NUMBERS)), "not linear"),
        (
            RandomForestClassifier(3),
            make_column_transformer((make_pipeline(PCA(2)), NUMBERS)),
            "mixes columns",
        ),
    ],
)
def test_other_models_have_none_and_it_is_said_why(model, prepare, reason):
    with pytest.raises(NotApplicable, match=reason):
        radii(subject_with(model, prepare=prepare))
