"""Read every stored model file with the allow-list of today, as after an upgrade of the product or of a library.

Prints each file whose verdict changed. What runs or waits on a file that is not let in any more is stopped; nothing is
approved or taken out of use by it. Exit code 0: no file fares worse than before. 3: one needs a waiver now. 4: one is
refused now. 2: one could not be scanned, so that the others' outcome is not all; run it again.
"""

import argparse
import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from registry.models import Scan
from registry.rescanning import Rescanned, rescan_all

NOT_ALL, NEEDS_WAIVER, REFUSED = 2, 3, 4
WORSE = {Scan.Verdict.NEEDS_WAIVER: NEEDS_WAIVER, Scan.Verdict.REFUSED: REFUSED}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="list what would change; record nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        counts: Counter[str] = Counter()
        code = 0
        for found in rescan_all(record=not options["dry_run"]):
            counts["scanned"] += not found.problem
            counts["changed"] += found.changed
            counts["not scanned"] += bool(found.problem)
            if found.changed or found.problem:
                self.stdout.write(told(found))
            if found.worse:
                code = max(code, WORSE[found.now])
        kept = " Nothing was recorded." if options["dry_run"] else ""
        self.stdout.write(
            f"{counts['scanned']} files scanned, {counts['changed']} with another verdict, "
            f"{counts['not scanned']} could not be scanned.{kept}"
        )
        sys.exit(NOT_ALL if counts["not scanned"] else code)


def told(found: Rescanned) -> str:
    """One line: the file, its verdicts, the versions that it is, why."""
    versions = ", ".join(f"{version} ({version.get_approval_status_display()})" for version in found.versions)
    if found.problem:
        return f"{found.artifact}  not scanned: {found.problem}  {versions}"
    before, now = (Scan.Verdict(each).label if each else "never scanned" for each in (found.before, found.now))
    why = f": {', '.join(found.reasons)}" if found.reasons else ""
    return f"{found.artifact}  {before} -> {now}{why}  {versions}"
