"""UBJSON (draft 12) as XGBoost writes it, read with limits: typed arrays become numpy arrays.

Source: https://ubjson.org; xgboost/src/common/json.cc. Lengths are believed only as far as bytes are left.
"""

from typing import Any

import numpy as np

from assessments.battery.formats._scan import Refused

MOST_DEPTH = 30
MOST_VALUES = 5_000_000
NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
PLAIN = {"T": True, "F": False, "Z": None}


def decode(content: bytes) -> Any:
    """The value: dict, list, numpy array, str, number, bool or None. Raises Refused."""
    reader = _Reader(content)
    value = reader.value(reader.marker(), 0)
    if reader.at != len(content):
        raise Refused("trailing_data", f"{len(content) - reader.at:,} bytes follow the model.")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.values = 0

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self.content) - self.at:
            raise Refused("truncated", "The file ends in the middle of a value.")
        self.at += count
        return self.content[self.at - count : self.at]

    def marker(self) -> str:
        return chr(self.take(1)[0])

    def value(self, marker: str, depth: int) -> Any:
        self.values += 1
        if depth > MOST_DEPTH or self.values > MOST_VALUES:
            raise Refused("bomb", "The file is nested too deeply or holds too many values.")
        if marker == "{":
            return self._object(depth)
        if marker == "[":
            return self._array(depth)
        if marker == "S":
            return self._text()
        if marker in PLAIN:
            return PLAIN[marker]
        return self._number(marker)

    def _number(self, marker: str) -> Any:
        if marker not in NUMBERS:
            raise Refused("unparseable", f"The file holds the unknown marker {marker!r}.")
        kind = np.dtype(NUMBERS[marker])
        return np.frombuffer(self.take(kind.itemsize), kind)[0].item()

    def _length(self) -> int:
        marker = self.marker()
        if marker not in "iUIlL":
            raise Refused("unparseable", "A length in the file is not a whole number.")
        return int(self._number(marker))

    def _text(self) -> str:
        try:
            return self.take(self._length()).decode()
        except UnicodeDecodeError as error:
            raise Refused("unparseable", "A text in the file is not UTF-8.") from error

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._next() != "}":
            key = self._text()
            if key in found:
                raise Refused("corrupt_structure", f"The key {key[:80]!r} occurs twice.")
            found[key] = self.value(self.marker(), depth + 1)
        self.take(1)
        return found

    def _next(self) -> str:
        if self.at >= len(self.content):
            raise Refused("truncated", "The file ends in the middle of a value.")
        return chr(self.content[self.at])

    def _array(self, depth: int) -> Any:
        kind = ""
        if self._next() == "$":
            self.take(1)
            kind = self.marker()
            if kind not in NUMBERS:
                raise Refused("unparseable", f"An array in the file is of the unknown type {kind!r}.")
        if self._next() == "#":
            self.take(1)
            count = self._length()
            if kind:
                of = np.dtype(NUMBERS[kind])
                return np.frombuffer(self.take(count * of.itemsize), of).astype(of.newbyteorder("="))
            if count > len(self.content) - self.at:
                raise Refused("truncated", "An array in the file is longer than the file.")
            return [self.value(self.marker(), depth + 1) for _ in range(count)]
        if kind:
            raise Refused("unparseable", "A typed array in the file has no length.")
        found = []
        while self._next() != "]":
            found.append(self.value(self.marker(), depth + 1))
        self.take(1)
        return found


def is_ubjson(content: bytes) -> bool:
    """Whether it begins with an object whose first key has a length in binary, unlike JSON."""
    return len(content) > 2 and content[:1] == b"{" and content[1:2] in (b"i", b"U", b"I", b"l", b"L")
