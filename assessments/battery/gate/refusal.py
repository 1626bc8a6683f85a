"""Reasons: why a file is not simply allowed. Codes are public; reasons.json has verdict, hint and ATLAS ids of each."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["allowed", "needs_waiver", "refused"]
RANK: dict[str, int] = {"allowed": 0, "needs_waiver": 1, "refused": 2}
MESSAGE_LENGTH = 1000
NAMES_SHOWN = 8


class Refused(Exception):
    """The file is not read on: code is one of reasons.json, message says what was found."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.code, self.message)


@cache
def known() -> dict[str, dict[str, Any]]:
    """code -> {"verdict", "hint", "atlas"}."""
    found: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("reasons.json").read_text())["reasons"]
    return found


@dataclass
class Reasons:
    """What speaks against a file, one entry a code; the first things found of each are told, the rest counted."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, code: str, message: str) -> None:
        messages = self.found.setdefault(code, [])
        if message not in messages:
            messages.append(message)

    def __bool__(self) -> bool:
        return bool(self.found)

    def verdict(self) -> Verdict:
        verdicts: list[Verdict] = [known()[code]["verdict"] for code in self.found]
        return max(verdicts, key=RANK.__getitem__, default="allowed")

    def to_json(self) -> list[dict[str, Any]]:
        """Worst first, then in the order of reasons.json."""
        order = {code: place for place, code in enumerate(known())}
        codes = sorted(self.found, key=lambda code: (-RANK[known()[code]["verdict"]], order[code]))
        return [
            {"code": code, "message": joined(self.found[code])} | {k: known()[code][k] for k in ("hint", "atlas")}
            for code in codes
        ]


def joined(messages: list[str]) -> str:
    """Several messages as one of bounded length."""
    more = len(messages) - NAMES_SHOWN
    text = " ".join(messages[:NAMES_SHOWN]) + (f" And {more} more like these." if more > 0 else "")
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"
