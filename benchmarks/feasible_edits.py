"""Feasible edits: seconds for 200 rows over the families of models, beside ART's HopSkipJump, and how they grow.

    python -m benchmarks.feasible_edits [--data ../shared/data/adult.csv] [--rows 200] [--art-rows 10]

ART is used as its users do: HopSkipJump on the encoded features of the same rows, scaled to 0…1. What it returns is
then made a row of the table (numbers put back and rounded, the strongest of each one-hot group taken, fixed columns
restored) and asked of the pipeline once more: that share is what is comparable with ours. Both sides run in this
process, one after the other; the clock is its CPU time, which a busy machine does not stretch. The last line is JSON.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

for pool in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):  # before numpy is imported
    os.environ.setdefault(f"{pool}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

TARGET, FAVOURABLE = "income", ">50K"
FIXED = ("age", "sex", "race", "native_country", "relationship", "marital_status")
TRAINED = 22_000
PARAMS = {"scale": "range", "donors": 16}


def families() -> dict[str, Any]:
    from sklearn.ensemble import (
        AdaBoostClassifier,
        ExtraTreesClassifier,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neural_network import MLPClassifier
    from sklearn.tree import DecisionTreeClassifier

    return {
        "LogisticRegression": LogisticRegression(max_iter=1000),
        "DecisionTree": DecisionTreeClassifier(max_depth=10, random_state=0),
        "RandomForest": RandomForestClassifier(100, max_depth=14, random_state=0),
        "ExtraTrees": ExtraTreesClassifier(100, max_depth=14, random_state=0),
        "GradientBoosting": GradientBoostingClassifier(random_state=0),
        "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
        "AdaBoost": AdaBoostClassifier(random_state=0),
        "MLP": MLPClassifier((64, 32), early_stopping=True, random_state=0),
        "GaussianNB": GaussianNB(),
    }


def table(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path).drop(columns="fnlwgt")
    for name in frame.select_dtypes(exclude="number"):
        frame[name] = frame[name].astype(object)
    return frame


def encoder(frame: pd.DataFrame) -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

    return make_column_transformer(
        (MinMaxScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_include=object)),
    )


def subject_of(model: Any, train: pd.DataFrame, other: pd.DataFrame) -> Any:
    from assessments.battery.plan import Column, Target
    from assessments.battery.subject import Subject

    columns = tuple(Column(name, mutable="fixed") for name in FIXED)
    return Subject(model, other, Target(TARGET, FAVOURABLE), columns, reference=train)


def ours(subject: Any, rows: np.ndarray) -> dict[str, Any]:
    """Run the search on these rows; what it cost and found."""
    from assessments.battery.robustness._editing import edit_rows

    subject.count_afresh()
    cpu, wall = time.process_time(), time.perf_counter()
    found = edit_rows(subject, rows, PARAMS, np.random.default_rng(0), lambda done, of: None)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    cost, edits = found.cost(), found.edits()
    return {
        "cpu": cpu,
        "wall": wall,
        "rows": found.rows,
        "queries": subject.queries,
        "flipped": float(np.isfinite(cost).mean()),
        "one": float((edits <= 1).mean()),
        "median": float(np.median(cost)),
        "legal": found.legal / max(found.returned, 1),
        "verified": found.kept / max(found.returned, 1),
    }


def arts(pipeline: Any, subject: Any, rows: np.ndarray) -> dict[str, Any]:
    """ART's HopSkipJump on the encoded rows, then made rows of the table again."""
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import BlackBoxClassifier

    encode, model = pipeline[0], pipeline[-1]
    right = rows[subject.predicted[rows] == subject.y[rows]]
    frame = subject.frame[subject.features].take(right).reset_index(drop=True)
    given = encode.transform(frame).astype(np.float32)

    def predict(values: np.ndarray) -> np.ndarray:
        return np.eye(2)[(model.predict(values) == FAVOURABLE).astype(int)]

    np.random.seed(0)
    cpu, wall = time.process_time(), time.perf_counter()
    wrapped = BlackBoxClassifier(predict, (given.shape[1],), 2, clip_values=(0, 1))
    attack = HopSkipJump(wrapped, norm=2, max_iter=10, max_eval=1000, init_eval=100, verbose=False)
    changed = attack.generate(given)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    before = model.predict(given)
    back = decoded(encode, frame, changed)
    whole = np.isclose(changed[:, : len(NUMBERS)], encode.transform(back)[:, : len(NUMBERS)], atol=1e-6).all(axis=1)
    return {
        "cpu": cpu,
        "wall": wall,
        "rows": len(right),
        "flipped": float((model.predict(changed) != before).mean()),
        "legal": float((whole & one_hot(changed) & fixed_kept(encode, frame, changed)).mean()),
        "repaired": float((pipeline.predict(back) != pipeline.predict(frame)).mean()),
    }


NUMBERS: list[str] = []


def decoded(encode: Any, frame: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """The nearest legal row of each encoded one."""
    back = frame.copy()
    scaled = encode.transformers_[0][1].inverse_transform(values[:, : len(NUMBERS)])
    for at, name in enumerate(NUMBERS):
        if name not in FIXED:
            back[name] = np.rint(scaled[:, at]).astype(int)
    start = len(NUMBERS)
    for name, known in zip(encode.transformers_[1][2], encode.transformers_[1][1].categories_, strict=True):
        if name not in FIXED:
            back[name] = known[values[:, start : start + len(known)].argmax(axis=1)]
        start += len(known)
    return back


def one_hot(values: np.ndarray) -> np.ndarray:
    groups = values[:, len(NUMBERS) :]
    return ((groups == 0) | (groups == 1)).all(axis=1)


def fixed_kept(encode: Any, frame: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    given = encode.transform(frame)
    names = encode.get_feature_names_out()
    held = [at for at, name in enumerate(names) if any(name.split("__")[1].startswith(each) for each in FIXED)]
    return np.isclose(values[:, held], given[:, held], atol=1e-6).all(axis=1)


def growth(frame: pd.DataFrame, rows: int) -> list[tuple[str, float, float]]:
    """(what, CPU seconds, CPU seconds a row) as the attacked rows, the pool and the columns grow."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    found = []
    rng = np.random.default_rng(1)
    wide = frame.assign(**{f"more_{i}": rng.integers(0, 100, len(frame)) for i in range(100)})
    cases = [
        (f"{rows // 4} attacked rows", frame, TRAINED, rows // 4),
        (f"{rows} attacked rows", frame, TRAINED, rows),
        (f"{4 * rows} attacked rows", frame, TRAINED, 4 * rows),
        ("2,200 training rows", frame, TRAINED // 10, rows),
        ("113 columns", wide, TRAINED, rows),
    ]
    for what, data, trained, attacked in cases:
        features = [name for name in data if name != TARGET]
        train, other = data[:trained], data[TRAINED:].reset_index(drop=True)
        model = HistGradientBoostingClassifier(random_state=0)
        pipeline = make_pipeline(encoder(data), model).fit(train[features], train[TARGET])
        run = ours(subject_of(pipeline, train, other), np.arange(attacked))
        found.append((what, run["cpu"], run["cpu"] / max(run["rows"], 1)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data/adult.csv")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--art-rows", type=int, default=10)
    asked = parser.parse_args()
    if not asked.data.exists():
        raise SystemExit(f"{asked.data} is not there: give Adult as a CSV file with --data.")
    warnings.simplefilter("ignore")
    from sklearn.pipeline import make_pipeline

    frame = table(asked.data)
    features = [name for name in frame if name != TARGET]
    NUMBERS[:] = [name for name in features if frame[name].dtype != object]
    train, other = frame[:TRAINED], frame[TRAINED:].reset_index(drop=True)
    print(f"{asked.rows} rows of Adult, ART on {asked.art_rows} of them; CPU seconds of one thread\n")
    print("| model | ours, s | wall, s | flipped | one column | median price | legal | verified | queries |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    beside, timed = [], {}
    for name, model in families().items():
        pipeline = make_pipeline(encoder(frame), model).fit(train[features], train[TARGET])
        subject = subject_of(pipeline, train, other)
        ours(subject, np.arange(20))  # compile and load what is loaded once
        run = ours(subject, np.arange(asked.rows))
        timed[name] = run
        print(
            f"| {name} | {run['cpu']:.2f} | {run['wall']:.2f} | {run['flipped']:.0%} | {run['one']:.0%} | "
            f"{run['median']:.3f} | {run['legal']:.0%} | {run['verified']:.0%} | {run['queries']:,} |",
            flush=True,
        )
        if name in ("LogisticRegression", "HistGradientBoosting"):
            beside.append((name, run, arts(pipeline, subject, np.arange(asked.art_rows))))
    print("\n| model | ms a row: ART | ours | ratio | ART: flips | as returned legal | after repair flips | ours |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    ratios = {}
    for name, run, art in beside:
        mine, theirs = 1000 * run["cpu"] / run["rows"], 1000 * art["cpu"] / art["rows"]
        ratios[name] = theirs / mine
        print(
            f"| {name} | {theirs:.0f} | {mine:.1f} | {theirs / mine:.0f} | {art['flipped']:.0%} | {art['legal']:.0%} | "
            f"{art['repaired']:.0%} | {run['flipped']:.0%} |"
        )
    print("\n| HistGradientBoosting | CPU s | ms a row |\n|---|---:|---:|")
    for what, seconds, each in growth(frame, asked.rows):
        print(f"| {what} | {seconds:.2f} | {1000 * each:.1f} |", flush=True)
    name, run, art = beside[-1]
    print(
        json.dumps(
            {
                "benchmark": "feasible_edits",
                "ratio": round(ratios[name], 1),
                "ours_seconds_a_row": round(run["cpu"] / run["rows"], 5),
                "art_seconds_a_row": round(art["cpu"] / art["rows"], 5),
                "ratio_wall": round(art["wall"] / art["rows"] / (run["wall"] / run["rows"]), 1),
                "ours_wall_seconds_a_row": round(run["wall"] / run["rows"], 5),
                "art_wall_seconds_a_row": round(art["wall"] / art["rows"], 5),
                "ours_seconds": round(run["cpu"], 2),
                "ours_flipped": run["flipped"],
                "art_flipped_after_repair": art["repaired"],
                "art_legal_as_returned": art["legal"],
                "model": name,
                "rows": asked.rows,
                "art_rows": asked.art_rows,
                "families": {each: round(found["cpu"], 2) for each, found in timed.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
