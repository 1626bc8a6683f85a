"""The child gets done what it should, and ends when it must."""

import contextlib
import json
import os
import sys
import time

import pytest

from assessments.sandbox import launch, spawned


def run(tmp_path, code, *arguments, seconds=30, **options):
    """Run `code` confined; its lines and how it ended."""
    lines = []
    options.setdefault("on_line", lines.append)
    ended = launch.run(
        ["-c", code, *arguments], **{"read": [], "write": tmp_path / "out", "seconds": seconds, **options}
    )
    return lines, ended


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_lines_arrive_whole_and_in_order(tmp_path):
    lines, ended = run(tmp_path, "for i in range(1000): print(i, 'é' * i)")
    assert lines == [f"{i} {'é' * i}" for i in range(1000)]
    assert (ended.code, ended.signal, ended.reason) == (0, None, "exited")


def test_the_layers_that_held_are_told(tmp_path):
    _, ended = run(tmp_path, "")
    assert ended.layers == launch.layers()
    assert "rlimits" in ended.layers


def test_a_module_runs_with_its_arguments(tmp_path):
    lines = []
    source = tmp_path / "in.json"
    source.write_text('{"b":1}')
    launch.run(
        ["-m", "json.tool", "--compact", str(source)],
        read=[source],
        write=tmp_path / "out",
        seconds=30,
        on_line=lines.append,
    )
    assert lines == ['{"b":1}']


def test_it_computes_with_the_numerical_libraries(tmp_path):
    code = """
import numpy, pandas, sys
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
x = numpy.random.default_rng(0).normal(size=(300, 4)); y = x[:, 0] > 0
for model in (HistGradientBoostingClassifier(max_iter=5), RandomForestClassifier(5, n_jobs=2)):
    print(model.fit(x, y).score(x, y) > 0.9)
"""
    lines, ended = run(tmp_path, code, seconds=120)
    assert (lines, ended.code) == (["True", "True"], 0), ended.log


def test_what_it_writes_stays_in_its_folder(tmp_path):
    _, ended = run(tmp_path, "open('found.json', 'w').write('1')")
    assert (tmp_path / "out" / "found.json").read_text() == "1", ended.log


def test_the_exit_code_and_the_log_come_back(tmp_path):
    _, ended = run(tmp_path, "import sys; sys.stderr.write('why\\x1b[31m\\x07'); sys.exit(2)")
    assert (ended.code, ended.reason, ended.log) == (2, "exited", "why")


def test_a_crash_names_its_signal(tmp_path):
    _, ended = run(tmp_path, "import os; os.kill(os.getpid(), 11)")
    assert (ended.code, ended.signal, ended.reason) == (None, 11, "exited")


def test_it_is_killed_at_the_deadline_whatever_it_ignores(tmp_path):
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(99)"
    lines, ended = run(tmp_path, code, seconds=1)
    assert (ended.signal, ended.reason) == (9, "out_of_time")
    assert not alive(int(lines[0]))


def test_it_is_killed_when_told_to_stop(tmp_path):
    lines = []
    code = "import time; print(1, flush=True); time.sleep(99)"
    _, ended = run(tmp_path, code, on_line=lines.append, should_stop=lambda: bool(lines))
    assert (lines, ended.reason) == (["1"], "stopped")


def test_closing_its_pipes_does_not_hide_it_from_the_deadline(tmp_path):
    _, ended = run(tmp_path, "import os, time; os.close(1); os.close(2); time.sleep(99)", seconds=1)
    assert ended.reason == "out_of_time"


FORKS = """
import os, time
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
print(os.getpid(), flush=True)
"""


@pytest.mark.parametrize("after", ["", "time.sleep(60)"])
def test_what_it_left_in_its_group_is_killed_when_it_has_ended(tmp_path, after):
    """Without walls, or there could be nothing of the kind."""
    lines: list[str] = []
    ended = launch.confined(
        ["-c", FORKS + after], read=[], write=tmp_path, seconds=60, on_line=lines.append, only=(),
        should_stop=lambda: bool(lines and after),
    )  # fmt: skip
    assert ended.reason == ("stopped" if after else "exited")
    given_up = time.monotonic() + 50  # what is left sleeps for 60 seconds
    while group_of(int(lines[0])) and time.monotonic() < given_up:
        time.sleep(0.01)
    assert not group_of(int(lines[0]))


def group_of(leader: int) -> list[int]:
    """The processes of its group that have not ended."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
            state, _, group = stat.read().rsplit(")", 1)[1].split()[:3]
            if int(group) == leader and state not in "ZX":
                found.append(int(pid))
    return found


def test_its_number_is_its_own_until_its_group_is_killed(tmp_path, monkeypatch):
    ours, theirs = zip(*(os.pipe() for _ in range(3)), strict=True)
    job = launch._job(["-c", ""], [], tmp_path, 60, 512, 1, (), (), False)
    made = spawned.Spawned(job, *theirs)
    for end in (*ours, *theirs):
        os.close(end)
    made.wait(60)
    with open(f"/proc/{made.pid}/stat") as stat:
        assert stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    made.kill_all()
    assert not alive(made.pid)
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("somebody else may have the number by now"))
    made.kill_all()


def test_an_error_of_the_listener_kills_the_child(tmp_path):
    def listener(line):
        raise LookupError(line)

    with pytest.raises(LookupError) as raised:
        run(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(99)", on_line=listener)
    assert not alive(int(str(raised.value)))


def test_memory_that_python_refuses_is_out_of_memory(tmp_path):
    _, ended = run(tmp_path, "b = bytearray(2 << 30)", memory_mb=1024)
    assert ended.reason == "out_of_memory"
    lines, ended = run(tmp_path, "b = bytearray(2 << 30); print(len(b))", memory_mb=8192)
    assert (lines, ended.reason) == ([str(2 << 30)], "exited")


def test_a_kill_from_outside_is_out_of_memory(tmp_path):
    """Only the kernel's memory killer ends a child with SIGKILL."""
    _, ended = run(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert (ended.signal, ended.reason) == (9, "out_of_memory")


def test_a_flood_of_errors_keeps_only_its_end(tmp_path):
    code = "import sys\nfor i in range(400): sys.stderr.write('x' * 100_000)\nsys.stderr.write('the end')"
    _, ended = run(tmp_path, code, seconds=60)
    assert ended.code == 0
    assert len(ended.log) == launch.LOG_BYTES
    assert ended.log.endswith("the end")


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.stdout.write('x' * (6 << 20))",
        "while True: print('x' * 100_000)",
        "for i in range(9999): open(f'f{i}', 'w').close()\nimport time; time.sleep(99)",
        "while True: print()",
    ],
    ids=["one long line", "endless lines", "many files", "many short lines"],
)
def test_too_much_output_ends_it(tmp_path, code):
    _, ended = run(tmp_path, code, seconds=60, on_line=lambda line: None)
    assert ended.reason == "too_much_output"


def test_it_dies_with_the_process_that_started_it(tmp_path):
    if sys.platform != "linux":
        pytest.skip("the kernel kills a child with its parent on Linux only")
    code = f"""
import sys; sys.path.insert(0, {str(launch.ROOT)!r})
from pathlib import Path
from assessments.sandbox import launch
launch.run(["-c", "import os, time; print(os.getpid(), flush=True); time.sleep(99)"], read=[],
           write=Path({str(tmp_path / "out")!r}), seconds=60, on_line=lambda line: print(line, flush=True))
"""
    import subprocess

    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while alive(child):
        time.sleep(0.01)


def test_the_child_knows_nothing_of_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELRISK_SECRET_KEY", "a secret")
    lines, _ = run(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))")
    assert "a secret" not in lines[0]
    assert json.loads(lines[0])["PYTHONHASHSEED"] == "0"
