"""Mutated files of every format against their readers, inside the sandbox: python fuzzing.py FOLDER EXAMPLES SEED.

For each: a scan that ends with a verdict, a loader that agrees with it, a model that answers or raises; a table, or an
error that says what to do. Anything else ends the process, which the parent sees.
"""

import io
import json
import os
import re
import sys
import warnings
import zipfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from assessments.battery import formats
from assessments.battery.errors import LoadError
from assessments.battery.tables import read_frame
from tests.battery.formats.made import people, with_categories
from tests.battery.gate.fuzzing import MUTATIONS, mutated

# By the ending of the file that was mutated.
FORMATS = {
    ".skops": "skops", ".onnx": "onnx", ".json": "xgboost", ".ubj": "xgboost", ".txt": "lightgbm",
    ".csv": "csv", ".parquet": "parquet",
}  # fmt: skip


def mutated_as(ending: str, content: bytes, mutations: list, member: int) -> bytes:
    """Mutated so that what checks the whole (sums, sizes) is right again in most cases."""
    if ending == ".skops" and member:
        return _with_members(content, mutations, member)
    changed = mutated(content, mutations)
    return _with_sizes(changed) if ending == ".txt" and member else changed


def _with_members(content: bytes, mutations: list, member: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        for position, name in enumerate(names):
            part = old.read(name)
            new.writestr(name, mutated(part, mutations) if position == member % len(names) else part)
    return out.getvalue()


def _with_sizes(content: bytes) -> bytes:
    trees = re.search(rb"(?s)\n(Tree=.*?\n)end of trees", content)
    if trees is None:
        return content
    sizes = b" ".join(b"%d" % len(part) for part in re.findall(rb"(?s)Tree=.*?(?=Tree=|\Z)", trees[1]))
    return re.sub(rb"(?m)^tree_sizes=.*$", b"tree_sizes=" + sizes, content)


def judge(path: Path, format: str) -> str:
    """What came of one file; AssertionError where scan and loader disagree, or an error does not say what to do."""
    if format in ("csv", "parquet"):
        return _table(path, format)
    verdict = formats.scan(path, format)["verdict"]
    try:
        model = formats.load(path, format)[0]
    except LoadError as error:
        return f"{verdict}, {_told(error)}"
    assert verdict == "allowed"
    for rows in (people(9), with_categories(people(9))):
        for method in ("predict_proba", "predict"):
            try:
                getattr(model, method)(rows)
            except Exception:  # noqa: S112 - a model may raise
                continue
    return "loaded"


def _told(error: LoadError) -> str:
    """The code of an error that says what is wrong and what to do."""
    if not error.message or not error.hint:
        raise AssertionError(f"{error.code}: {error.message}")
    return error.code


def _table(path: Path, format: str) -> str:
    try:
        frame, _ = read_frame(path, format)
    except LoadError as error:
        return _told(error)
    assert len(frame) >= 30
    return "read"


def main(folder: Path, examples: int, number: int) -> None:
    files = [(path.suffix, path.read_bytes()) for path in sorted(folder.iterdir()) if path.suffix in FORMATS]
    found: dict[str, Counter[str]] = {ending: Counter() for ending, _ in files}

    @seed(number)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.integers(0, len(files) - 1), MUTATIONS, st.integers(0, 40))
    def attack(which: int, mutations: list, member: int) -> None:
        ending, content = files[which]
        path = Path(f"mutated{ending}")
        path.write_bytes(mutated_as(ending, content, mutations, member))
        found[ending][judge(path, FORMATS[ending])] += 1

    attack()
    print(json.dumps(found))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.flush()
    os._exit(0)
