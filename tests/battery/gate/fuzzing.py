"""Mutated model files against the gate, to be run inside the sandbox: python fuzzing.py FOLDER EXAMPLES SEED.

For each mutated file: the scan ends with a verdict; the loader agrees with it and raises its own error or nothing; a
model that loads is asked for answers, and may raise, but not crash the process: that the parent would see.
"""

import json
import os
import sys
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from assessments.battery.errors import LoadError
from assessments.battery.gate.scan import scan_model
from assessments.battery.loading import load_model

SPOTS = st.floats(0, 1, exclude_max=True)
WORDS = [
    b"cos\nsystem\n",
    b"R",
    b"b",
    b"\x81",
    b"\x93",
    b"0",
    b"N",
    b"K\x00",
    b"\x85",
    b"(",
    b"t",
    b")",
    b"]",
    b"}",
    b".",
]
NUMBERS = [number.to_bytes(8, "little", signed=True) for number in (-1, 0, 1, 2, 1 << 31, 1 << 40, (1 << 63) - 1)]
# Those that keep the length, and so mostly the form: what comes after the parser is tried by these.
KEEPING = [
    st.tuples(st.just("set"), SPOTS, st.integers(0, 255)),
    st.tuples(st.just("number"), SPOTS, st.sampled_from(NUMBERS)),
    st.tuples(st.just("copy"), SPOTS, st.tuples(SPOTS, st.integers(1, 60))),
]
BREAKING = [
    st.tuples(st.just("word"), SPOTS, st.sampled_from(WORDS)),
    st.tuples(st.just("cut"), SPOTS, st.integers(1, 30)),
    st.tuples(st.just("end"), SPOTS, st.none()),
]
MUTATIONS = st.one_of(
    st.lists(st.one_of(KEEPING), min_size=1, max_size=2),
    st.lists(st.one_of(KEEPING + BREAKING), min_size=1, max_size=4),
)


def mutated(content: bytes, mutations: list) -> bytes:
    changed = bytearray(content)
    for kind, spot, what in mutations:
        at = int(spot * len(changed))
        if kind == "set":
            changed[at : at + 1] = bytes([what])
        elif kind == "number":
            at -= at % 8
            changed[at : at + 8] = what
        elif kind == "word":
            changed[at:at] = what
        elif kind == "cut":
            del changed[at : at + what]
        elif kind == "copy":
            source, length = int(what[0] * len(changed)), what[1]
            changed[at : at + length] = changed[source : source + length]
        else:
            del changed[at:]
    return bytes(changed)


def ask(model: object) -> None:
    rows = np.random.default_rng(0).normal(size=(7, int(getattr(model, "n_features_in_", 6))))
    for method in ("predict_proba", "predict", "transform"):
        if hasattr(model, method):
            try:
                getattr(model, method)(rows)
            except Exception:
                return


def loaded(path: Path) -> tuple[object, str]:
    """The model, or the code of the error."""
    try:
        return load_model(path)[0], ""
    except LoadError as error:
        return None, error.code


def judge(path: Path) -> str:
    """What came of one file; AssertionError where scan and loader disagree."""
    verdict = scan_model(path)["verdict"]
    model, refusal = loaded(path)
    if refusal:
        # What the installed library makes of an allowed file is its own affair: it says so, and nothing else happens.
        assert verdict != "allowed" or refusal in {"not_a_model", "missing_library", "out_of_memory"}, refusal
        return f"{verdict}, {refusal}"
    assert verdict == "allowed"
    if not hasattr(model, "n_features_in_") or model.n_features_in_ < 10_000:
        ask(model)
    return "loaded"


def main(folder: Path, examples: int, number: int) -> None:
    files = sorted(folder.glob("*.joblib"))
    contents = [path.read_bytes() for path in files]
    found: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.sampled_from(contents), MUTATIONS, st.booleans())
    def attack(content: bytes, mutations: list, compressed: bool) -> None:
        path = Path("mutated.joblib")
        changed = mutated(content, mutations)
        path.write_bytes(zlib.compress(changed, 1) if compressed else changed)
        found[judge(path)] += 1

    attack()
    print(json.dumps(found))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.flush()
    os._exit(0)
