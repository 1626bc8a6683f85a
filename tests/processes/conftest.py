"""A whole installation in a folder, with real servers and workers; what they do is read from its database."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds before a test gives up waiting; none of them measures time
LEASE = "2"


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "tests/processes/" in str(item.path):
            item.add_marker(pytest.mark.processes)
            item.add_marker(pytest.mark.slow)
            if sys.platform != "linux":
                item.add_marker(pytest.mark.skip(reason="looks at processes through /proc"))


def wait_for(what: Callable[[], object], why: str):
    """The first true answer of what()."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {why}")


@dataclass(frozen=True)
class Process:
    """One process, told from a later one with the same number by its start."""

    pid: int
    started: str

    def parent(self) -> int | None:
        stat = self._stat()
        return None if stat is None else int(stat[1])

    def alive(self) -> bool:
        stat = self._stat()
        return stat is not None and stat[0] != "Z" and stat[19] == self.started

    def command(self) -> str:
        return Path(f"/proc/{self.pid}/cmdline").read_text().replace("\0", " ")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def _stat(self) -> list[str] | None:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            return None


def process(pid: int) -> Process | None:
    found = Process(pid, "")
    stat = found._stat()
    return None if stat is None else Process(pid, stat[19])


def children_of(parent: int) -> list[Process]:
    every = [process(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()]
    found = [one for one in every if one is not None and one.parent() == parent and one.alive()]
    return sorted(found, key=lambda one: one.pid)


def family_of(parent: int) -> list[Process]:
    direct = children_of(parent)
    return direct + [each for child in direct for each in family_of(child.pid)]


@dataclass
class Serving:
    """`manage.py serve`, running."""

    supervisor: subprocess.Popen
    port: int
    log: Path
    seen: set[Process] = field(default_factory=set)

    def look(self) -> list[Process]:
        family = family_of(self.supervisor.pid)
        self.seen.update(family)
        return family

    def child(self, word: str) -> Process:
        """The supervised child whose command has this word."""

        def find():
            self.look()
            return next((one for one in children_of(self.supervisor.pid) if word in one.command()), None)

        return wait_for(find, f"{word} runs")

    def left(self) -> list[str]:
        """The processes that were ever seen and still live."""
        return [f"{one.pid} {one.command()}" for one in self.seen if one.alive()]

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
                return answer.status < 500
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False


@dataclass
class Installation:
    folder: Path
    environment: dict[str, str]
    started: list[Serving] = field(default_factory=list)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def serve(self, *options: str) -> Serving:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        log = self.folder / f"serve-{len(self.started)}.log"
        with open(log, "ab") as out:
            supervisor = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}", "--watch", "0.5", *options],
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=out,
            )
        self.started.append(Serving(supervisor, port, log))
        return self.started[-1]

    def ask(self, sql: str) -> list[tuple]:
        if url := self.environment.get("DATABASE_URL"):
            import psycopg

            with psycopg.connect(url) as connection:
                return connection.execute(sql).fetchall()
        connection = sqlite3.connect(self.folder / "modelrisk.sqlite3", timeout=20)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def hold(self) -> None:
        """Let the assessment wait for nobody until it is let go."""
        self._tell("UPDATE assessments_assessment SET state = 'cancelled'")
        self._tell("DELETE FROM django_q_ormq")

    def let_go(self) -> None:
        self._tell("UPDATE assessments_assessment SET state = 'queued', rung_at = NULL")

    def _tell(self, sql: str) -> None:
        connection = sqlite3.connect(self.folder / "modelrisk.sqlite3", timeout=20)
        with connection:
            connection.execute(sql)
        connection.close()

    def assessment(self) -> dict:
        columns = "state, attempt, worker, error, current_test, max_attempts"
        row = self.ask(f"SELECT {columns} FROM assessments_assessment")[0]
        return dict(zip(columns.split(", "), row, strict=True))

    def recorded(self) -> list[tuple[str, str, int]]:
        """(test, status, attempt) of each result."""
        return self.ask("SELECT test, status, attempt FROM assessments_testresult ORDER BY id")

    def wait_until_done(self) -> None:
        wait_for(lambda: self.assessment()["state"] not in {"queued", "running"}, f"it ends: {self.assessment()}")
        assert self.assessment()["state"] == "done", self.assessment()

    def wait_for_the_middle(self) -> int:
        """One test is recorded, the next one runs; the number of the worker's process."""

        def middle():
            found = self.assessment()
            return found["state"] == "running" and len(self.recorded()) == 1 and found

        return int(wait_for(middle, "one test is recorded")["worker"].split(":")[1])

    def stop_all(self) -> None:
        for serving in self.started:
            serving.look()
            if serving.supervisor.poll() is None:
                serving.supervisor.kill()
                serving.supervisor.wait()
            for one in serving.seen:
                if one.alive():
                    one.kill()


def environment_for(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    fixed = {"MODELRISK_STATE_DIR": str(folder), "MODELRISK_LEASE_SECONDS": LEASE, "OMP_NUM_THREADS": "1"}
    return {**kept, **fixed, "DJANGO_SETTINGS_MODULE": "modelrisk.settings", **more}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """The state folder of a migrated installation with one assessment waiting."""
    folder = tmp_path_factory.mktemp("prepared")
    made = Installation(folder, environment_for(folder))
    made.run("manage.py", "migrate", "-v0")
    made.run("-m", "tests.processes.scene")
    # Collected once for all tests: in each copy, serve finds it fresh.
    made.run(
        "-c", "import django; django.setup(); from modelrisk.management.commands import serve; serve.collect_static()"
    )
    return folder


@pytest.fixture
def installation(prepared, tmp_path):
    """On SQLite."""
    folder = tmp_path / "state"
    shutil.copytree(prepared, folder)
    made = Installation(folder, environment_for(folder))
    yield made
    made.stop_all()


# In short runs PostgreSQL's turn is `make test-services`, which runs all of this on it.
@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.long])])
def any_installation(request, tmp_path):
    """On SQLite, and on the PostgreSQL server of MODELRISK_TEST_POSTGRES where that is set."""
    if request.param == "sqlite":
        yield request.getfixturevalue("installation")
        return
    server = os.environ.get("MODELRISK_TEST_POSTGRES")
    if not server:
        pytest.skip("MODELRISK_TEST_POSTGRES names no server")
    import psycopg

    # Its own database is made by the tests of rows, and only while they run: the server's is always there.
    door = f"{server.rsplit('/', 1)[0]}/postgres"
    name = f"modelrisk_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(door, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server.rsplit("/", 1)[0] + f"/{name}"
    made = Installation(tmp_path, environment_for(tmp_path, DATABASE_URL=url))
    try:
        made.run("manage.py", "migrate", "-v0")
        made.run("-m", "tests.processes.scene")
        yield made
    finally:
        made.stop_all()
        with psycopg.connect(door, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def log_of(serving: Serving) -> str:
    return serving.log.read_text()
