"""Check an exported audit trail without ModelRisk: Python 3.10 or newer, no other package, no network.

    python verify_log.py audit.jsonl [--checkpoints FOLDER_OR_FILE] [--key PUBLIC_KEY] [--json]

What it proves. Every event is hashed over all of its fields. Events are sealed in batches: a seal holds the root of the
Merkle tree over its batch (RFC 6962) and the hash of the seal before it. So an event that was altered, removed or moved
no longer fits its seal, and a seal that was rewritten no longer fits the next one. A whole chain that was rewritten
from some point on, or cut off, fits itself; only a signed checkpoint that was kept elsewhere tells. Give the
checkpoints, and the public key as you were told it by other means (--key); without it the signatures only prove that
one key made all.

Exit code 0: complete and unaltered. 1: not; the first event that does not fit is named. 2: the file cannot be read.

The same functions seal and verify the log inside ModelRisk; they use nothing but the standard library.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

FORMAT = 1  # of events and seals; a change of what is hashed, or how, is a new number
NOTHING = "0" * 64  # what the first seal has for the hash of the one before
CHECKPOINT = "modelrisk.checkpoint/1"
LOG = "modelrisk.auditlog/1"
EVENT_FIELDS = (
    "id",
    "at",
    "actor_id",
    "actor_name",
    "action",
    "refused",
    "object_type",
    "object_id",
    "object_label",
    "summary",
    "detail",
    "changes",
    "request_id",
    "session",
)
SEAL_FIELDS = ("number", "first_serial", "last_serial", "first_event", "last_event", "count", "root", "previous", "at")
MOST_PROBLEMS = 20


# --- hashes -------------------------------------------------------------------------------------
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, without spaces, in ASCII."""
    return _encode(value).encode("ascii")


def leaf_of(event: dict) -> str:
    """The leaf of one event, in hex: SHA-256 over 0x00 and the canonical JSON of EVENT_FIELDS and the format."""
    return hashlib.sha256(b"\x00" + canonical({**event, "format": FORMAT})).hexdigest()


def root_of(leaves: Iterable[str]) -> str:
    """The root of the Merkle tree over the leaves, as in RFC 6962, section 2.1; leaves and root in hex."""
    level = [bytes.fromhex(leaf) for leaf in leaves]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        paired = [
            hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - len(level) % 2, 2)
        ]
        level = paired + level[len(level) - len(level) % 2 :]  # an odd one goes up as it is
    return level[0].hex()


def hash_of_seal(seal: dict) -> str:
    """SHA-256 over 0x02 and the canonical JSON of SEAL_FIELDS and the format, in hex."""
    return hashlib.sha256(
        b"\x02" + canonical({**{name: seal[name] for name in SEAL_FIELDS}, "format": FORMAT})
    ).hexdigest()


# --- Ed25519, only to verify (RFC 8032, section 5.1) ---------------------------------------------
_P = 2**255 - 19
_Q = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)


def _x_of(y: int, sign: int) -> int | None:
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if (x & 1) != sign else x


def _point(packed: bytes) -> tuple | None:
    y = int.from_bytes(packed, "little")
    x = _x_of(y & ((1 << 255) - 1), y >> 255)
    y &= (1 << 255) - 1
    return None if x is None else (x, y, 1, x * y % _P)


def _plus(one: tuple, other: tuple) -> tuple:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: tuple) -> tuple:
    found = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            found = _plus(found, point)
        point = _plus(point, point)
        factor >>= 1
    return found


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0) or 0
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def signature_holds(public_key: str, signature: str, message: bytes) -> bool:
    """Whether an Ed25519 signature (64 bytes in hex) of the message is by this key (32 bytes in hex)."""
    try:
        key, signed = bytes.fromhex(public_key), bytes.fromhex(signature)
    except (ValueError, TypeError):
        return False
    if len(key) != 32 or len(signed) != 64:
        return False
    one, other, s = _point(key), _point(signed[:32]), int.from_bytes(signed[32:], "little")
    if one is None or other is None or s >= _Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(signed[:32] + key + message).digest(), "little") % _Q
    left, right = _times(s, _BASE), _plus(other, _times(challenge, one))
    same_x = (left[0] * right[2] - right[0] * left[2]) % _P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % _P == 0


def signed_bytes(statement: dict) -> bytes:
    """What the signature of a checkpoint is over."""
    return CHECKPOINT.encode() + b"\n" + canonical(statement)


def key_id(public_key: str) -> str:
    """The short name of a public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:16]


# --- what is found ------------------------------------------------------------------------------
@dataclass
class Problem:
    """One thing that does not fit. kind: altered, removed, reordered, truncated, rewritten, inserted, seal, checkpoint,
    control or trigger; serial, event and seal where they are known."""

    kind: str
    message: str
    serial: int | None = None
    event: int | None = None
    seal: int | None = None


@dataclass
class Report:
    events: int = 0
    seals: int = 0
    head: str = NOTHING  # the hash of the last seal
    waiting: int = 0  # events that no seal holds yet
    checkpoints: int = 0
    keys: list = field(default_factory=list)
    key_known: bool = False  # the signatures are by the key that the reader gave
    problems: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def add(self, kind: str, message: str, **where: int | None) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(kind, message, **where))

    def as_dict(self) -> dict:
        first = asdict(self.problems[0]) if self.problems else None
        return {"holds": self.holds, "first_problem": first, **asdict(self)}


@dataclass
class Entry:
    """One sealed event: its place in the log, its seal, the leaf that was kept, and the event where it is there."""

    serial: int
    seal: int
    event_id: int
    leaf: str
    event: dict | None


# --- checkpoints --------------------------------------------------------------------------------
def read_checkpoints(documents: Iterable[tuple], report: Report, key: str = "") -> dict:
    """{seal number: what the checkpoints say of that seal}. documents: pairs of file name and parsed JSON."""
    said: dict = {}
    keys: list = []
    previous = None
    for name, document in sorted(documents, key=lambda pair: _number(pair[1])):
        problem = _checkpoint_problem(document, key)
        if problem:
            report.add("checkpoint", f"{name}: {problem}")
            continue
        statement = document["statement"]
        if document["public_key"] not in keys:
            keys.append(document["public_key"])
        if previous is not None and statement["number"] == previous["number"] + 1:
            if statement["previous"] != hashlib.sha256(canonical(previous)).hexdigest():
                report.add("checkpoint", f"{name} does not follow the checkpoint before it.")
        elif previous is not None:
            report.notes.append(f"Between checkpoints {previous['number']} and {statement['number']} some are missing.")
        previous = statement
        report.checkpoints += 1
        for seal in statement["seals"]:
            said.setdefault(seal["number"], seal)
    report.keys = [key_id(each) for each in keys]
    report.key_known = bool(key) and keys == [key]
    if keys and not key:
        report.notes.append(
            f"Signed by the key {', '.join(report.keys)}. Compare it with the public key you were given (--key)."
        )
    return said


def _number(document: Any) -> int:
    try:
        return int(document["statement"]["number"])
    except (TypeError, KeyError, ValueError):
        return -1


def _checkpoint_problem(document: Any, key: str) -> str:
    if not isinstance(document, dict) or document.get("schema") != CHECKPOINT:
        return "it is no checkpoint of ModelRisk."
    statement, public = document.get("statement"), str(document.get("public_key", ""))
    if not isinstance(statement, dict) or not {"number", "seals", "previous"} <= set(statement):
        return "its statement is incomplete."
    if key and public != key:
        return f"it is signed by another key ({public[:16]}…) than the one given."
    if not signature_holds(public, str(document.get("signature", "")), signed_bytes(statement)):
        return "its signature does not hold: it was altered, or not made by the key that it names."
    return ""


# --- the check ----------------------------------------------------------------------------------
def check(entries: Iterable[Entry], seals: Iterable[dict], said: dict, report: Report) -> None:
    """Go through the whole log once. entries by serial, seals by number; said as from read_checkpoints."""
    check = _Check(iter(entries), said, report)
    for seal in seals:
        check.seal(seal)
    check.end()


class _Check:
    def __init__(self, entries: Iterator[Entry], said: dict, report: Report) -> None:
        self.entries, self.said, self.report = entries, said, report
        self.held: Entry | None = next(entries, None)
        self.number, self.serial, self.previous = 0, 0, NOTHING

    def seal(self, seal: dict) -> None:
        number = seal["number"]
        if number != self.number + 1:
            missing = f"Seal {self.number + 1}" + (f" to {number - 1} are" if number > self.number + 2 else " is")
            self.report.add("removed", f"{missing} missing.", serial=self.serial + 1, seal=self.number + 1)
            self.serial = seal["first_serial"] - 1
        elif seal["previous"] != self.previous:
            self.report.add(
                "seal", f"Seal {number} does not follow seal {number - 1}: one of the two was rewritten.", seal=number
            )
        self._batch(seal)
        if hash_of_seal(seal) != seal["hash"]:
            self.report.add("seal", f"Seal {number} was altered: its own hash does not fit.", seal=number)
        anchor = self.said.get(number)
        if anchor is not None and anchor["hash"] != seal["hash"]:
            self.report.add("rewritten", f"Seal {number} is another than the signed checkpoint holds.", seal=number)
        self.number, self.previous = number, seal["hash"]
        self.report.seals += 1
        self.report.head = seal["hash"]

    def _batch(self, seal: dict) -> None:
        number, before = seal["number"], len(self.report.problems)
        leaves, ids = [], []
        for entry in self._entries_of(number):
            leaves.append(self._leaf(entry))
            if ids and entry.event_id <= ids[-1]:
                self._problem("reordered", entry, f"Event {entry.event_id} stands after event {ids[-1]}.")
            ids.append(entry.event_id)
        self.report.events += len(leaves)
        self._compare_with_checkpoint(number, leaves, ids)
        if self.serial != seal["last_serial"]:
            self.report.add(
                "removed",
                f"Seal {number} holds {seal['count']} events; those from {self.serial + 1} to {seal['last_serial']} "
                "in the log are gone.",
                serial=self.serial + 1,
                seal=number,
            )
            self.serial = seal["last_serial"]
        stands = (len(ids), ids[0] if ids else None, ids[-1] if ids else None)
        fits = stands == (seal["count"], seal["first_event"], seal["last_event"]) and root_of(leaves) == seal["root"]
        if not fits and len(self.report.problems) == before:
            self.report.add(
                "altered",
                f"The events {seal['first_event']} to {seal['last_event']} do not fit seal {number}: one of them was "
                "altered, and the hash kept of it as well.",
                serial=seal["first_serial"],
                event=seal["first_event"],
                seal=number,
            )

    def _entries_of(self, number: int) -> Iterator[Entry]:
        while self.held is not None and self.held.seal == number:
            entry = self.held
            if entry.serial != self.serial + 1:
                gone = f"What stood at place {self.serial + 1} of the log, before event {entry.event_id}, is gone."
                self.report.add("removed", gone, serial=self.serial + 1, seal=number)
            self.serial = entry.serial
            yield entry
            self.held = next(self.entries, None)

    def _leaf(self, entry: Entry) -> str:
        """The leaf as it is now; of an event that is gone, as it was kept."""
        if entry.event is None:
            self._problem("removed", entry, f"Event {entry.event_id} was removed.")
            return entry.leaf
        leaf = leaf_of(entry.event)
        if leaf != entry.leaf:
            self._problem("altered", entry, f"Event {entry.event_id} was altered.")
        return leaf

    def _compare_with_checkpoint(self, number: int, leaves: list, ids: list) -> None:
        anchor = self.said.get(number)
        if anchor is None or "leaves" not in anchor:
            return
        pairs = zip_longest(zip(anchor["events"], anchor["leaves"], strict=False), zip(ids, leaves, strict=False))
        for place, (then, now) in enumerate(pairs):
            if then != now:
                event = then[0] if then else now[0]
                self.report.add(
                    "rewritten",
                    f"Event {event} is not as the signed checkpoint holds it: the log was rewritten from there on.",
                    serial=anchor["first_serial"] + place,
                    event=event,
                    seal=number,
                )
                return

    def _problem(self, kind: str, entry: Entry, message: str) -> None:
        self.report.add(kind, message, serial=entry.serial, event=entry.event_id, seal=entry.seal)

    def end(self) -> None:
        beyond = sorted(number for number in self.said if number > self.number)
        if beyond:
            first = self.said[beyond[0]]
            self.report.add(
                "truncated",
                f"The log ends at seal {self.number}; the signed checkpoints go on to seal {beyond[-1]}. It was cut "
                f"off before event {first['first_event']}.",
                serial=first["first_serial"],
                event=first["first_event"],
                seal=beyond[0],
            )
        if self.held is not None:
            self._problem("removed", self.held, f"The seal {self.held.seal} of event {self.held.event_id} is gone.")


# --- an exported file ---------------------------------------------------------------------------
class Unreadable(Exception):
    """The file is not an exported log."""


def read_export(path: Path, report: Report) -> tuple:
    """(header, entries, seals): the lines of the file, read as they are asked for; its control totals are checked."""
    header = next(_lines(path))[1]
    if header.get("schema") != LOG:
        raise Unreadable(f"{path} does not begin as {LOG} does.")
    _check_totals(path, report)
    entries = (_entry(line) for _raw, line in _lines(path) if line.get("type") == "event")
    seals = (line for _raw, line in _lines(path) if line.get("type") == "seal")
    return header, entries, seals


def _lines(path: Path) -> Iterator[tuple]:
    with open(path, "rb") as source:
        for number, raw in enumerate(source, 1):
            try:
                line = json.loads(raw)
            except ValueError:
                raise Unreadable(f"Line {number} of {path} is not JSON.") from None
            if not isinstance(line, dict):
                raise Unreadable(f"Line {number} of {path} is not a JSON object.")
            yield raw, line
        if source.tell() == 0:
            raise Unreadable(f"{path} is empty.")


def _entry(line: dict) -> Entry:
    return Entry(line["serial"], line["seal"], line["event"]["id"], line["leaf"], line["event"])


def _check_totals(path: Path, report: Report) -> None:
    """The last line says how many events there are, the first, the last, and the SHA-256 of all bytes before it."""
    hashed, count, first, last, control = hashlib.sha256(), 0, None, None, None
    for raw, line in _lines(path):
        if control is not None:
            report.add("control", "There are lines after the control totals.")
            return
        if line.get("type") == "control":
            control = line
            continue
        hashed.update(raw)
        if line.get("type") == "event":
            count, first, last = count + 1, first or line["event"]["id"], line["event"]["id"]
    counted = {"count": count, "first": first, "last": last, "sha256": hashed.hexdigest()}
    if control is None:
        report.add("control", "The file ends without its control totals: it was cut off.")
    elif {name: control.get(name) for name in counted} != counted:
        report.add("control", f"The control totals do not fit: the file says {control}, it holds {counted}.")


def verify_export(path: Path, documents: Iterable[tuple] = (), key: str = "") -> Report:
    """Everything that can be checked of an exported log. documents: as for read_checkpoints."""
    report = Report()
    said = read_checkpoints(documents, report, key)
    header, entries, seals = read_export(path, report)
    report.waiting = sum(1 for _raw, line in _lines(path) if line.get("type") == "event" and line["seal"] is None)
    sealed = (entry for entry in entries if entry.seal is not None)
    if header.get("complete"):
        check(sealed, seals, said, report)
    else:
        report.notes.append("A filtered export: each event is checked against its own leaf, but not for completeness.")
        for entry in sealed:
            report.events += 1
            if leaf_of(entry.event or {}) != entry.leaf:
                report.add("altered", f"Event {entry.event_id} was altered.", event=entry.event_id, seal=entry.seal)
    if report.waiting:
        report.notes.append(f"{report.waiting} events were not sealed yet when this was exported.")
    return report


def read_documents(place: Path) -> list:
    """(name, parsed JSON) of a checkpoint file, or of every .json file in a folder."""
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    found = []
    for file in files:
        try:
            found.append((file.name, json.loads(file.read_text())))
        except (OSError, ValueError) as error:
            raise Unreadable(f"{file} cannot be read as a checkpoint: {error}") from error
    if not found:
        raise Unreadable(f"{place} holds no checkpoint.")
    return found


def told(report: Report) -> str:
    """The report for people."""
    lines = [f"{report.events} events in {report.seals} seals; head {report.head}"]
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"{problem.kind.upper()}: {problem.message}" for problem in report.problems]
    lines.append(
        "Complete and unaltered." if report.holds else "NOT as it was written; the first problem is named first."
    )
    return "\n".join(lines)


def main(argv: list | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path, help="the exported log, JSON lines")
    parser.add_argument("--checkpoints", type=Path, help="a checkpoint, or a folder of them")
    parser.add_argument("--key", default="", help="the public key, 64 hex digits")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    asked = parser.parse_args(argv)
    try:
        documents = read_documents(asked.checkpoints) if asked.checkpoints else []
        report = verify_export(asked.log, documents, asked.key.strip().lower())
    except (Unreadable, OSError, KeyError) as error:
        print(f"{error}", file=sys.stderr)
        return 2
    print(json.dumps(report.as_dict(), indent=1) if asked.json else told(report))
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
