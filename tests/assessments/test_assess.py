"""`manage.py assess` as its user runs it: real models, real data, the real sandbox, no server and no database."""

import copy
import html.parser
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from fairlearn.metrics import equalized_odds_difference as fairlearn_equalized_odds_difference
from sklearn import metrics
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from assessments import catalogue
from assessments.results import digest
from assessments.sandbox import selftest

pytestmark = [pytest.mark.slow, pytest.mark.processes]
ROOT = Path(__file__).resolve().parents[2]
EXACT = {"rel": 1e-9, "abs": 1e-9}
SHORT = [
    option
    for test in ("discrimination", "threshold_metrics", "probability")
    for option in ("--only", f"performance.{test}")
]
CHARTS = {  # the public names, which stay
    "roc", "precision_recall", "precision_threshold", "ks_original", "ks_adversarial", "selection_rate_sex",
    "selection_rate_age", "count_sex", "count_age", "accuracy_under_attack", "shap_importance",
}  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    """No database can be opened here, and everything temporary is in one place."""
    temporary = folder / "tmp"
    if not temporary.exists():
        temporary.mkdir()
        sandbox_was_tried(temporary)
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return kept | {
        "MODELRISK_STATE_DIR": str(folder / "state"),
        "DATABASE_URL": "sqlite:////proc/no/such/place.sqlite3",
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": "1",
    }


def sandbox_was_tried(temporary: Path) -> None:
    """As on a machine in use: not for each folder anew."""
    selftest.state()
    for kept in Path(tempfile.gettempdir()).glob("modelrisk-sandbox-*.json"):
        shutil.copy2(kept, temporary)


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), "assess", *map(str, arguments)]


def assess(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    """Run it; `folder` takes its state and temporary files."""
    return subprocess.run(
        command(*arguments), env=environment(folder), cwd=folder, capture_output=True, text=True, timeout=900
    )


def pipeline(features: pd.DataFrame, estimator):
    text = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    numbers = [name for name in features if name not in text]
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), (StandardScaler(), numbers))
    return make_pipeline(encode, estimator)


def split(path: Path, target: str, *, train: int, test: int):
    rows = pd.read_csv(path).sample(train + test, random_state=3)
    return rows.iloc[:train], rows.iloc[train:]


class Case:
    """A model and data on disk, the folder that assess wrote of them, and an own reading of both."""

    def __init__(self, folder, model, data, target, favourable):
        self.folder, self.model, self.data, self.target, self.favourable = folder, model, data, target, favourable
        joblib.dump(model, folder / "model.joblib")
        data.to_csv(folder / "data.csv", index=False)

    def run(self, out: str, *arguments: object) -> subprocess.CompletedProcess:
        return assess(
            self.folder, self.folder / "model.joblib", self.folder / "data.csv", "--target", self.target,
            "--favourable", self.favourable, "--plan", "quick", "--out", self.folder / out, *arguments,
        )  # fmt: skip

    def results(self, out: str) -> dict:
        return json.loads((self.folder / out / "results.json").read_text(encoding="utf-8"))

    def truth(self):
        """(true favourable, predicted favourable, score of the favourable label)"""
        features = self.data.drop(columns=self.target)
        wanted = type(self.model.classes_[0])(self.favourable)
        score = self.model.predict_proba(features)[:, list(self.model.classes_).index(wanted)]
        return (
            (self.data[self.target] == wanted).to_numpy(),
            self.model.predict(features) == wanted,
            score,
        )


@pytest.fixture(scope="module")
def adult(adult_csv, tmp_path_factory):
    train, test = split(adult_csv, "income", train=2000, test=500)
    features = train.drop(columns="income")
    model = pipeline(features, RandomForestClassifier(12, min_samples_leaf=3, random_state=0))
    folder = tmp_path_factory.mktemp("adult")
    case = Case(folder, model.fit(features, train["income"]), test, "income", ">50K")
    case.first = case.run("first", "--sensitive", "sex", "--sensitive", "age", "--seed", 11)
    return case


@pytest.fixture(scope="module")
def german(german_csv, tmp_path_factory):
    train, test = split(german_csv, "class-label", train=700, test=300)
    features = train.drop(columns="class-label")
    model = pipeline(features, LogisticRegression(max_iter=2000)).fit(features, train["class-label"])
    case = Case(tmp_path_factory.mktemp("german"), model, test, "class-label", "1")
    case.first = case.run("first", "--sensitive", "sex", "--sensitive", "foreign-worker", "--only", "performance",
                          "--only", "fairness")  # fmt: skip
    return case


def measured(results: dict, metric: str, **group: str) -> float:
    """The value of a measure; of several tests that report it, the one that all of them agree on."""
    found = [
        measure["value"]
        for entry in results["tests"]
        for measure in entry["measures"]
        if measure["metric"] == metric and measure["group"] == group
    ]
    assert found == pytest.approx([found[0]] * len(found), **EXACT)
    return found[0]


@pytest.mark.parametrize("name", ["adult", "german"])
def test_the_measures_are_those_of_scikit_learn(name, request):
    case = request.getfixturevalue(name)
    results, (actual, decided, score) = case.results("first"), case.truth()
    false_rate, true_rate, _ = metrics.roc_curve(actual, score, drop_intermediate=False)
    expected = {
        "roc_auc": metrics.roc_auc_score(actual, score),
        "gini": 2 * metrics.roc_auc_score(actual, score) - 1,
        "average_precision": metrics.average_precision_score(actual, score),
        "ks": np.max(np.abs(true_rate - false_rate)),
        "accuracy": metrics.accuracy_score(actual, decided),
        "precision": metrics.precision_score(actual, decided),
        "recall": metrics.recall_score(actual, decided),
        "f1": metrics.f1_score(actual, decided),
        "log_loss": metrics.log_loss(actual, np.column_stack([1 - score, score])),
        "brier": metrics.brier_score_loss(actual, score),
    }
    assert {metric: measured(results, metric) for metric in expected} == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize(("name", "column"), [("adult", "sex"), ("german", "sex"), ("german", "foreign-worker")])
def test_the_group_measures_are_those_of_fairlearn(name, column, request):
    case = request.getfixturevalue(name)
    results, (actual, decided, _) = case.results("first"), case.truth()
    groups = case.data[column].to_numpy()
    frame = MetricFrame(
        metrics={"selection_rate": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate,
                 "ppv": lambda t, p: metrics.precision_score(t, p, zero_division=0)},
        y_true=actual, y_pred=decided, sensitive_features=groups,
    )  # fmt: skip
    for group, expected in frame.by_group.iterrows():
        found = {metric: measured(results, metric, **{column: group}) for metric in expected.index}
        assert found == pytest.approx(expected.to_dict(), **EXACT)
        assert measured(results, "count", **{column: group}) == (groups == group).sum()
    for metric, function in (
        ("demographic_parity_difference", demographic_parity_difference),
        ("demographic_parity_ratio", demographic_parity_ratio),
        ("equalized_odds_difference", fairlearn_equalized_odds_difference),
    ):
        expected = function(actual, decided, sensitive_features=groups)
        assert measured(results, metric, **{column: "*"}) == pytest.approx(expected, **EXACT)


def test_age_is_compared_in_bands(adult):
    results, (_, decided, _) = adult.results("first"), adult.truth()
    bands = [
        measure["group"]["age"]
        for entry in results["tests"] if entry["id"] == "fairness.group_metrics"
        for measure in entry["measures"] if measure["metric"] == "count" and "age" in measure["group"]
    ]  # fmt: skip
    assert len(bands) > 3
    for band in bands:
        low, high = map(int, band.split("–"))
        inside = adult.data["age"].between(low, high).to_numpy()
        assert measured(results, "count", age=band) == inside.sum()
        assert measured(results, "selection_rate", age=band) == pytest.approx(decided[inside].mean(), **EXACT)


def test_a_criterion_that_fails_makes_exit_code_1(adult):
    assert adult.first.returncode == 1, adult.first.stderr
    failed = [v for v in adult.results("first")["verdicts"] if v["verdict"] == "fail"]
    assert ("demographic_parity_ratio", {"sex": "*"}) in [(v["metric"], v["group"]) for v in failed]
    assert "✕ fail" in adult.first.stdout
    assert "ROC AUC" in adult.first.stdout


def test_within_policy_is_exit_code_0(adult):
    ended = adult.run("performance", "--only", "performance")
    assert ended.returncode == 0, ended.stderr
    results = adult.results("performance")
    assert {entry["family"] for entry in results["tests"]} == {"performance"}
    not_run = {v["test"] for v in results["verdicts"] if v["verdict"] == "not_applicable"}
    assert "fairness.group_metrics" in not_run


def test_everything_is_written(adult):
    folder = adult.folder / "first"
    assert {path.name for path in folder.iterdir()} == {"results.json", "report.html", "charts"}
    written = {path.name for path in (folder / "charts").iterdir()}
    tests = adult.results("first")["tests"]
    charts = [chart["id"] for entry in tests for chart in entry["charts"]]
    assert set(charts) >= CHARTS
    assert len(charts) == len(set(charts))
    assert written == {f"{chart}.{ending}" for chart in charts for ending in ("svg", "png", "csv")}


def test_every_test_of_the_plan_is_done_or_says_why_it_does_not_apply(adult):
    tests = adult.results("first")["tests"]
    assert [entry["id"] for entry in tests] == catalogue.tests_of("quick")
    assert {entry["status"] for entry in tests} == {"done", "not_applicable"}
    assert all(entry["reason"] for entry in tests if entry["status"] == "not_applicable")


def test_neither_database_nor_temporary_files_are_left(adult):
    # What the sandbox's self-test found is kept for the next start.
    assert [path.name for path in (adult.folder / "tmp").iterdir() if "modelrisk-sandbox-" not in path.name] == []
    assert {path.name for path in (adult.folder / "state").iterdir()} <= {"secret_key"}
    assert not [path for path in adult.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.long  # in short runs three tests of the battery are run twice: test_runner.py
def test_one_seed_gives_one_result_but_for_times(adult):
    ended = adult.run("second", "--sensitive", "sex", "--sensitive", "age", "--seed", 11)
    assert ended.returncode == 1, ended.stderr
    first, second = adult.results("first"), adult.results("second")
    for results in (first, second):
        for entry in results["tests"]:
            assert entry.pop("seconds") >= 0
    assert json.dumps(first) == json.dumps(second)
    assert digest(first) == digest(second)
    for picture in (adult.folder / "first" / "charts").iterdir():
        assert picture.read_bytes() == (adult.folder / "second" / "charts" / picture.name).read_bytes()


def test_results_say_what_they_were_made_of(adult):
    import hashlib

    results = adult.results("first")
    sha256 = {
        name: hashlib.sha256((adult.folder / name).read_bytes()).hexdigest() for name in ("model.joblib", "data.csv")
    }
    assert results["schema"] == "modelrisk.results/1"
    assert results["seed"] == 11
    assert results["subject"]["model_sha256"] == sha256["model.joblib"]
    assert results["subject"]["data_sha256"] == sha256["data.csv"]
    assert results["environment"]["scikit-learn"] == __import__("sklearn").__version__
    fixed = {column["name"] for column in results["plan"]["columns"] if column["mutable"] == "fixed"}
    assert {"sex", "age"} <= fixed


class Page(html.parser.HTMLParser):
    """What a page would load, and what it would run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "action", "data"}:
                self.links.append(value)
            if name == "id":
                self.ids.append(value)


def test_the_report_needs_nothing_else(adult):
    page = Page((adult.folder / "first" / "report.html").read_text(encoding="utf-8"))
    assert not {"script", "link", "iframe", "object", "img", "form"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert {f"{chart}-title" for chart in CHARTS} <= set(page.ids)


def test_names_in_the_data_stay_text_in_the_report(german, tmp_path):
    attack = "<script>alert(1)</script>"
    renamed = german.data.assign(sex=german.data["sex"].replace({"male": attack}))
    case = Case(tmp_path, german.model, renamed, "class-label", "1")
    ended = case.run("out", "--sensitive", "sex", "--only", "fairness")
    assert ended.returncode in {0, 1}, ended.stderr
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "script" not in Page(text).tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert measured(case.results("out"), "count", sex=attack) == (renamed["sex"] == attack).sum()


def test_classes_of_another_spelling_are_matched_by_label(german, tmp_path):
    spelled = Case(tmp_path, german.model, german.data, "class-label", "good")
    spelled.data.assign(**{"class-label": np.where(german.data["class-label"] == 1, "good", "bad")}).to_csv(
        tmp_path / "data.csv", index=False
    )
    ended = spelled.run("out", "--label", "0=bad", "--label", "1=good", *SHORT)
    assert ended.returncode in {0, 1}, ended.stderr
    for metric in ("roc_auc", "f1", "log_loss"):
        assert measured(spelled.results("out"), metric) == measured(german.results("first"), metric)


def test_three_classes_are_measured_each_against_the_rest(tmp_path):
    rows = load_iris(as_frame=True).frame.sample(150, random_state=0)
    features = rows.drop(columns="target")
    model = LogisticRegression(C=0.01, max_iter=500).fit(features[:75], rows["target"][:75])
    case = Case(tmp_path, model, rows[75:], "target", "2")
    ended = case.run("out", *SHORT)
    assert ended.returncode in {0, 1}, ended.stderr  # so small a C is badly calibrated
    actual, scores = rows["target"][75:], model.predict_proba(features[75:])
    gaps = []
    for label in range(3):
        false_rate, true_rate, _ = metrics.roc_curve(actual == label, scores[:, label], drop_intermediate=False)
        gaps.append(np.max(true_rate - false_rate))
    expected = {
        "accuracy": metrics.accuracy_score(actual, scores.argmax(1)),
        "roc_auc": metrics.roc_auc_score(actual, scores, multi_class="ovr"),
        "ks": np.mean(gaps),
    }
    assert {metric: measured(case.results("out"), metric) for metric in expected} == pytest.approx(expected, **EXACT)
    legend = (tmp_path / "out" / "charts" / "roc.csv").read_text()
    assert all(f"\n{label}" in legend for label in range(3))


@pytest.mark.long
def test_a_model_that_predicts_a_number_is_assessed(german, tmp_path):
    numbers = german.data.select_dtypes("number").drop(columns="class-label")
    model = Ridge().fit(numbers.drop(columns="credit-amount"), numbers["credit-amount"])
    case = Case(tmp_path, model, numbers, "credit-amount", "")
    ended = assess(tmp_path, tmp_path / "model.joblib", tmp_path / "data.csv", "--target", "credit-amount",
                   "--plan", "quick", "--sensitive", "age", "--out", tmp_path / "out")  # fmt: skip
    assert ended.returncode in {0, 1}, ended.stderr
    results = case.results("out")
    status = {test["id"]: test["status"] for test in results["tests"]}
    assert (results["subject"]["task"], results["subject"]["favourable"]) == ("regression", "")
    assert "error" not in status.values()
    assert status["fairness.group_metrics"] == status["performance.discrimination"] == "not_applicable"
    predicted = model.predict(numbers.drop(columns="credit-amount"))
    assert measured(results, "r2") == pytest.approx(metrics.r2_score(numbers["credit-amount"], predicted), **EXACT)
    assert "r2" in [v["metric"] for v in results["verdicts"] if v["verdict"] != "not_applicable"]
    assert "favourable" not in (tmp_path / "out" / "report.html").read_text().split("judged by")[0]


def test_the_training_data_and_other_formats_are_read(german, tmp_path):
    german.data.to_parquet(tmp_path / "data.parquet")
    joblib.dump(german.data.head(60), tmp_path / "train.joblib")
    ended = assess(
        tmp_path, german.folder / "model.joblib", tmp_path / "data.parquet", "--target", "class-label",
        "--reference", tmp_path / "train.joblib", *SHORT, "--out", tmp_path / "new" / "out",
    )  # fmt: skip
    assert ended.returncode in {0, 1}, ended.stderr
    assert "Taken as favourable: class-label = 1" in ended.stderr
    results = json.loads((tmp_path / "new" / "out" / "results.json").read_text())
    assert results["subject"]["reference_rows"] == 60
    assert measured(results, "roc_auc") == measured(german.results("first"), "roc_auc")


def test_earlier_results_are_replaced_and_nothing_else_is(german):
    ended = german.run("again", *SHORT)
    assert ended.returncode in {0, 1}, ended.stderr
    assert len(german.results("again")["tests"]) == 3
    ended = german.run("again", "--only", "performance.probability")
    assert ended.returncode in {0, 1}, ended.stderr
    assert [entry["id"] for entry in german.results("again")["tests"]] == ["performance.probability"]
    assert not list((german.folder / "again" / "charts").glob("roc.*"))
    foreign = german.folder / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("my work")
    ended = german.run("mine")
    assert ended.returncode == 2
    assert "only earlier results are replaced" in ended.stderr
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


def spoil(case: Case, folder: Path, how: str) -> list[object]:
    """Files and options that are wrong in one way."""
    model, data = folder / "model.joblib", folder / "data.csv"
    joblib.dump(case.model, model)
    rows, options = case.data, []
    if how == "not a joblib":
        model.write_text("weights: 1, 2, 3\n")
    elif how == "truncated":
        model.write_bytes(model.read_bytes()[:-2000])
    elif how == "missing library":
        model.write_bytes(b"\x80\x04cno_such_library.models\nRisk\n)\x81.")
    elif how == "not an estimator":
        joblib.dump({"weights": [1, 2, 3]}, model)
    elif how == "leaves":
        joblib.dump(make_pipeline(FunctionTransformer(sys.exit), case.model), model)
    elif how == "code of its own":
        joblib.dump(make_pipeline(FunctionTransformer(copy.copy), case.model), model)
    elif how == "no model":
        model.unlink()
    elif how == "no target":
        rows = rows.drop(columns="class-label")
    elif how == "missing column":
        rows = rows.drop(columns="duration")
    elif how == "one class":
        rows = rows[rows["class-label"] == 1]
    elif how == "ten rows":
        rows = rows.head(10)
    elif how == "wrong label":
        options = ["--favourable", "approved"]
    elif how == "unknown test":
        options = ["--only", "robustness.hopskipjmp"]
    elif how == "unknown column":
        options = ["--sensitive", "gender"]
    elif how == "unreadable label":
        options = ["--label", "bad"]
    rows.to_csv(data, index=False)
    if how == "empty file":
        data.write_text("")
    elif how == "wrong ending":
        data = data.rename(folder / "data.xlsx")
    elif how == "not a table":
        data.write_bytes(bytes(range(256)) * 20)
    return [model, data, "--target", "class-label", "--favourable", "1", "--plan", "quick", *options]


# One for each place that finds fault: the command, the reading of the data, the gate, the battery.
FIRST_OF = {"no model", "unknown test", "wrong label", "not a table", "truncated", "leaves", "missing column"}
BAD_INPUT = [
    pytest.param(how, said, marks=() if how in FIRST_OF else pytest.mark.long)
    for how, said in [
        ("not a joblib", "joblib"),
        ("truncated", "ends in the middle"),
        ("missing library", "no_such_library"),
        ("not an estimator", "dict"),
        ("leaves", "sys.exit runs commands"),
        ("no model", "does not exist"),
        ("no target", "no column 'class-label'"),
        ("missing column", "duration"),
        ("one class", "class"),
        ("ten rows", "10 rows"),
        ("empty file", "is empty"),
        ("wrong ending", ".xlsx"),
        ("not a table", "data.csv"),
        ("wrong label", "approved"),
        ("unknown test", "Did you mean robustness.hopskipjump"),
        ("unknown column", "'gender'"),
        ("unreadable label", "0=bad"),
    ]
]


@pytest.mark.parametrize(("how", "said"), BAD_INPUT)
def test_bad_input_is_said_with_what_to_do_and_nothing_is_written(german, tmp_path, how, said):
    ended = assess(tmp_path, *spoil(german, tmp_path, how), "--out", tmp_path / "results" / "of model")
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    message, *hint = ended.stderr.strip().splitlines()[-2:]
    assert message
    assert hint, "says what is wrong but not what to do"
    assert ended.stdout == ""
    assert not (tmp_path / "results").exists()
    assert not [path for path in (tmp_path / "tmp").iterdir() if "modelrisk-sandbox-" not in path.name]


def test_a_model_with_code_of_its_own_is_loaded_only_when_told_to(german, tmp_path):
    arguments = spoil(german, tmp_path, "code of its own")
    options = ["--only", "performance.discrimination", "--out", tmp_path / "out"]
    refused = assess(tmp_path, *arguments, *options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "needs a waiver before it is loaded: it uses 'copy.copy'" in refused.stderr
    assert "--trust-model loads it all the same" in refused.stderr
    ended = assess(tmp_path, *arguments, *options, "--trust-model")
    assert ended.returncode in {0, 1}, ended.stderr
    assert "model.joblib is loaded whatever it says" in ended.stderr
    assert (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize("how", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_an_interrupt_ends_the_child_and_leaves_nothing(german, tmp_path, how):
    arguments = spoil(german, tmp_path, "in no way")
    running = subprocess.Popen(
        command(*arguments, "--plan", "thorough", "--out", tmp_path / "out"),
        env=environment(tmp_path), cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        # The first test has ended, others go on.
        assert any("performance." in line for line in running.stderr)
        children = of_folder(tmp_path)
        assert children
        running.send_signal(how)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 130
    assert "Stopped" in said
    assert gone(children)
    assert not (tmp_path / "out").exists()
    assert not [path for path in (tmp_path / "tmp").iterdir() if "modelrisk-sandbox-" not in path.name]


def of_folder(folder: Path) -> list[int]:
    """Processes of the battery whose command line names the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder / "tmp") in line:
            found.append(int(process.name))
    return found


def gone(processes: list[int]) -> bool:
    for _ in range(200):
        if not any(Path(f"/proc/{process}").exists() for process in processes):
            return True
        time.sleep(0.05)
    return False
