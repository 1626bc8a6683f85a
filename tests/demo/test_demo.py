"""`manage.py demo` from nothing: it serves a decision that waits, stops cleanly, and goes on where it was."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelrisk.demo.visit import answers

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600  # seconds
pytestmark = [pytest.mark.long, pytest.mark.processes]


def start(state: Path, *options: str) -> subprocess.Popen:
    environment = {k: v for k, v in os.environ.items() if k not in {"DJANGO_SETTINGS_MODULE", "MODELRISK_STATE_DIR"}}
    command = [sys.executable, "manage.py", "demo", "--plan", "quick", "--port", "0", "--state", str(state), *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def said_until(demo: subprocess.Popen, words: str) -> str:
    said, until = "", time.monotonic() + PATIENCE
    while words not in said and time.monotonic() < until and (line := demo.stdout.readline()):
        said += line
    assert words in said, said
    return said


def count(state: Path, table: str) -> int:
    with sqlite3.connect(state / "modelrisk.sqlite3") as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608


def test_the_demo_serves_stops_and_goes_on(tmp_path):
    demo = start(tmp_path)
    try:
        said = said_until(demo, "Serving until Ctrl-C.")
        url = re.search(r"http://localhost:\d+", said)[0]
        assert answers(url)
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=PATIENCE)
    finally:
        demo.kill()
    assert (demo.returncode, "Stopped." in rest) == (0, True)
    assert not answers(url)

    before = {table: count(tmp_path, table) for table in ("registry_mlmodel", "assessments_assessment")}
    again = start(tmp_path, "--once")
    shown, _ = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, shown
    assert len(re.findall(r"shows 1\d tests with [1-9]\d+ charts", shown)) == 2
    assert (
        {table: count(tmp_path, table) for table in before}
        == before
        == {"registry_mlmodel": 3, "assessments_assessment": 2}
    )
