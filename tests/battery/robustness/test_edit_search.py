"""The search finds the cheapest change where it can be computed, and is never worse than the prototype."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assessments.battery.plan import Column, Target
from assessments.battery.robustness._editing import edit_rows
from assessments.battery.subject import Subject
from tests.battery.robustness.donor_oracle import cheapest
from tests.battery.subjects import HardRule, Rule, subject_of

PARAMS = {"scale": "range", "donors": 16}


def quiet(done, of):
    pass


def edited(subject, rows=None, seed=0, **params):
    rows = np.arange(len(subject.frame)) if rows is None else rows
    return edit_rows(subject, rows, {**PARAMS, **params}, np.random.default_rng(seed), quiet)


def grid_frame(seed=0, rows=80):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": np.r_[0, 8, rng.integers(0, 9, rows - 2)],
            "b": np.r_[0, 6, rng.integers(0, 7, rows - 2)],
            "job": rng.choice(["x", "y", "z"], rows),
            "age": rng.integers(0, 5, rows),
        }
    )


def wild(seed):
    """Any answer for any of the rows that there can be: nothing is monotone."""
    answers = np.random.default_rng(100 + seed).random((9, 7, 3, 5)) < 0.25

    def decide(frame):
        job = frame["job"].map({"x": 0, "y": 1, "z": 2}).to_numpy()
        return answers[frame["a"].to_numpy(int), frame["b"].to_numpy(int), job, frame["age"].to_numpy(int)]

    return decide


def exhaustive(frame, decide, row):
    """(price, edits) of the cheapest flip of a row, over every legal row."""
    own = frame.iloc[row]
    options = [(a, b, job) for a, b, job in itertools.product(range(9), range(7), ["x", "y", "z"])]
    every = pd.DataFrame(options, columns=["a", "b", "job"]).assign(age=own["age"])
    flips = decide(every) != decide(frame.iloc[[row]])[0]
    cost = abs(every["a"] - own["a"]) / 8 + abs(every["b"] - own["b"]) / 6 + 0.1 * (every["job"] != own["job"])
    edits = (every[["a", "b", "job"]] != own[["a", "b", "job"]]).sum(axis=1)
    return cost[flips].min(), edits[flips].min()


@pytest.mark.parametrize("seed", range(3))
def test_is_close_to_the_cheapest_change_there_is_even_on_a_chaotic_model(seed):
    frame, decide = grid_frame(seed), wild(seed)
    frame["y"] = decide(frame).astype(int)
    subject = subject_of(frame, HardRule(decide, ["a", "b", "job", "age"]), Column("age", mutable="fixed"))
    found = edited(subject)
    best = np.array([exhaustive(frame, decide, row) for row in range(len(frame))])
    assert (found.cost() >= best[:, 0] - 1e-9).all()
    assert np.mean(found.cost() <= best[:, 0] + 1e-9) >= 0.9
    assert np.mean(found.edits() == best[:, 1]) >= 0.95


def test_is_exact_on_a_threshold():
    frame = grid_frame()
    frame["y"] = (frame["a"] > 4).astype(int)
    subject = subject_of(frame, HardRule(lambda f: f["a"] > 4, ["a", "b", "job", "age"]))
    expected = np.where(frame["a"] > 4, frame["a"] - 4, 5 - frame["a"]) / 8
    assert edited(subject).cost() == pytest.approx(expected)


def test_two_columns_that_only_work_together_are_found():
    frame = grid_frame()
    decide = lambda f: (f["a"] > 6) & (f["b"] > 4)  # noqa: E731
    frame["y"] = decide(frame).astype(int)
    found = edited(subject_of(frame, HardRule(decide, ["a", "b", "job", "age"])))
    needed = (frame["a"] <= 6).astype(int) + (frame["b"] <= 4)
    assert found.edits().tolist() == np.where(frame["y"] == 1, 1, needed).tolist()


def test_a_narrow_window_between_two_borders_is_found():
    frame = pd.DataFrame({"gain": np.r_[np.zeros(60), np.arange(40) * 250].astype(int)})
    decide = lambda f: (f["gain"] > 5000) | f["gain"].between(750, 800)  # noqa: E731
    frame["y"] = decide(frame).astype(int)
    found = edited(subject_of(frame, HardRule(decide, ["gain"])))
    assert found.cost()[0] == pytest.approx(750 / 9750)


def test_prices_of_swaps_decide_which_way_is_cheaper():
    frame = grid_frame()
    decide = lambda f: (f["job"] == "x") | (f["a"] > 7)  # noqa: E731
    frame["y"] = decide(frame).astype(int)
    model = HardRule(decide, ["a", "b", "job", "age"])
    rows = np.flatnonzero((frame["a"] == 7) & (frame["job"] != "x"))
    cheap = edited(subject_of(frame, model, Column("job", swap_price=0.05)), rows)
    dear = edited(subject_of(frame, model, Column("job", swap_price=0.5)), rows)
    assert cheap.cost() == pytest.approx([0.05] * len(rows))
    assert dear.cost() == pytest.approx([1 / 8] * len(rows))
    assert cheap.cost(swaps=False) == pytest.approx([1 / 8] * len(rows))


def test_one_seed_gives_one_answer():
    frame, decide = grid_frame(1), wild(1)
    frame["y"] = decide(frame).astype(int)
    one, other = (edited(subject_of(frame, HardRule(decide, ["a", "b", "job", "age"]))) for _ in range(2))
    np.testing.assert_array_equal(one.found.points, other.found.points)
    assert one.cost().tolist() == other.cost().tolist()


def test_wide_rows_are_put_back_by_halves():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 10, (120, 60)), columns=[f"c{i}" for i in range(60)])
    decide = lambda f: (f["c3"] + f["c40"] > 9).to_numpy()  # noqa: E731
    frame["y"] = decide(frame).astype(int)
    found = edited(subject_of(frame, HardRule(decide, list(frame)[:60])))
    gap = (frame["c3"] + frame["c40"] - 9.5).abs().add(0.5)
    assert np.isfinite(found.cost()).all()
    assert np.mean(found.cost() <= gap / 9 + 1e-9) > 0.95
    assert (found.edits() <= 2).all()


IMMUTABLE = ("age", "sex", "race", "native_country", "relationship", "marital_status")


def test_no_row_of_adult_costs_more_than_the_prototype_found(adult_csv):
    compare_with_prototype(adult_csv, LogisticRegression(max_iter=500), rows=40, reference=4000)


@pytest.mark.long
@pytest.mark.parametrize("price", [0.1, 1.0])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=500),
        HistGradientBoostingClassifier(random_state=0),
        RandomForestClassifier(60, max_depth=12, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_no_row_of_adult_costs_more_at_full_size(adult_csv, model, price):
    compare_with_prototype(adult_csv, model, rows=200, reference=22_000, price=price)


def compare_with_prototype(path, model, *, rows, reference, price=1.0):
    frame = pd.read_csv(path).drop(columns="fnlwgt")
    for name in frame.select_dtypes(exclude="number"):
        frame[name] = frame[name].astype(object)
    features = [name for name in frame if name != "income"]
    numbers = [name for name in features if frame[name].dtype != object]
    encode = make_column_transformer(
        (StandardScaler(), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_include=object)),
    )
    train, other = frame[:reference], frame[-8000 : -8000 + rows].reset_index(drop=True)
    pipeline = make_pipeline(encode, model).fit(train[features], train["income"])
    columns = [Column(c, mutable="fixed" if c in IMMUTABLE else "free", swap_price=price) for c in features]
    subject = Subject(pipeline, other, Target("income", ">50K"), tuple(columns), reference=train)
    found = edited(subject)
    changeable = [name for name in features if name not in IMMUTABLE]
    by_cost, by_edits = cheapest(
        pipeline.predict,
        other[features].take(found.goal.rows).reset_index(drop=True),
        train.reset_index(drop=True),
        [name for name in changeable if name in numbers],
        [name for name in changeable if name not in numbers],
        price,
        {name: subject.columns[name].max - subject.columns[name].min for name in numbers},
    )
    cost, edits = found.cost(), found.edits()
    assert len(by_cost) > 0.1 * found.rows
    assert [(row, cost[row], best) for row, (best, _) in by_cost.items() if cost[row] > best + 1e-9] == []
    assert [(row, edits[row], fewest) for row, fewest in by_edits.items() if edits[row] > fewest] == []


def test_a_score_helps_and_is_not_needed():
    frame = grid_frame()
    score = lambda f: np.clip((f["a"] + f["b"]) / 14, 0, 1)  # noqa: E731
    frame["y"] = (score(frame) > 0.5).astype(int)
    features = ["a", "b", "job", "age"]
    soft, hard = (edited(subject_of(frame, kind(score, features))) for kind in (Rule, HardRule))
    assert soft.cost() == pytest.approx(hard.cost())


def test_rows_in_several_parts_are_searched_like_all_at_once(monkeypatch):
    from assessments.battery.robustness import _editing

    frame = grid_frame(rows=120)
    decide = lambda f: (f["a"] > 6) & (f["b"] > 4)  # noqa: E731
    frame["y"] = decide(frame).astype(int)
    subject = subject_of(frame, HardRule(decide, ["a", "b", "job", "age"]))
    once = edited(subject)
    monkeypatch.setattr(_editing, "CODES_AT_ONCE", 1)
    parts = edited(subject)
    assert parts.cost() == pytest.approx(once.cost())
    assert parts.edits().tolist() == once.edits().tolist()
