"""The words, bars and folder of a report."""

import json
import os

import pytest

from assessments.reports import folder, wording
from assessments.reports.bullet import bullet, scale, zones
from assessments.reports.report import shown_table, tells_changes
from assessments.results import SCHEMA, assemble, digest


def verdict(**changes):
    return {"title": "AUC", "value": 0.5, "ci": [0.4, 0.6], "better": "higher", "warn": 0.9, "fail": 0.8} | changes


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.91649, "ratio", "0.916"), (5462.0, "rows", "5,462"), (2.2e-16, "ratio", "2.2e-16"), (0.0, "ratio", "0.000"),
     (None, "ratio", "–"), (1234.5, "nats", "1,234.500")],
)  # fmt: skip
def test_numbers_as_people_read_them(value, unit, text):
    assert wording.number(value, unit) == text


def test_groups_and_limits_as_people_read_them():
    assert wording.group({"sex": "Female"}) == "sex: Female"
    assert wording.group({"age": "* without small groups"}) == "age, without small groups"
    assert wording.group({"age": "*"}) == "age"
    assert wording.limit(verdict()) == "≥ 0.8"
    assert wording.limit(verdict(better="lower", fail=0.2)) == "≤ 0.2"


def test_the_zones_of_the_bar_meet_and_stand_on_the_right_side():
    assert zones(verdict(), 0, 1) == [("fail", 0, 0.8), ("warn", 0.8, 0.9), ("pass", 0.9, 1)]
    lower = verdict(better="lower", warn=0.1, fail=0.2)
    assert zones(lower, 0, 1) == [("pass", 0, 0.1), ("warn", 0.1, 0.2), ("fail", 0.2, 1)]


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.001, 0.7, 40.0])
def test_the_scale_shows_every_number(value):
    low, high = scale(verdict(value=value, ci=[value, None]))
    assert low <= value <= high
    assert low <= 0.8 <= high


def test_the_label_of_the_bar_is_text():
    assert "<b>" not in bullet(verdict(title='"><b>'))
    assert bullet(verdict(value=None)) == ""


@pytest.mark.parametrize(
    ("chart", "name"),
    [("roc", "roc"), ("selection_rate_a/b", "selection_rate_a_b"), ("../../etc/passwd", "_.._etc_passwd"),
     ("count_naïve café", "count_naïve café"), ("...", "chart"), ("x" * 300, "x" * 100)],
)  # fmt: skip
def test_a_chart_never_leaves_its_folder(chart, name):
    assert folder.file_name(chart) == name


def test_a_folder_that_is_not_ours_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(folder.Occupied, match="something else"):
        folder.check(tmp_path)
    with pytest.raises(folder.Occupied, match="not a folder"):
        folder.check(tmp_path / "notes.txt")
    folder.check(tmp_path / "new" / "deeper")


def test_earlier_results_with_a_stranger_among_them_are_refused(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({"schema": SCHEMA}))
    folder.check(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(folder.Occupied, match="something else"):
        folder.check(tmp_path)


def document(**changes):
    plan = {
        "model": {"sha256": "a"}, "data": {"sha256": "b"}, "reference": None, "seed": 1, "plan_name": "quick",
        "target": {"column": "y", "favourable": "1"}, "columns": [], "tests": [{"id": "b.b"}, {"id": "a.a"}],
    }  # fmt: skip
    entries = [{"id": "a.a", "seconds": 1.0, "charts": []}, {"id": "b.b", "seconds": 2.0, "charts": []}]
    return assemble({"subject": {"rows": 9, "model_sha256": "forged"}, "environment": {}}, entries, [], plan) | changes


def test_results_are_in_the_order_of_the_plan_and_digests_are_ours():
    results = document()
    assert [entry["id"] for entry in results["tests"]] == ["b.b", "a.a"]
    assert results["subject"]["model_sha256"] == "a"


def test_the_digest_is_about_everything_but_times():
    one, other = document(), document()
    other["tests"][0]["seconds"] = 99.0
    assert digest(one) == digest(other)
    assert digest(one) != digest(document(seed=2))


def test_a_failed_writing_leaves_the_old_results_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.json").write_text(json.dumps({"schema": SCHEMA, "old": True}))
    with pytest.raises(TypeError):  # a document without verdicts makes no report
        folder.write(document(verdicts=None), out, title="t", catalogue={})
    assert json.loads((out / "results.json").read_text())["old"]
    assert os.listdir(tmp_path) == ["out"]


CHANGES = [
    {"column": "gain", "before": "0", "after": "3\u202f103", "follows": False},
    {"column": "<b>", "before": "x", "after": "y", "follows": True},
]
EDITS = {
    "id": "e",
    "title": "Smallest",
    "columns": ["Row", "Edit", "Score", "In words", "Price"],
    "note": "sex held fixed",
    "rows": [[7, CHANGES, "0.31 → 0.64", "3\u202f103 more gain flips this decision.", 0.031]],
}


def test_a_table_of_changes_is_told_from_others():
    assert tells_changes(EDITS)
    assert not tells_changes({**EDITS, "rows": []})
    assert not tells_changes({**EDITS, "rows": [[7, "gain: 0 → 1", "", "", 0.1]]})


def test_changes_are_shown_with_the_old_value_struck_through():
    shown = shown_table(EDITS)
    assert shown["edits"][0][1] == CHANGES
    assert shown["edits"][0][4] == "0.031"
    assert shown_table({**EDITS, "rows": [[1, 0.5]]})["edits"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, ["The policy sets no limit for this test"]),
        ({"pass": 1}, ["The one criterion passed"]),
        ({"warn": 2}, ["All 2 criteria gave a warning"]),
        (
            {"pass": 1, "inconclusive": 1, "fail": 2},
            ["2 of 4 criteria failed", "1 of 4 criteria stayed open", "1 of 4"],
        ),
    ],
)
def test_verdicts_are_told_in_sentences_worst_first(words, said):
    told = wording.reading(words)
    assert len(told) == len(said)
    assert all(sentence.startswith(start) for sentence, start in zip(told, said, strict=True))
