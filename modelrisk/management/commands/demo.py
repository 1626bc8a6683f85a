"""`manage.py demo`: the whole path on one machine, from training to a decision that waits. See modelrisk/demo/."""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from assessments.models import Assessment
from modelrisk.demo import children, surroundings
from modelrisk.demo.visit import PageFault, Visitor

FINISHED = {Assessment.State.DONE, Assessment.State.FAILED, Assessment.State.CANCELLED}


class Command(BaseCommand):
    help = "Train two models, assess them in the background, and serve them with a decision waiting."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, help="the Adult census CSV, in place of the synthetic one")
        parser.add_argument("--port", type=int, help="default: 8000 or the next free one; 0: any")
        parser.add_argument("--plan", default="standard", choices=["quick", "standard", "thorough"])
        parser.add_argument("--state", type=Path, default=settings.BASE_DIR / "var" / "demo", help="where it is kept")
        parser.add_argument("--once", action="store_true", help="check every page and chart, then stop")

    def handle(self, *args, data, port, plan, state, once, **options) -> None:
        wanted = surroundings.environment(os.environ, state)
        if wanted != dict(os.environ):
            # Settings are read once, at the start: start again where the demo lives.
            os.execve(sys.executable, [sys.executable, *sys.argv], wanted)  # noqa: S606
        self.begun = time.monotonic()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if data is not None and not data.is_file():
            raise CommandError(f"There is no file {data}.")
        try:
            self.perform(data and data.resolve(), surroundings.choose_port(port), plan, state, once)
        except (children.ChildFailed, surroundings.NoPort, PageFault) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.say("Stopped. `make demo` goes on where this ended; `make demo-clean` forgets it.")

    def perform(self, data: Path | None, port: int, plan: str, state: Path, once: bool) -> None:
        title = f"Census file {data.stem}" if data else "Synthetic census"
        folder = state / "training" / (_digest(data) if data else "synthetic")
        self.say(f"Training a random forest and a gradient boosting on {data or 'a synthetic census'}")
        training = children.Training(folder, data)
        call_command("migrate", verbosity=0)
        # Only now: they ask the app registry's tables.
        from modelrisk.demo import case, story

        password = surroundings.kept_password(state)
        people = story.make_people(password)
        server = children.Server(port, state / "serve.log")
        try:
            training.wait()
            self.say("Registering three models and two versions of their data")
            told = story.tell(people, folder, title, plan)
            server.wait_until_ready()
            self.introduce(server.url, password, told.assessments)
            self.follow(server, told.assessments)
            sign = case.signing_at(server.url, password, story.access.VALIDATOR)
            version = case.walk(told.assessments["gradient_boosting"].version, people, sign)
            self.say(f"{version} is {version.get_approval_status_display()}: sign in as approver at {server.url}/")
            self.say(f"{told.held} waits for a waiver: sign in as security_officer")
            if once:
                self.inspect(server.url, password, told.assessments, version, told.held)
            else:
                self.say("Serving until Ctrl-C.")
                while True:
                    server.check()
                    time.sleep(0.5)
        finally:
            training.stop()
            server.stop()

    def introduce(self, url: str, password: str, assessments: dict[str, Assessment]) -> None:
        from modelrisk.demo.story import CAST

        self.stdout.write(f"\n  Open {self.style.SUCCESS(url)} and sign in; the password of all accounts is {password}")
        for name, part in CAST.items():
            self.stdout.write(f"    {name:<16} {part}")
        for stem, assessment in assessments.items():
            self.stdout.write(f"  {stem.replace('_', ' ')}: {url}{reverse('assessment', args=[assessment.pk])}")
        self.stdout.write("")

    def follow(self, server: children.Server, assessments: dict[str, Assessment]) -> None:
        """Print each change until all have finished. Raises CommandError where one failed."""
        seen: dict[str, tuple] = {}
        while True:
            server.check()
            for stem, assessment in assessments.items():
                assessment.refresh_from_db()
                done, planned = assessment.results.count(), len(assessment.planned_tests)
                if (now := (assessment.state, done, assessment.current_test)) != seen.get(stem):
                    seen[stem] = now
                    doing = assessment.current_test if assessment.state == assessment.State.RUNNING else ""
                    told = f"{done} of {planned} tests  {assessment.get_state_display()} {doing}"
                    self.say(f"{stem.replace('_', ' '):<18} {told.rstrip()}")
            if all(assessment.state in FINISHED for assessment in assessments.values()):
                break
            time.sleep(0.3)
        for stem, assessment in assessments.items():
            if assessment.state != Assessment.State.DONE:
                raise CommandError(f"The assessment of the {stem} {assessment.state}: {assessment.error}")
            self.say(f"{stem.replace('_', ' '):<18} {_verdicts(assessment)}")

    def inspect(self, url: str, password: str, assessments: dict[str, Assessment], version, held) -> None:
        """Read the pages as the approver does, each chart included; and what waits for the security officer."""
        try:
            approver = Visitor(url, "approver", password)
            for assessment in assessments.values():
                self.say(self.read_tests(approver, assessment))
            if str(version.model) not in approver.read(reverse("inbox")):
                raise PageFault(f"the approver's inbox does not show {version}")
            if "Sign and record" not in approver.read(reverse("review", args=[version.model.slug, version.number])):
                raise PageFault(f"the approver cannot vote on {version}")
            if str(held.model) not in Visitor(url, "security_officer", password).read(reverse("inbox")):
                raise PageFault(f"the security officer's inbox does not show {held}")
        except PageFault as error:
            raise CommandError(f"A page is not as it should be: {error}") from error

    def read_tests(self, approver: Visitor, assessment: Assessment) -> str:
        """Open the assessment and, from there, every test with its charts."""
        page = reverse("assessment", args=[assessment.pk])
        shown = approver.read(page)
        tests = charts = 0
        for result in assessment.results.prefetch_related("charts"):
            address = reverse("assessment-test", args=[assessment.pk, result.test])
            if address not in shown:
                raise PageFault(f"{page} does not lead to {address}")
            ids = [chart.chart_id for chart in result.charts.all()]
            approver.see_charts(address, ids)
            tests, charts = tests + 1, charts + len(ids)
        return f"{page} shows {tests} tests with {charts} charts"

    def say(self, text: str) -> None:
        self.stdout.write(f"[{time.monotonic() - self.begun:4.0f} s] {text}")
        self.stdout.flush()


def _digest(path: Path) -> str:
    with open(path, "rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()[:12]


def _verdicts(assessment: Assessment) -> str:
    words = list(assessment.verdicts.values_list("verdict", flat=True))
    counted = [
        f"{words.count(word)} {label}" for word, label in assessment.verdicts.model.Word.choices if word in words
    ]
    return ", ".join(counted) or "no verdicts"
