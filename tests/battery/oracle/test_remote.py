"""A model asked over a pipe answers as it does in place; what cannot be an answer is not taken for one."""

import contextlib
import json
import os
import threading

import joblib
import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from xgboost import XGBClassifier

from assessments.battery import introspection
from assessments.battery.errors import LoadError, ModelLost, UnfitAnswers
from assessments.battery.oracle import channel, remote, repeating, serving
from assessments.battery.plan import Target
from assessments.battery.subject import Subject
from assessments.battery.timing import OutOfTime, time_limit
from tests.battery.applicants import applicants
from tests.battery.test_estimators import NAMES, NUMBERS, prepared_by


@pytest.fixture
def served(tmp_path):
    """Put a model behind two pipes, in a thread; give the estimator that asks it."""
    ends, threads = [], []

    def serve(model):
        joblib.dump(model, tmp_path / "model.joblib")
        questions, answers = os.pipe(), os.pipe()
        given = (tmp_path / "model.joblib", "joblib", "waived", "", (questions[0], answers[1]))
        threads.append(threading.Thread(target=serving.serve, args=given))
        threads[-1].start()
        ends.extend([answers[0], questions[1]])
        return remote.connect(answers[0], questions[1])[0]

    yield serve
    for end in ends:
        os.close(end)
    for thread in threads:
        thread.join()


def boosted(kind, **params):
    frame = applicants()[NAMES].astype({"job": "category", "sex": "category"})
    return kind(n_estimators=5, **params).fit(frame, applicants()["grade"].astype("category").cat.codes)


MODELS = {
    "pipeline": lambda frame: prepared_by(LogisticRegression()).fit(frame[NAMES], frame["grade"]),
    "decision function": lambda frame: prepared_by(LinearSVC()).fit(frame[NAMES], frame["grade"]),
    "two classes": lambda frame: prepared_by(LogisticRegression()).fit(frame[NAMES], frame["repaid"]),
    "array": lambda frame: LogisticRegression().fit(frame[["age"]].to_numpy(), frame["grade"]),
    "lightgbm": lambda frame: boosted(LGBMClassifier, verbose=-1),
    "xgboost": lambda frame: boosted(XGBClassifier, enable_categorical=True),
}


@pytest.mark.parametrize("name", MODELS)
def test_each_answer_is_the_one_given_in_place(served, name):
    frame = applicants()
    model = MODELS[name](frame)
    used = frame[["age" if name == "array" else each for each in (["age"] if name == "array" else NAMES)]]
    target = "repaid" if name == "two classes" else "grade"
    table = used.assign(**{target: frame[target]})
    here, there = Subject(model, table, Target(target)), Subject(served(model), table, Target(target))
    assert np.array_equal(here.predicted, there.predicted)
    assert here.scores.tobytes() == there.scores.tobytes()
    assert here.facts() == there.facts()
    assert (introspection.is_remote(here.estimator), introspection.is_remote(there.estimator)) == (False, True)


def test_a_regression_answers_as_in_place(served):
    frame = applicants()[["age", "income"]].dropna()
    model = LinearRegression().fit(frame[["age"]], frame["income"])
    here, there = Subject(model, frame, Target("income")), Subject(served(model), frame, Target("income"))
    assert (there.task, np.array_equal(here.predicted, there.predicted)) == ("regression", True)


def test_a_model_that_raises_raises_here_and_can_be_asked_again(served):
    frame = applicants()
    there = served(prepared_by(LogisticRegression()).fit(frame[NAMES], frame["grade"]))
    with pytest.raises(remote.AnswerError, match="columns"):
        there.predict(frame[NUMBERS])
    assert len(there.predict(frame[NAMES])) == len(frame)


def test_what_is_no_model_is_refused_as_in_place(served):
    with pytest.raises(LoadError) as refused:
        served({"no": "model"})
    assert refused.value.code == "not_an_estimator"


class Fickle(LogisticRegression):
    """Answers anew each time, from its `begins`-th question of a kind on."""

    def predict(self, rows):
        return np.roll(super().predict(rows), self._turn("predict"))

    def predict_proba(self, rows):
        given = super().predict_proba(rows)
        return given + 1e-6 * self._turn("predict_proba") * np.array([1, -1])

    def _turn(self, kind) -> int:
        counts = self.__dict__.setdefault("counts", {})
        counts[kind] = counts.get(kind, 0) + 1
        return max(0, counts[kind] - self.begins)


@pytest.mark.parametrize("kind", ["predict", "predict_proba"])
@pytest.mark.parametrize("begins", [1, 9])
def test_two_answers_to_one_question_end_the_trust_for_good(served, kind, begins):
    frame = applicants()
    model = Fickle().fit(frame[["age"]], frame["repaid"])
    model.begins = begins
    there = served(model)

    def ask_on():
        for rows in range(1, 20):
            getattr(there, kind)(frame[["age"]].iloc[rows : rows + 60])

    with pytest.raises(UnfitAnswers, match="The model's answers are not reproducible: asked the same question twice"):
        ask_on()
    with pytest.raises(UnfitAnswers, match="not reproducible"):
        there.predict(frame[["age"]])


def test_the_same_answer_but_for_rounding_is_the_same():
    answer = np.array([[0.1, 0.9], [0.7, 0.3]])
    assert repeating.same(answer, answer + 1e-15)
    assert not repeating.same(answer, answer + 1e-8)
    assert repeating.same(answer.astype("f4"), answer.astype("f4") + np.float32(1e-7))
    assert not repeating.same(answer, answer.astype("f4"))
    assert not repeating.same(answer, answer[:1])
    assert not repeating.same(np.array([0, 1]), np.array([1, 0]))


def test_few_questions_are_asked_twice():
    repeats, answer = repeating.Repeats(), np.zeros(3)
    numbers = [n for n in range(1, 1001) if repeats.due("predict", repeating.Question({}, b"", answer))]
    assert numbers == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


# What the other side may do

DESCRIPTION = {
    "task": "classifier", "classes": [["int", "0"], ["int", "1"]], "features": ["age"], "n_features": 1,
    "scores": "predict_proba", "spelling": "", "identity": {"class": "C", "module": "m", "steps": []}, "notes": [],
}  # fmt: skip


def message(header, body=b"", number=1) -> bytes:
    return channel.packed({**header, "number": number}, body)


@pytest.fixture
def answered():
    """Bytes that the other side has written, whatever is asked; give what is asked of it."""
    ends = []

    def answer(*messages: bytes, ended=True):
        questions, answers = os.pipe(), os.pipe()
        os.write(answers[1], b"".join(messages))
        ends.extend([answers[0], questions[1], questions[0]])
        if ended:
            os.close(answers[1])
        else:
            ends.append(answers[1])
        return answers[0], questions[1]

    yield answer
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\x00",
        b"hello, this is no message at all",
        message({}),
        message(DESCRIPTION, number=7),
        message(DESCRIPTION | {"more": 1}),
        message(DESCRIPTION, body=b"more"),
        message(DESCRIPTION | {"classes": [["int", "0"]]}),
        message(DESCRIPTION | {"classes": [["int", "0"], ["float", "0x0.0p+0"]]}),
        message(DESCRIPTION | {"classes": [["code", "0"], ["int", "1"]]}),
        message(DESCRIPTION | {"features": [1]}),
        message(DESCRIPTION | {"features": "age"}),
        message(DESCRIPTION | {"classes": [["float", "0x1p99999"], ["int", "1"]]}),
        message(DESCRIPTION | {"task": ["classifier"]}),
        message(DESCRIPTION | {"n_features": -1}),
        message(DESCRIPTION | {"n_features": True}),
        message(DESCRIPTION | {"scores": "__reduce__"}),
        message(DESCRIPTION | {"identity": None}),
        message({"error": {"kind": "load"}}),
        message({"error": "no"}),
        message({"error": {"kind": "load", "code": "a code\n", "message": "", "hint": ""}}),
        message({"error": {"kind": "exit", "code": "", "message": "", "hint": ""}}),
        message({"error": {"kind": "other", "code": "", "message": "x" * 5_001, "hint": ""}}),
        channel.LENGTHS.pack(1 << 30, 0),
        channel.LENGTHS.pack(2, 1 << 30) + b"{}",
        channel.LENGTHS.pack(6, 0) + b'{"a":}',
        channel.LENGTHS.pack(2, 0) + b"[]",
        channel.LENGTHS.pack(200_000, 0) + b"[" * 60_000,
    ],
)
def test_a_description_that_is_none_is_not_believed(answered, first):
    with pytest.raises(ModelLost):
        remote.connect(*answered(first))


def floats(values, shape) -> bytes:
    return message({"dtype": "<f8", "shape": shape}, np.asarray(values, "<f8").tobytes(), number=2)


@pytest.mark.parametrize(
    "second",
    [
        b"",
        floats([0.5] * 4, [2, 2]),
        floats([0.5] * 6, [3, 1]),
        floats([0.5] * 5, [3, 2]),
        floats([0.5] * 6, [3, 2])[:-1],
        message({"dtype": "|O", "shape": [3, 2]}, b"\0" * 48, number=2),
        message({"dtype": "<i8", "shape": [3, 2]}, b"\0" * 48, number=2),
        message({"dtype": "<f8", "shape": [3, 2], "pickle": "x"}, b"\0" * 48, number=2),
        message({"dtype": ["<f8"], "shape": [3, 2]}, b"\0" * 48, number=2),
        floats([0.5] * 600, [3, 200]),
        floats([0.5] * 6, [3.0, 2]),
    ],
)
def test_scores_of_another_form_end_the_trust_for_good(answered, second):
    there, _ = remote.connect(*answered(message(DESCRIPTION), second))
    with pytest.raises(ModelLost):
        there.predict_proba(applicants()[["age"]].head(3))
    assert there.lost
    with pytest.raises(ModelLost):
        there.predict(applicants()[["age"]].head(3))


def test_scores_that_are_not_finite_are_refused_as_in_place(answered):
    there, _ = remote.connect(*answered(message(DESCRIPTION), floats([0.5, np.nan] * 3, [3, 2])))
    with pytest.raises(ValueError, match="not finite"):
        there.predict_proba(applicants()[["age"]].head(3))


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([[0.5, 0.5], [1.25, -0.25], [0.4, 0.6]], "they lie between -0.25 and 1.25, not 0 and 1"),
        ([[0.5, 0.5], [0.7, 0.7], [0.4, 0.6]], "those of one row add up to 1.4, not 1"),
        ([[0.0, 0.0], [1.0, 0.0], [0.4, 0.6]], "those of one row add up to 0, not 1"),
    ],
)
def test_scores_that_are_no_probabilities_end_the_trust_for_good(answered, scores, said):
    there, _ = remote.connect(*answered(message(DESCRIPTION), floats(scores, [3, 2])))
    rows = applicants()[["age"]].head(3)
    for asked in (there.predict_proba, there.predict):
        with pytest.raises(UnfitAnswers, match=f"The model's answers are not probabilities: {said}"):
            asked(rows)
    assert isinstance(there.lost, UnfitAnswers)


class Rounded(LogisticRegression):
    def predict_proba(self, rows):
        return super().predict_proba(rows).astype(self.kind)


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8"])
def test_probabilities_may_be_off_by_rounding(served, kind):
    frame = applicants()
    model = Rounded().fit(frame[["age"]], frame["grade"])
    model.kind = kind
    assert served(model).predict_proba(frame[["age"]]).dtype == kind


@pytest.mark.parametrize("codes", [[0, 1, 2], [0, -1, 1]])
def test_a_class_that_is_none_of_its_classes_is_refused(answered, codes):
    second = message({"dtype": "<i8", "shape": [3]}, np.array(codes, "<i8").tobytes(), number=2)
    there, _ = remote.connect(*answered(message(DESCRIPTION), second))
    with pytest.raises(ModelLost, match="none of its classes"):
        there.predict(applicants()[["age"]].head(3))


def test_an_answer_that_comes_too_late_is_not_that_of_the_next_question(answered):
    pipes = answered(message(DESCRIPTION), ended=False)
    there, _ = remote.connect(*pipes)
    rows = applicants()[["age"]].head(1)
    with pytest.raises(OutOfTime), time_limit(0.2):
        there.predict_proba(rows)
    late, right = np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])
    writer = _the_other_end(pipes[0])
    for number, scores in ((2, late), (3, right), (4, right)):
        os.write(writer, message({"dtype": "<f8", "shape": [1, 2]}, scores.tobytes(), number=number))
    assert np.array_equal(there.predict_proba(rows), right)


def _the_other_end(read: int) -> int:
    """The descriptor that writes to the pipe: Linux names both ends alike."""
    name = os.readlink(f"/proc/self/fd/{read}")
    others = [int(fd) for fd in os.listdir("/proc/self/fd") if fd.isdigit() and int(fd) != read]
    for each in others:
        try:
            if os.readlink(f"/proc/self/fd/{each}") == name:
                return each
        except OSError:
            continue
    raise AssertionError("no other end")


def test_a_side_that_never_answers_is_given_up(answered, monkeypatch):
    monkeypatch.setattr(channel, "LATE_SECONDS", 0.1)
    there, _ = remote.connect(*answered(message(DESCRIPTION), ended=False))
    rows = applicants()[["age"]].head(1)
    with pytest.raises(OutOfTime), time_limit(0.2):
        there.predict(rows)
    with pytest.raises(ModelLost, match="does not answer"):
        there.predict(rows)


def test_time_outs_at_any_moment_leave_the_pipes_in_step(served):
    """Questions are given up half-way, and the next one has its own answer."""
    frame = applicants()[["age"]]
    model = LogisticRegression().fit(frame, applicants()["repaid"])
    there, rng = served(model), np.random.default_rng(0)
    for rows in rng.integers(1, len(frame), 150):
        with contextlib.suppress(OutOfTime), time_limit(float(rng.uniform(2e-5, 3e-3))):
            there.predict_proba(frame.tail(rows))
        assert np.array_equal(there.predict_proba(frame.head(rows)), model.predict_proba(frame.head(rows)))


def test_nothing_in_a_message_is_code(answered):
    header = json.dumps({"__reduce__": ["os.system", "true"], "number": 1}).encode()
    with pytest.raises(ModelLost):
        remote.connect(*answered(channel.LENGTHS.pack(len(header), 4) + header + b"\x80\x04N."))
