"""Forked runs are the same runs, only sooner; and nobody outlives anybody."""

import json
import marshal
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from assessments.battery.plan import SCHEMA
from assessments.sandbox import forked, forkserver, launch
from tests.assessments.sandbox.test_launch import alive

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not forkserver.enabled(), reason="runs are not forked here"),
]


def run(tmp_path, code, *, fork=True, seconds=60, **options):
    """Run `code`; its lines and how it ended."""
    lines = []
    options.setdefault("on_line", lines.append)
    ended = launch.run(
        ["-c", code],
        **{"read": [], "write": tmp_path / "out", "seconds": seconds, "fork": fork, "threads": 1, **options},
    )
    return lines, ended


@pytest.fixture(scope="module", autouse=True)
def _a_secret():
    """What the worker has in its environment when the server is made."""
    forkserver.stop()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MODELRISK_SECRET_KEY", "a secret")
        yield


@pytest.fixture
def server(tmp_path):
    run(tmp_path, "")
    return forkserver._servers[1]


def test_it_comes_with_the_libraries_loaded(tmp_path):
    lines, ended = run(tmp_path, "import sys; print('sklearn.ensemble' in sys.modules, 'shap' in sys.modules)")
    assert (lines, ended.code) == (["True True"], 0), ended.log


def test_it_has_the_same_layers(tmp_path):
    assert run(tmp_path, "")[1].layers == run(tmp_path, "", fork=False)[1].layers == launch.layers()


@pytest.mark.parametrize(
    "code",
    [
        "import os, json; print(json.dumps(dict(os.environ))); print(sorted(os.listdir()), os.getcwd())",
        "import sys; print(sys.argv, sys.path, hash('a'), __name__); print('end', file=sys.stderr)",
        "import os; print(os.listdir('/proc/self/task').__len__(), os.getpid() == os.getpgid(0) == os.getsid(0))",
        "import resource as r; print([r.getrlimit(getattr(r, n)) for n in dir(r) if n.startswith('RLIMIT_')])",
        "import tempfile; print(tempfile.gettempdir())",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('why')",
        "1 / 0",
        "import os; os.kill(os.getpid(), 11)",
        "import os; os.kill(os.getpid(), 9)",
        "raise MemoryError",
        "import os; os._exit(7)",
    ],
    ids=lambda code: code[:40],
)
def test_it_ends_and_says_as_a_fresh_python(tmp_path, code):
    def told(fork):
        lines, ended = run(tmp_path, code, fork=fork)
        return lines, ended.code, ended.signal, ended.reason, ended.log.splitlines()[-1:]

    assert told(True) == told(False)


def test_results_are_the_same_bytes(tmp_path, tiny_files):
    inputs = tmp_path / "in"
    inputs.mkdir()
    (inputs / "model.joblib").write_bytes(tiny_files.model)
    (inputs / "data.csv").write_bytes(tiny_files.data)
    plan = {
        "schema": SCHEMA,
        "model": {"path": "model.joblib", "format": "joblib", "sha256": ""},
        "data": {"path": "data.csv", "format": "csv", "sha256": ""},
        "target": {"column": "income", "favourable": ">50K"},
        "task": "binary",
        "columns": [{"name": "sex", "role": "sensitive", "kind": "category"}],
        "tests": [
            {"id": "performance.discrimination", "params": {}},
            {"id": "performance.threshold_metrics", "params": {}},
            {"id": "robustness.hopskipjump", "params": {"rows": 10}},  # with loops that are compiled and kept
        ],
        "seed": 7,
        "plan_name": "quick",
    }
    (inputs / "plan.json").write_text(json.dumps(plan))

    def events(fork):
        lines = []
        arguments = ["-m", "assessments.battery", str(inputs / "plan.json"), str(tmp_path / "out")]
        ended = launch.run(
            arguments, read=[inputs], write=tmp_path / "out", seconds=200, on_line=lines.append, fork=fork, threads=1
        )
        found = [json.loads(line) for line in lines]
        assert [event["event"] for event in found].count("result") == 3, (lines[:2], ended.log)
        for event in found:
            event.get("outcome", {}).pop("seconds", None)
            assert event.get("outcome", {"status": "done"})["status"] == "done", event
        return found

    assert events(True) == events(False)


def test_it_sees_no_descriptor_but_its_own_and_those_it_is_given(tmp_path):
    read, write = os.pipe()
    code = f"import os; print(os.listdir('/proc/self/fd')); os.write({write}, b'hello')"
    lines, ended = run(tmp_path, code, pass_fds=[write])
    os.close(write)
    assert os.read(read, 9) == b"hello", ended.log
    os.close(read)
    listing = str(max(3, write + 1) if write == 3 else 3)  # the descriptor of the listing itself
    assert lines == [str(["0", "1", "2", *sorted({listing, str(write)}, key=int)])]


def test_runs_at_the_same_time_do_not_meet(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    def one(number):
        code = (
            f"import os, time; open('x', 'w').write('{number}'); time.sleep(0.3); print(open('x').read(), os.listdir())"
        )
        lines, _ = run(tmp_path / str(number), code)
        return lines[0].split()[0]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == ["0", "1", "2", "3"]


def test_what_one_run_changes_no_other_one_sees(tmp_path):
    run(tmp_path, "import json; json.dumps = None; import sklearn; sklearn.marked = 1")
    lines, _ = run(tmp_path, "import json, sklearn; print(json.dumps(hasattr(sklearn, 'marked')))")
    assert lines == ["false"]


def test_a_run_that_is_killed_alone_is_out_of_memory(tmp_path, server):
    _, ended = run(tmp_path, "import os; print(1, flush=True); os.kill(os.getpid(), 9)")
    assert (ended.signal, ended.reason, server.process.poll()) == (9, "out_of_memory", None)


def test_there_is_no_secret_in_it(server):
    with open(f"/proc/{server.process.pid}/environ") as environment:
        assert "a secret" not in environment.read()
    # A run that has just ended is still held for a moment.
    until = time.monotonic() + 60
    while len(links := os.listdir(f"/proc/{server.process.pid}/fd")) > 6 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(links) <= 6  # three standard ones, the socket, and what waits on it


def test_a_server_that_cannot_fork_says_so(monkeypatch):
    def no_more():
        raise BlockingIOError("no process number is left")

    monkeypatch.setattr(forked, "threads", lambda: 1)
    monkeypatch.setattr(os, "fork", no_more)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking = forkserver.Forkserver.__new__(forkserver.Forkserver)
    asking._lock, asking.control = threading.Lock(), ours
    with ours, theirs, ThreadPoolExecutor(1) as other:
        goes_on = other.submit(forked.Server(theirs)._accept)
        with pytest.raises(forkserver.Declined):
            asking.start(marshal.dumps({}), [])
        assert goes_on.result()


def test_a_run_that_is_declined_starts_afresh_and_the_server_stays(tmp_path, server, monkeypatch):
    def declined(*_):
        raise forkserver.Declined

    monkeypatch.setattr(server, "start", declined)
    lines, ended = run(tmp_path, "import sys; print('sklearn' in sys.modules)")
    assert (lines, ended.code) == (["False"], 0)
    assert (forkserver._servers[1], server.process.poll()) == (server, None)


@pytest.mark.long
def test_a_run_that_is_lost_with_it_before_it_spoke_is_run_again(tmp_path, server):
    mark = tmp_path / "out" / "seen"

    def kill_once():
        if mark.exists() and server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        return False

    code = (
        "import os, time\nif not os.path.exists('seen'):\n    open('seen', 'w').close(); time.sleep(60)\nprint('again')"
    )
    lines, ended = run(tmp_path, code, should_stop=kill_once)
    assert (lines, ended.code) == (["again"], 0)


def test_a_run_that_is_lost_after_it_spoke_says_so_and_the_next_has_a_new_server(tmp_path, server):
    lines = []

    def hear(line):
        lines.append(line)
        server.process.kill()

    _, ended = run(tmp_path, "import time; print(1, flush=True); time.sleep(60)", on_line=hear)
    assert (lines, ended.signal, ended.reason) == (["1"], 9, "lost")
    server.process.wait()
    lines, ended = run(tmp_path, "print(1)")
    assert (lines, ended.code) == (["1"], 0)
    assert forkserver._servers[1] is not server


def test_turned_off_it_starts_afresh(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELRISK_FORKSERVER", "0")
    lines, _ = run(tmp_path, "import sys; print('sklearn' in sys.modules)")
    assert lines == ["False"]


def test_one_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    forkserver.stop()
    monkeypatch.setattr(forkserver, "_rest_until", 0.0)
    monkeypatch.setattr(forkserver.forked, "__file__", "/no/such/file.py")
    lines, ended = run(tmp_path, "print(1)")
    assert (lines, ended.code) == (["1"], 0)
    monkeypatch.setattr(forkserver, "_rest_until", 0.0)


def test_server_and_runs_end_with_their_owner(tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(launch.ROOT)!r})
from pathlib import Path
from assessments.sandbox import forked, forkserver, launch
launch.run(["-c", "import os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(99)"], read=[],
           write=Path({str(tmp_path / "out")!r}), seconds=60, on_line=lambda line: print(line, flush=True), fork=True)
"""
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    both = [int(number) for number in owner.stdout.readline().split()]
    assert all(alive(each) for each in both)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    while any(alive(each) for each in both):
        time.sleep(0.01)
