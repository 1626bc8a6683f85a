"""Pickles written instruction by instruction: what no library would save and an attacker would."""

import io
import pickle
import struct
from typing import Any

import joblib

STOP = b"."


def value(thing: Any) -> bytes:
    """Instructions that push a plain value."""
    if isinstance(thing, bytes):
        return b"B" + struct.pack("<I", len(thing)) + thing
    if isinstance(thing, tuple):
        return b"(" + b"".join(value(part) for part in thing) + b"t"
    if isinstance(thing, list):
        return b"](" + b"".join(value(part) for part in thing) + b"e"
    if isinstance(thing, dict):
        return b"}(" + b"".join(value(key) + value(part) for key, part in thing.items()) + b"u"
    if isinstance(thing, Code):
        return thing.code
    return pickle.dumps(thing, 2)[2:-1]


class Code:
    """Instructions that push something, as a value of others."""

    def __init__(self, code: bytes) -> None:
        self.code = code


def name(module: str, attribute: str) -> Code:
    """A name by STACK_GLOBAL."""
    return Code(b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, attribute)) + b"\x93")


def call(function: Code, *arguments: Any) -> Code:
    return Code(function.code + value(arguments) + b"R")


def made(kind: Code, *arguments: Any, state: Any = None) -> Code:
    return Code(kind.code + value(arguments) + b"\x81" + (value(state) + b"b" if state is not None else b""))


def stated(thing: Code, state: Any) -> Code:
    return Code(thing.code + value(state) + b"b")


def then(*things: Code) -> Code:
    """All of them happen; the last is the value."""
    return Code(b"0".join(thing.code for thing in things))


def file_of(thing: Any, protocol: int = 4) -> bytes:
    return b"\x80" + bytes([protocol]) + value(thing) + STOP


def dumped(thing: Any, **options: Any) -> bytes:
    """What joblib.dump writes."""
    target = io.BytesIO()
    joblib.dump(thing, target, **options)
    return target.getvalue()


class Calling:
    """Pickled as a call: for files that joblib itself is to write around it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments
