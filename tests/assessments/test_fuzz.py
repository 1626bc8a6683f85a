"""Mutated files and events: the answer is a clean refusal or a result, and nothing of ours crashes."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError
from xgboost import XGBClassifier

from assessments import catalogue, judging, policies, recording, results
from assessments.sandbox import launch, reading
from tests.assessments.test_formats import FORMATS
from tests.battery.formats import fuzzing
from tests.battery.formats.made import outcome, people, with_categories

ROOT = Path(__file__).resolve().parents[2]
# What the sandbox is given of the tests: there they cannot be listed where they are.
MODULES = [
    *(f"tests/{folder}__init__.py" for folder in ("", "battery/", "battery/formats/", "battery/gate/")),
    *(f"tests/battery/{name}.py" for name in ("formats/made", "formats/fuzzing", "gate/fuzzing")),
]
TEST = "performance.discrimination"


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """One good file of each format."""
    folder = tmp_path_factory.mktemp("seeds")
    frame = people()
    y = outcome(frame)
    for make in FORMATS.values():
        make(frame, y, folder)
    trained = XGBClassifier(n_estimators=3, enable_categorical=True).fit(with_categories(frame), y)
    trained.save_model(folder / "model.json")
    frame.assign(left=y).to_csv(folder / "data.csv", index=False)
    frame.assign(left=y).to_parquet(folder / "data.parquet")
    return folder


def fuzzed(seeds, folder, examples: int, number: int) -> tuple[launch.Ended, dict]:
    for name in MODULES:
        (folder / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "lib" / name)
    (folder / "work").mkdir()
    lines: list[str] = []
    start = f"import runpy, sys; sys.path.insert(0, {str(folder / 'lib')!r})\n"
    ended = launch.run(
        ["-c", f"{start}runpy.run_module('tests.battery.formats.fuzzing', run_name='__main__')"]
        + [str(seeds), str(examples), str(number)],
        read=[seeds, folder / "lib"],
        write=folder / "work",
        seconds=1800,
        on_line=lines.append,
    )
    return ended, json.loads(lines[-1]) if ended.code == 0 else {}


def check(ended: launch.Ended, found: dict, seeds: Path) -> None:
    assert ended.code == 0, (ended.reason, ended.signal, ended.log[-2000:])
    assert set(found) == {path.suffix for path in seeds.iterdir()}
    for ending, outcomes in found.items():
        assert sum(outcomes.values()) > 0, ending


@pytest.mark.processes
def test_mutated_files_are_refused_or_read(seeds, tmp_path):
    check(*fuzzed(seeds, tmp_path, 250, 1), seeds)


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.parametrize("number", range(4))
def test_many_mutated_files_are_refused_or_read(seeds, tmp_path, number):
    ended, found = fuzzed(seeds, tmp_path, 6_000, 100 + number)
    check(ended, found, seeds)
    print(json.dumps(found))


@pytest.mark.processes
@pytest.mark.parametrize("ending", [".parquet", ".csv", ".onnx"])
def test_the_way_from_the_parent_ends_with_an_answer(seeds, tmp_path, ending):
    """Cut and turned files through the real reading: its own error or an answer, each time."""
    (source,) = seeds.glob(f"*{ending}")
    content, format = source.read_bytes(), fuzzing.FORMATS[ending]
    for share in (0.5, 0.97):
        path = tmp_path / f"mutated{ending}"
        path.write_bytes(content[: int(len(content) * share)] + bytes(reversed(content[-40:])))
        try:
            said = reading.scan_model(path, format) if ending == ".onnx" else reading.profile_dataset(path, format)
        except reading.Unreadable as error:
            said = {"error": error.message}
        assert said.get("verdict", "refused") in {"allowed", "refused"}
        assert said.get("error", "a message")


# Events

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from(["roc_auc", TEST, "result", "done", "\x00", "\u202e", "<script>", "=1+1", "roc"]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)
GOOD = {
    "event": "result",
    "test": TEST,
    "outcome": {
        "id": TEST, "family": "f", "title": "t", "status": "done", "reason": "", "hint": "", "seconds": 1.0,
        "queries": 5, "params": {"resamples": 300},
        "measures": [{"metric": "roc_auc", "value": 0.9, "ci": [0.8, 0.95], "n": 240, "group": {}, "small": False}],
        "charts": [{"id": "roc", "title": "t", "caption": "c", "alt": "a", "data": {"kind": "roc", "series": []}}],
        "tables": [{"id": "t", "title": "t", "columns": ["a"], "rows": [["b"]]}], "notes": ["n"],
    },
}  # fmt: skip


def paths(value, here=()):
    yield here
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else []):
        yield from paths(inner, (*here, key))


PATHS = [path for path in paths(GOOD) if path]


def changed(path, value) -> dict:
    event = json.loads(json.dumps(GOOD))
    inner = event
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return event


def take(line: str) -> str:
    """What a parent does with a line, up to the document that is sealed."""
    try:
        event = recording.read_event(line)
        if event["event"] != "result":
            return event["event"]
        if event["test"] != TEST:
            return "refused"  # of a test that was not asked for
        recording.checked_outcome(catalogue.catalogue(), TEST, event["outcome"])
    except (recording.NotUnderstood, ValidationError):
        return "refused"
    entry = results.entry(catalogue.catalogue()[TEST], event["outcome"])
    verdicts = judging.judge([entry], policies.default_policy())
    assert any(verdict["test"] == TEST for verdict in verdicts)
    results.canonical({"tests": [entry], "verdicts": verdicts})
    return "kept"


def dumped(event) -> str:
    return json.dumps(event, ensure_ascii=False, allow_nan=True)


BOUNDED = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def test_the_good_event_is_kept():
    assert take(dumped(GOOD)) == "kept"


@settings(BOUNDED, max_examples=200)
@given(st.sampled_from(PATHS), VALUES)
def test_a_changed_event_is_refused_or_kept(path, value):
    assert take(dumped(changed(path, value))) in {"refused", "kept", "progress"}


@settings(BOUNDED, max_examples=100)
@given(VALUES)
def test_any_value_is_no_event_or_one(value):
    assert take(dumped(value)) in {"refused", "finished"}


@settings(BOUNDED, max_examples=100)
@given(fuzzing.MUTATIONS)
def test_a_mutated_line_is_refused_or_kept(mutations):
    line = fuzzing.mutated(dumped(GOOD).encode(), mutations).decode("utf-8", "replace")
    assert take(line) in {"refused", "kept", "finished"}


@pytest.mark.long
@settings(BOUNDED, max_examples=20_000)
@given(st.sampled_from(PATHS), VALUES, fuzzing.MUTATIONS)
def test_many_events_are_refused_or_kept(path, value, mutations):
    assert take(dumped(changed(path, value))) in {"refused", "kept", "progress"}
    line = fuzzing.mutated(dumped(changed(path, value)).encode("utf-8", "replace"), mutations)
    assert take(line.decode("utf-8", "replace")) in {"refused", "kept", "finished", "progress"}
