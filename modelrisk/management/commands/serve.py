"""manage.py serve: prepare the database and static files, then web server and worker under one supervisor."""

import hashlib
import json
import logging
import os
import socket
import time
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError, connection

from assessments import reaping
from assessments.sandbox import selftest
from modelrisk.supervisor import Child, Supervisor, Watchdog

logger = logging.getLogger(__name__)
DATABASE_SECONDS = 60  # how long to wait for a database that is still starting
MIGRATION_LOCK = 5_706_142_330  # any number that is ours: one host migrates at a time


class Command(BaseCommand):
    help = "Run the web server and the background worker together until Ctrl-C."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", help="address:port of the web server")
        parser.add_argument("--web-workers", type=int, default=2, help="processes of the web server")
        parser.add_argument("--workers", type=int, default=settings.WORKERS, help="assessments run at the same time")
        parser.add_argument("--no-web", action="store_true", help="only the worker")
        parser.add_argument("--no-worker", action="store_true", help="only the web server")
        parser.add_argument("--grace", type=float, default=20.0, help="seconds to finish what is going on, when told")
        parser.add_argument("--watch", type=float, default=15.0, help="seconds between two looks at waiting work")
        parser.add_argument(
            "--stall", type=float, default=100.0, help="seconds of waiting after which the worker hangs"
        )

    def handle(self, *args, **options) -> None:
        if options["no_web"] and options["no_worker"]:
            raise CommandError("With --no-web and --no-worker there is nothing to run.")
        if not options["no_web"]:
            check_free(options["bind"])
        wait_for_database(self.stderr.write)
        migrate()
        children = []
        if not options["no_web"]:
            collect_static()
            children.append(web(options["bind"], options["web_workers"]))
        if not options["no_worker"]:
            children.append(worker(options["workers"]))
        connection.close()
        supervisor = Supervisor(children, say=self.stderr.write, grace=options["grace"], each_tick=lambda: None)
        if not options["no_worker"]:
            supervisor.each_tick = watch_over(supervisor, children[-1], options["watch"], options["stall"])
        if not options["no_web"]:
            self.stdout.write(f"ModelRisk on http://{options['bind']}/  (Ctrl-C stops it)")
        self.stdout.flush()
        code = supervisor.run()
        self.stdout.write("stopped")
        if code:
            raise SystemExit(code)


def check_free(bind: str) -> None:
    """Say at once that the address cannot be used, not after gunicorn's patience."""
    host, _, port = bind.rpartition(":")
    if bind.startswith("unix:") or not port.isdigit():
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise CommandError(f"{bind} cannot be used: {error.strerror}. Choose another one with --bind.") from error


def wait_for_database(say) -> None:
    end = time.monotonic() + DATABASE_SECONDS
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError as error:
            if time.monotonic() > end:
                raise CommandError(f"The database does not answer: {error}") from error
            say("waiting for the database")
            time.sleep(2)


def migrate() -> None:
    """Web and worker may start at the same time on several hosts: one migrates, the others wait for it."""
    with connection.cursor() as cursor:
        shared = connection.vendor == "postgresql"
        if shared:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=0)
        finally:
            if shared:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def collect_static() -> None:
    """Again only when a source changed: with a manifest missing, every page would be an error."""
    root = Path(settings.STATIC_ROOT)
    mark, manifest = root / ".collected", root / "staticfiles.json"
    sources = fingerprint_of_sources()
    if manifest.exists() and mark.exists() and mark.read_text() == sources:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(sources)


def fingerprint_of_sources() -> str:
    """Names, sizes and times of all files that collectstatic would take."""
    found = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = os.stat(storage.path(name))
            found.append([name, status.st_size, status.st_mtime_ns])
    return hashlib.sha256(json.dumps(sorted(found)).encode()).hexdigest()


def web(bind: str, workers: int) -> Child:
    options = ["--bind", bind, "--workers", str(workers), "--threads", "4", "--timeout", "120"]
    arguments = ["gunicorn", "modelrisk.wsgi:application", *options, "--no-control-socket", "--log-level", "warning"]
    return Child("web", arguments, settings.BASE_DIR, {"DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]})


def worker(workers: int) -> Child:
    tell_of_the_sandbox()
    return Child(
        "worker",
        ["django", "qcluster"],
        settings.BASE_DIR,
        {"DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"], "MODELRISK_WORKERS": str(workers)},
        before_start=resume,
        while_stopping=hand_back,
    )


def tell_of_the_sandbox() -> None:
    """Tried before the first run; each run asks for what was found, and is refused with it where it is not good."""
    found = selftest.state()
    if found.mode != "full":
        logger.error("the sandbox is %s. %s %s", found.mode, found.problem, found.hint)


def resume(child: Child) -> None:
    """What the worker's last life held is free at once; its lease need not run out first."""
    try:
        if child.id:
            reaping.release(child.id)
        reaping.reap()
    except DatabaseError:
        logger.exception("could not look for abandoned assessments")
    finally:
        connection.close()


def hand_back(child: Child) -> None:
    """Assessments that run go back to the queue; their workers notice within a second, and end when told."""
    try:
        reaping.hand_back(child.id)
    except DatabaseError:
        logger.exception("could not hand running assessments back")
    finally:
        connection.close()


def watch_over(supervisor: Supervisor, child: Child, every: float, stall: float):
    """A function for each tick: reaps, and restarts the worker when it takes no work."""
    host = socket.gethostname()
    watchdog = Watchdog(waiting=reaping.waiting, working=lambda: reaping.working(host), seconds=stall)
    next_look = time.monotonic() + every

    def look() -> None:
        nonlocal next_look
        now = time.monotonic()
        if now < next_look:
            return
        next_look = now + every
        try:
            reaping.reap()
            stalled = watchdog.stalled(now)
        except DatabaseError:
            logger.exception("could not look at waiting assessments")
            return
        finally:
            connection.close()
        if stalled:
            supervisor.restart(child, "takes no work though some is waiting")

    return look
