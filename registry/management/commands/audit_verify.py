"""`manage.py audit_verify [--checkpoint FOLDER|FILE] [--key PUBLIC_KEY] [--json]`: is it as it was written?"""

import json
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from registry.audit import verifying
from registry.audit.verify_log import Unreadable, read_documents, told


class Command(BaseCommand):
    help = (
        "Recompute the whole audit trail and name the first event that was altered, removed, reordered or cut off. "
        "Exit code 0: complete and unaltered; 1: not; 2: a checkpoint cannot be read."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--checkpoint", type=Path, help="a checkpoint or a folder of them, kept elsewhere; default: the store's"
        )
        parser.add_argument("--key", default="", help="the public key that the checkpoints must be signed with")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args, checkpoint: Path | None, key: str, json: bool, **options) -> None:
        try:
            documents = read_documents(checkpoint) if checkpoint else None
        except Unreadable as error:
            raise CommandError(str(error), returncode=2) from error
        report = verifying.verify(documents, key=key.strip().lower())
        self.stdout.write(_as_json(report) if json else told(report))
        if not report.holds:
            sys.exit(1)


def _as_json(report) -> str:
    return json.dumps(report.as_dict(), indent=1)
