"""Say what a model file would do, without doing it: its verdict, its imports and how each is used, its digest.

Exit code 0: allowed. 3: it needs a security officer's waiver. 4: refused. 2: not usable, for example no such file.
"""

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from assessments.management.commands.assess import format_of
from assessments.sandbox import reading
from assessments.sandbox.plain_text import plain
from registry.refusals import BadInput

ALLOWED, NOT_USABLE, NEEDS_WAIVER, REFUSED = 0, 2, 3, 4
EXIT = {"allowed": ALLOWED, "needs_waiver": NEEDS_WAIVER, "refused": REFUSED}
WORDS = {"allowed": "allowed", "needs_waiver": "needs a waiver", "refused": "refused"}
SHOWN = 200  # imports in the table; --json has all
WIDTH = 100


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # nothing of the web is used

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a model file")
        parser.add_argument("--json", action="store_true", help="print the scan as JSON (modelrisk.scan/1)")

    def handle(self, *args: Any, **options: Any) -> None:
        for stream in (sys.stdout, sys.stderr):  # names in the file may hold what the terminal cannot show
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        path = options["file"]
        try:
            scan = reading.scan_model(path, format_of("model", path))
        except (BadInput, reading.Unreadable) as error:
            self.stderr.write(f"{error.message}\n{error.hint}".strip())
            sys.exit(NOT_USABLE)
        except OSError as error:
            self.stderr.write(f"{path} cannot be read: {error.strerror}.")
            sys.exit(NOT_USABLE)
        self.stdout.write(json.dumps(scan, indent=1) if options["json"] else table(scan, path.name))
        sys.exit(EXIT[scan["verdict"]])


def table(scan: dict[str, Any], name: str) -> str:
    """The scan for a terminal. Every text of the file is made harmless first."""
    libraries = ", ".join(f"{library} {version}" for library, version in scan["libraries"].items())
    facts = [
        ("file", name),
        ("verdict", WORDS[scan["verdict"]]),
        ("format", f"{scan['format']} ({scan['container']})"),
        ("SHA-256", scan["sha256"]),
        ("size", f"{scan['size']:,} bytes, {scan['bytes']:,} unpacked, {scan['opcodes']:,} operations"),
        ("saved with", libraries or "not told"),
        ("allow-lists", scan["allow_list"]["name"] or "none"),
    ]
    lines = [f"{label:<12} {one_line(value)}" for label, value in facts]
    for reason in scan["reasons"]:
        lines += ["", f"{one_line(reason['code'])} ({', '.join(map(one_line, reason['atlas']))})"]
        lines += wrapped(reason["message"]) + wrapped(reason["hint"])
    return "\n".join([*lines, *import_lines(scan["imports"])])


def import_lines(imports: list[dict[str, Any]]) -> list[str]:
    """One line an import, what is not allowed first."""
    if not imports:
        return []
    order = sorted(imports, key=lambda entry: (-EXIT[entry["verdict"]], entry["name"]))
    rows = [(WORDS[each["verdict"]], one_line(each["name"]), ", ".join(map(one_line, each["uses"]))) for each in order]
    widths = [max(len(row[column]) for row in rows[:SHOWN]) for column in (0, 1)]
    lines = ["", f"{len(rows):,} imports, and how each is used:"]
    lines += [f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"  and {len(rows) - SHOWN:,} more; --json lists all")
    return lines


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(one_line(text), WIDTH, initial_indent="  ", subsequent_indent="  ")


def one_line(text: str) -> str:
    return " ".join(plain(str(text), 2_000).split())
