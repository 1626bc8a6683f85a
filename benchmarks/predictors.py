"""What one question costs: the compiled form of each model beside the model itself, in one run.

    python -m benchmarks.predictors [--data adult.csv] [--rows 9000] [--forest-mb 500] [--columns 1000]

Both are asked through the battery, so both pay for checks and labels: the model as a table, the compiled form by codes
(as the attacks ask) and as a table. The clock is the process's own CPU time with every pool at one thread, medians of
interleaved repetitions, so that other work on the machine does not count. Last, growth: a table of many columns, and a
forest of many megabytes, each in a process of its own whose peak memory is printed. The ratio on the last line is the
median over models behind transformers, for questions of 1,000 rows.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

SIZES = (1, 16, 100, 1000, 9000)
POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult.csv"
MB = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--forest-mb", type=int, default=500)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--only", default="", help="names of models, by commas")
    parser.add_argument("--step", choices=("latency", "columns", "forest"))
    asked = parser.parse_args()
    if asked.step:
        warnings.simplefilter("ignore")
        print(json.dumps({"latency": latency, "columns": columns, "forest": forest}[asked.step](asked)))
        return 0
    found = {name: run(name) for name in ("latency", "columns", "forest")}
    at = [model["1000"] for name, model in found["latency"]["models"].items() if name.startswith("pipeline")]
    line = {
        "benchmark": "predictors",
        "ratio": round(statistics.median(each["asked"] / each["codes"] for each in at), 1),
        "seconds_asked": statistics.median(each["asked"] for each in at) / 1e6,
        "seconds_compiled": statistics.median(each["codes"] for each in at) / 1e6,
        "inputs": found["latency"]["inputs"],
        **{name: found[name] for name in ("columns", "forest")},
    }
    print(json.dumps(line))
    return 0


def run(step: str) -> dict:
    """One step in a fresh process, one thread in every pool; its table goes to the terminal."""
    environment = os.environ | {f"{pool}_NUM_THREADS": "1" for pool in POOLS}
    command = [sys.executable, "-m", "benchmarks.predictors", "--step", step, *sys.argv[1:]]
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    *table, line = ended.stdout.splitlines()
    print("\n".join(table))
    return json.loads(line)


def rows(path: Path):
    """The table, its features and its target; a made-up table where the file is not at hand."""
    import numpy as np
    import pandas as pd

    if path.exists():
        from assessments.battery.tables import read_frame

        frame = read_frame(path, "csv")[0]
        return frame, [name for name in frame if name != frame.columns[-1]], frame.columns[-1]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"number {k}": rng.normal(size=30_000) for k in range(6)})
    for k in range(8):
        frame[f"text {k}"] = rng.choice([f"value {j}" for j in range(5 + 4 * k)], 30_000).astype(object)
    strength = frame["number 0"] * frame["number 1"] + (frame["text 3"] == "value 1") + rng.normal(size=30_000)
    frame["outcome"] = np.where(strength > 0.5, "yes", "no").astype(object)
    return frame, list(frame.columns[:-1]), "outcome"


def estimators() -> dict:
    import lightgbm
    import xgboost
    from sklearn import ensemble, linear_model, neural_network, svm, tree

    return {
        "logistic": linear_model.LogisticRegression(max_iter=300),
        "mlp": neural_network.MLPClassifier((64, 32), max_iter=15, random_state=0),
        "svc": svm.SVC(),
        "tree": tree.DecisionTreeClassifier(max_depth=10, random_state=0),
        "forest": ensemble.RandomForestClassifier(200, random_state=0),
        "gradient boosting": ensemble.GradientBoostingClassifier(random_state=0),
        "histogram boosting": ensemble.HistGradientBoostingClassifier(random_state=0),
        "xgboost": xgboost.XGBClassifier(n_estimators=100, n_jobs=1),
        "lightgbm": lightgbm.LGBMClassifier(n_jobs=1, verbose=-1),
    }


def latency(asked: argparse.Namespace) -> dict:
    import numpy as np
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame, features, target = rows(asked.data)
    y = (frame[target] == frame[target].iloc[0]).to_numpy().astype(int)
    order = np.random.default_rng(0).permutation(len(frame))
    train, other = order[: len(order) * 7 // 10], order[len(order) * 7 // 10 :]
    numbers = make_column_selector(dtype_include="number")
    text = make_column_selector(dtype_exclude="number")
    encode = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), text)
    )
    matrix = encode.fit_transform(frame[features].iloc[train])
    print(f"{len(train):,} training rows, {matrix.shape[1]} encoded columns; µs of CPU a question of so many rows")
    print(f"{'':30}{'':10}" + "".join(f"{size:>12,}" for size in SIZES))
    import pandas as pd

    names = [f"x{k}" for k in range(matrix.shape[1])]
    encoded = pd.DataFrame(encode.transform(frame[features].iloc[other]), columns=names)
    raw = frame[features].iloc[other].reset_index(drop=True)
    found = {}
    for name, estimator in estimators().items():
        if asked.only and name not in asked.only.split(","):
            continue
        some = train[:6000] if name == "svc" else train
        estimator.fit(matrix[: len(some)], y[some])
        for kind, model, table in (
            ("bare", estimator, encoded),
            ("pipeline", make_pipeline(encode, estimator), raw),
        ):
            found[f"{kind} {name}"] = times(f"{kind} {name}", model, table)
    return {"models": found, "inputs": {"rows": len(frame), "columns": len(features), "sizes": list(SIZES)}}


def times(name: str, estimator, table) -> dict:
    """µs a question: of the model (asked), of its compiled form by codes and by tables."""
    import numpy as np

    from assessments.battery.estimator import FittedClassifier

    plain, ours = FittedClassifier(estimator), FittedClassifier(estimator)
    plain.may_compile = False
    for model in (plain, ours):
        model.bind(table, [list(table)])
    begun = time.process_time()
    ours.compile()
    build = time.process_time() - begun
    found = {"form": ours.form, "build_seconds": round(build, 2)}
    for size in SIZES:
        part = table.head(size)
        codes = np.ascontiguousarray(ours.coder.encode(part))
        ways = {
            "asked": lambda part=part: plain.predict(part),
            "codes": lambda codes=codes: ours.predict_codes(codes),
            "table": lambda part=part: ours.predict(part),
        }
        assert np.array_equal(ways["asked"](), ways["codes"]())
        found[str(size)] = interleaved(ways)
    for way in ("asked", "codes", "table"):
        print(f"{name if way == 'asked' else '':30}{way:10}" + "".join(f"{found[str(s)][way]:>12,.0f}" for s in SIZES))
    print(f"{'':30}{'ratio':10}" + "".join(f"{found[str(s)]['asked'] / found[str(s)]['codes']:>12,.1f}" for s in SIZES))
    return found


def interleaved(ways: dict, seconds: float = 1.2) -> dict[str, float]:
    """The median µs of CPU of each, asked in turn for so long; at least five times each."""
    each: dict[str, list[float]] = {way: [] for way in ways}
    begun = time.process_time()
    while len(each["asked"]) < 5 or (time.process_time() - begun < seconds and len(each["asked"]) < 200):
        for way, ask in ways.items():
            start = time.process_time()
            ask()
            each[way].append(time.process_time() - start)
    return {way: round(1e6 * statistics.median(spent), 1) for way, spent in each.items()}


def peak() -> float:
    """MB of memory at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def columns(asked: argparse.Namespace) -> dict:
    """Growth with columns: histogram boosting and logistic regression on a hundredth, a tenth and all of them."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    values = rng.normal(size=(20_000, asked.columns))
    y = (values[:, 0] + values[:, 1] * values[:, 2] + rng.normal(size=len(values)) > 0).astype(int)
    found = {}
    print(f"\nGrowth with columns, {len(values):,} rows")
    for count in sorted({max(4, asked.columns // 100), max(4, asked.columns // 10), asked.columns}):
        table = pd.DataFrame(values[:, :count], columns=[f"x{k}" for k in range(count)])
        for name, model in (
            ("histogram boosting", HistGradientBoostingClassifier(max_iter=50)),
            ("logistic", make_pipeline(StandardScaler(), LogisticRegression())),
        ):
            model.fit(table[:5000], y[:5000])
            found[f"{name}, {count} columns"] = times(f"{name}, {count}", model, table)
    data = values.nbytes / MB
    print(f"peak {peak():,.0f} MB, of which the table twice is {2 * data:,.0f}")
    return {"peak_mb": round(peak()), "data_mb": round(data), "models": found}


def forest(asked: argparse.Namespace) -> dict:
    """A forest of so many megabytes in scikit-learn's form: time and memory of compiling it."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import ExtraTreesClassifier

    rng = np.random.default_rng(0)
    values = pd.DataFrame(rng.normal(size=(60_000, 8)), columns=list("abcdefgh"))
    y = rng.integers(0, 2, len(values))
    model = ExtraTreesClassifier(10, max_features=1, random_state=0, warm_start=True)
    while (size := megabytes(model.fit(values, y))) < asked.forest_mb:
        model.n_estimators += max(1, int((asked.forest_mb - size) / (size / model.n_estimators) + 0.5))
    before = peak()
    print(f"\nA forest of {size:,.0f} MB, {len(model.estimators_)} trees; {before:,.0f} MB in memory with its data")
    found = times("forest", model, values)
    print(f"compiled in {found['build_seconds']} s, peak {peak():,.0f} MB: {peak() - before:,.0f} MB more")
    return {"forest_mb": round(size), "more_mb": round(peak() - before), "model": found}


def megabytes(model) -> float:
    return sum(tree.tree_.node_count * (64 + 8 * tree.n_classes_) for tree in model.estimators_) / MB


if __name__ == "__main__":
    sys.exit(main())
