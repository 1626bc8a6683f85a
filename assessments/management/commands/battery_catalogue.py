"""Write assessments/catalogue.json from the battery's own declarations. Run it after a test was added or changed."""

import json
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from assessments import catalogue


class Command(BaseCommand):
    help = "Write assessments/catalogue.json from the battery's tests."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="only say whether the file is up to date")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        text = written(asked())
        if check and catalogue.FILE.read_text() != text:
            raise CommandError("assessments/catalogue.json is out of date; run `manage.py battery_catalogue`.")
        if not check:
            catalogue.FILE.write_text(text)
        self.stdout.write(f"{len(json.loads(text))} tests")


def asked() -> Any:
    """What the battery says of itself, in its own process."""
    answer = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "assessments.battery", "--catalogue"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(answer.stdout)


def written(entries: Any) -> str:
    return json.dumps(catalogue.in_order(entries), indent=1, ensure_ascii=False) + "\n"
