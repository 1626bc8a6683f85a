"""What exact Shapley values of a forest's own columns cost: ours beside the shap library's, in one run.

    python -m benchmarks.shap [--data adult.csv] [--trees 200] [--rows 20] [--background 100]

The model is a pipeline: scaled numbers, one-hot categories, a forest of full depth. The library explains the encoded
columns (TreeExplainer, interventional, the same background rows) and the one-hot columns' values are added up for each
column of the table, as people do; also timed: its path-dependent form, which needs no background. Ours explains the
columns of the table themselves. The clock is the process's own CPU time with every pool at one thread; loops are
compiled and models are loaded before. The sum over one-hot columns is another game than the one over columns of the
table, so the two differ; what is printed of ours is its distance to the definition, all sets of columns asked, and of
both how far their values are from adding up to the model's answer.
"""

import argparse
import json
import os
import time
import warnings
from itertools import combinations
from math import factorial
from pathlib import Path

POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR")
os.environ |= {f"{pool}_NUM_THREADS": "1" for pool in POOLS}
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult.csv"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--rows", type=int, default=200, help="rows that ours explains")
    parser.add_argument("--library-rows", type=int, default=10, help="rows that the library explains, scaled up")
    parser.add_argument("--background", type=int, default=100)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    line = compare(asked)
    print(f"{'':28}{'ms a row':>12}{'not adding up':>16}")
    for name in ("ours", "library_interventional", "library_path_dependent"):
        found = line[name]
        print(f"{name:28}{found['ms_a_row']:12.2f}{found['additivity_error']:16.1e}")
    print(json.dumps(line))
    return 0


def compare(asked) -> dict:
    import numpy as np
    import shap

    from assessments.battery.explainability._structure import Inside

    model, given, origin = fitted(asked)
    model.compile()
    inside = Inside.of(model.predictor, len(model.features), 1)
    codes = model.coder.encode(given)
    background, explained = codes[: asked.background], codes[-asked.rows :]
    inside.values(explained[:2], background[:2])
    ours, mine = timed(lambda: inside.values(explained, background))
    forest, encode = model.estimator[-1], model.estimator[:-1]
    few = given[-asked.library_rows :]
    X, B = (np.asarray(encode.transform(rows), dtype=float) for rows in (few, given[: asked.background]))
    found = {"ours": cost(ours, asked.rows, mine, inside.raw(explained), inside.raw(background).mean())}
    answers, base = forest.predict_proba(X)[:, 1], forest.predict_proba(B)[:, 1].mean()
    for name, options in {
        "library_interventional": {"data": B, "feature_perturbation": "interventional"},
        "library_path_dependent": {"feature_perturbation": "tree_path_dependent"},
    }.items():
        explainer = shap.TreeExplainer(forest, **options)
        seconds, values = timed(lambda explainer=explainer: explainer.shap_values(X, check_additivity=False)[..., 1])
        summed = np.stack([values[:, origin == at].sum(axis=1) for at in range(len(model.features))], axis=1)
        at = base if "data" in options else np.ravel(explainer.expected_value)[-1]
        found[name] = cost(seconds, len(X), summed, answers, at)
    row, others = explained[:1], background[:10]
    distance = np.abs(inside.values(row, others) - by_definition(inside.raw, row[0], others)).max()
    return {
        "benchmark": "shap",
        "ratio": round(found["library_interventional"]["ms_a_row"] / found["ours"]["ms_a_row"], 1),
        "ratio_to_path_dependent": round(found["library_path_dependent"]["ms_a_row"] / found["ours"]["ms_a_row"], 1),
        "seconds_library": found["library_interventional"]["ms_a_row"] * asked.rows / 1000,
        "seconds_ours": ours,
        "distance_to_definition": float(distance),
        **found,
        "inputs": {
            "data": asked.data.name, "trees": asked.trees, "nodes": sum(t.tree_.node_count for t in forest.estimators_),
            "columns": len(model.features), "encoded_columns": X.shape[1], "background": asked.background,
            "rows_ours": asked.rows, "rows_library": asked.library_rows, "scaled": "library seconds, to rows_ours",
        },
    }  # fmt: skip


def fitted(asked):
    """The pipeline as the battery holds it, rows it was not trained on, and the column each encoded one is of."""
    import numpy as np
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from assessments.battery.estimator import FittedClassifier
    from assessments.battery.tables import read_frame

    frame = read_frame(asked.data, "csv")[0].sample(frac=1, random_state=0, ignore_index=True)
    target = frame.columns[-1]
    given, half = frame.drop(columns=target), int(len(frame) * 0.7)
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    forest = RandomForestClassifier(asked.trees, random_state=0, n_jobs=1)
    pipeline = make_pipeline(encode, forest).fit(given[:half], frame[target][:half])
    model = FittedClassifier(pipeline)
    model.bind(given, [list(given)])
    numbers, texts = (list(columns) for _, _, columns in encode.transformers_[:2])
    sizes = [len(values) for values in encode.transformers_[1][1].categories_]
    names = numbers + [name for name, size in zip(texts, sizes, strict=True) for _ in range(size)]
    return model, given[half:], np.array([model.features.index(name) for name in names])


def timed(do):
    begun = time.process_time()
    found = do()
    return time.process_time() - begun, found


def cost(seconds: float, rows: int, values, answers, base: float) -> dict:
    return {
        "ms_a_row": seconds / rows * 1000,
        "additivity_error": float(abs(values.sum(axis=1) + base - answers).max()),
    }


def by_definition(raw, row, others):
    """Shapley's formula for one row over all sets of columns."""
    import numpy as np

    d = len(row)
    sets = [frozenset(chosen) for size in range(d + 1) for chosen in combinations(range(d), size)]
    rows = np.repeat(others[None], len(sets), axis=0)
    for at, chosen in enumerate(sets):
        rows[at][:, list(chosen)] = row[list(chosen)]
    worth = dict(zip(sets, raw(rows.reshape(-1, d)).reshape(len(sets), -1).mean(axis=1), strict=True))
    values = np.zeros(d)
    for chosen in sets:
        for column in set(range(d)) - chosen:
            weight = factorial(len(chosen)) * factorial(d - len(chosen) - 1) / factorial(d)
            values[column] += weight * (worth[chosen | {column}] - worth[chosen])
    return values


if __name__ == "__main__":
    raise SystemExit(main())
