"""The scan of a model file as a document (`modelrisk.scan/1`), and the refusal that every check here raises."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assessments.battery.errors import LoadError, short
from assessments.battery.gate import refusal
from assessments.battery.gate.scan import imports_digest

SCHEMA = "modelrisk.scan/1"
MOST_IMPORTS = 5_000
NO_CODE = {"name": "none: the format holds no code", "sha256": hashlib.sha256(b"").hexdigest()}


class Refused(refusal.Refused):
    """What is wrong with a file, by a reason code of the gate; hint: what to do in this format."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message)
        self.hint = hint or "Save the model again with its own library, and upload the file that it wrote."

    def reason(self) -> dict[str, Any]:
        atlas = refusal.known()[self.code]["atlas"]
        return {"code": self.code, "message": self.message, "hint": self.hint, "atlas": atlas}


@dataclass(frozen=True)
class Import:
    """A thing that the file asks for: a class, a function or an operator."""

    name: str
    uses: tuple[str, ...]
    verdict: str = "allowed"
    note: str = ""


@dataclass
class Findings:
    """What the reading of a file has found so far; what was found stays where a check then refuses the file."""

    container: str = "raw"
    bytes: int = 0
    operations: int = 0
    imports: tuple[Import, ...] = ()
    libraries: dict[str, str] | None = None
    allow_list: dict[str, str] | None = None


def scan(path: Path, format: str, read: Callable[[Path, Findings], Iterable[Refused]]) -> dict[str, Any]:
    """The document for `read`, which fills the findings and gives reasons for a waiver, or raises Refused."""
    found = Findings(bytes=path.stat().st_size)
    try:
        reasons = list(read(path, found))
    except Refused as refused:
        reasons = [refused]
    except (RecursionError, MemoryError) as error:
        reasons = [_exhausting(error)]
    return document(format, found, reasons)


def document(format: str, found: Findings, reasons: list[Refused]) -> dict[str, Any]:
    imports = sorted(found.imports, key=lambda each: each.name)
    if len(imports) > MOST_IMPORTS:
        reasons.append(Refused("too_many_imports", f"The file asks for {len(imports):,} different things."))
    verdicts = [refusal.known()[reason.code]["verdict"] for reason in reasons]
    listed = [
        {"name": each.name, "uses": sorted(each.uses), "verdict": each.verdict, "note": each.note}
        for each in imports[:MOST_IMPORTS]
    ]
    return {
        "schema": SCHEMA,
        "format": format,
        "container": found.container,
        "verdict": max(verdicts, key=refusal.RANK.__getitem__, default="allowed"),
        "reasons": [reason.reason() for reason in reasons],
        "imports": listed,
        "imports_sha256": imports_digest(listed),
        "opcodes": found.operations,
        "bytes": found.bytes,
        "libraries": dict(sorted((found.libraries or {}).items())),
        "allow_list": found.allow_list or dict(NO_CODE),
    }


def refusing(path: Path, read: Callable[[Path, Findings], Iterable[Refused]]) -> Findings:
    """The findings of a file that may be loaded. Raises LoadError with the first reason against it."""
    found = Findings(bytes=path.stat().st_size)
    try:
        reasons = list(read(path, found))
    except Refused as refused:
        reasons = [refused]
    except (RecursionError, MemoryError) as error:
        reasons = [_exhausting(error)]
    if reasons:
        raise LoadError("refused_file", f"{path.name}: {reasons[0].message}", reasons[0].hint)
    return found


def _exhausting(error: Exception) -> Refused:
    if isinstance(error, MemoryError):
        hint = refusal.known()["out_of_memory"]["hint"]
        return Refused("out_of_memory", "Reading the file takes more memory than a scan may use.", hint)
    return Refused("bomb", f"The file cannot be taken apart: {short(error)}")


def content(path: Path, most: int) -> bytes:
    """The bytes of the file. Raises Refused where it is empty or larger than `most` bytes."""
    size = path.stat().st_size
    if size == 0:
        raise Refused("truncated", "The file is empty.")
    if size > most:
        raise Refused("bomb", f"The file has {size:,} bytes; at most {most:,} are read of this format.")
    return path.read_bytes()


def whole(value: Any, name: str, least: int, most: int) -> int:
    """The value, or the text of it, as a whole number in bounds. Raises Refused."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refused("unparseable", f"{name} is not a whole number.") from error
    if isinstance(value, float) and value != number:
        raise Refused("unparseable", f"{name} is not a whole number.")
    if not least <= number <= most:
        raise Refused("corrupt_structure", f"{name} is {number:,}; it must be between {least:,} and {most:,}.")
    return number
