"""One command, web and worker: it answers, recovers, stops cleanly, and gives up where it must."""

import signal
import socket
import subprocess
import sys

from modelrisk.supervisor import FAST_DEATHS
from tests.processes.conftest import ROOT, children_of, wait_for


def test_it_answers_and_stops_cleanly(installation):
    serving = installation.serve("--no-worker")
    wait_for(serving.answers, "the web server answers")
    serving.look()
    serving.supervisor.send_signal(signal.SIGINT)
    assert serving.supervisor.wait(60) == 0
    assert serving.left() == []


def test_a_killed_web_server_comes_back(installation):
    serving = installation.serve("--no-worker")
    wait_for(serving.answers, "the web server answers")
    first = serving.child("gunicorn")
    workers = children_of(first.pid)
    first.kill()
    wait_for(lambda: not any(one.alive() for one in [first, *workers]), "its processes are gone")
    wait_for(serving.answers, "it answers again")


def test_a_killed_web_worker_comes_back(installation):
    serving = installation.serve("--no-worker", "--web-workers", "1")
    wait_for(serving.answers, "the web server answers")
    master = serving.child("gunicorn")
    worker = children_of(master.pid)[0]
    worker.kill()
    wait_for(lambda: [one for one in children_of(master.pid) if one != worker], "another one is started")
    wait_for(serving.answers, "it answers again")
    assert master.alive()


def test_a_taken_address_is_said_at_once(installation):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        serving = installation.serve("--no-worker", "--bind", f"127.0.0.1:{taken.getsockname()[1]}")
        assert serving.supervisor.wait(90) == 1
    assert "Choose another one with --bind" in serving.log.read_text()


def test_it_gives_up_on_what_cannot_be_kept_alive():
    code = """
from pathlib import Path
from modelrisk import supervisor
supervisor.FIRST_PAUSE = 0.01
child = supervisor.Child("web", ["json.tool", "/nowhere"], Path.cwd())
raise SystemExit(supervisor.Supervisor([child], say=print, grace=5, each_tick=lambda: None).run())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 1
    assert done.stdout.count("starting it again") == FAST_DEATHS
    assert "giving up" in done.stdout
