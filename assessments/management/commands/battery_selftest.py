"""Does the battery find planted faults, and leave a clean model alone?

Exit code 0: it does. 1: a fault was missed, or the clean model was accused. The result stands in each report.
"""

import argparse
import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from assessments import policies, selftesting


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # nothing of the web is used

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
        parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how often, each time with other rows")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seeds"] < 1:
            self.stderr.write("--seeds must be at least 1.")
            sys.exit(2)
        quiet = options["json"]
        found = selftesting.run(
            options["seeds"],
            policies.default_policy(),
            tell=(lambda line: self.stderr.write(line)) if quiet else (lambda line: self.stdout.write(line)),
        )
        selftesting.keep(found, settings.BATTERY_SELFTEST_FILE)
        self.stdout.write(json.dumps(found, indent=1) if quiet else as_text(found))
        if not found["passed"]:
            sys.exit(1)


def as_text(found: dict[str, Any]) -> str:
    lines = []
    for fault in found["faults"]:
        how = f"found {fault['found']} of {fault['of']}" if fault["of"] else "no test of the catalogue looks for it"
        by = f"  {fault['test']} {fault['metric']}" if fault["test"] else ""
        lines.append(f"  {fault['name']:14} {how}{by}")
    clean = found["clean"]
    lines.append(f"  {'clean':14} accused {clean['accused']} of {clean['of']}  {'; '.join(clean['by'])}".rstrip())
    lines.append(
        "The battery finds what was planted." if found["passed"] else "The battery does NOT pass its self-test."
    )
    return "\n".join(lines)
