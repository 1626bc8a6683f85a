"""`manage.py seed_scale`: fill a database with made-up rows, to see how pages behave when lists are long."""

import time

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.models import MLModel


class Command(BaseCommand):
    help = "Fill an empty database with made-up models, assessments and audit events. Never one that is in use."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--models", type=int, default=1_000)
        parser.add_argument("--assessments", type=int, default=10_000)
        parser.add_argument("--events", type=int, default=100_000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--yes", action="store_true", help="even where there are models already")

    def handle(self, *args, models, assessments, events, seed, yes, **options) -> None:
        if min(models, assessments, events) < 1:
            raise CommandError("Give numbers of at least 1.")
        if MLModel.objects.exists() and not yes:
            raise CommandError("There are models in this database already. Made-up rows cannot be taken out again; "
                               "--yes puts them beside the real ones.")  # fmt: skip
        from modelrisk.seeding import Seed

        begun = time.monotonic()

        def say(done: str) -> None:
            self.stdout.write(f"{time.monotonic() - begun:6.1f} s  {done}")

        Seed(models=models, assessments=assessments, events=events, seed=seed, say=say).write()
        self.stdout.write(f"{models:,} models, {assessments:,} assessments and {events:,} audit events, all made up.")
