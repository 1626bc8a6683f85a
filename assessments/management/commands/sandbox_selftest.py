"""manage.py sandbox_selftest: what the sandbox of this machine is made of, and whether it holds."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from assessments.sandbox import confine, selftest

WORDS = {"full": "holds", "degraded": "is DEGRADED", "refused": "does NOT hold: nothing is run"}


class Command(BaseCommand):
    help = "Try a few real attacks in the real sandbox. Exit code 0: it holds; 1: it does not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        found = selftest.examine()
        self.stdout.write(as_json(found) if json else as_text(found))
        if found.mode != "full":
            raise SystemExit(1)


def as_json(found: selftest.State) -> str:
    return json.dumps(asdict(found), indent=1)


def as_text(found: selftest.State) -> str:
    """One line for each layer, one for each attack."""
    lines = ["Layers"]
    for layer in confine.LAYERS:
        why = found.absent.get(layer, "")
        need = " (required)" if layer in confine.REQUIRED else ""
        lines.append(f"  {'absent ' if why else 'present'}  {layer}{need}{': ' if why else ''}{why}")
    lines.append("Attacks" if found.tried else "No attack was tried.")
    lines += [f"  {'good' if each.good else 'BAD '}     {each.name}: {each.said}" for each in found.tried]
    lines.append(f"The sandbox {WORDS[found.mode]}.")
    return "\n".join([*lines, *filter(None, [found.problem, found.hint])])
