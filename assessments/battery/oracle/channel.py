"""Messages over a pair of pipes: a header of JSON, then raw bytes.

    8 bytes: length of the header, length of the body (two little-endian uint32)     header (JSON)     body

Every question has a number, and its answer the same, so that an answer that comes too late is told from the next one.
Nothing in here evaluates what it reads.
"""

import json
import os
import select
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

from assessments.battery.timing import undisturbed

LENGTHS = struct.Struct("<II")
MOST_HEADER = 32 << 20
MOST_BODY = (1 << 32) - 1
LATE_SECONDS = 60.0  # how long an answer that a time-out interrupted is waited for
CHUNK = 1 << 20


class Lost(Exception):
    """The other side has ended, does not answer, or says what no honest side would; the message says which."""


def packed(header: dict[str, Any], body: bytes = b"") -> bytes:
    """A whole message. Raises ValueError where it is too large to be one."""
    head = json.dumps(header, allow_nan=False).encode()
    if len(head) > MOST_HEADER or len(body) > MOST_BODY:
        raise ValueError("the rows are too large for one question; ask about fewer")
    return LENGTHS.pack(len(head), len(body)) + head + body


def parsed(head: bytes) -> dict[str, Any]:
    """The header. Raises Lost where it is not one object of JSON with finite numbers and no key twice."""
    try:
        found = json.loads(head, parse_constant=_refuse, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        raise Lost("it gave an answer that is not JSON") from error
    if not isinstance(found, dict):
        raise Lost("it gave an answer that is not an object")
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


class Asking:
    """The side that asks. One question at a time; a question that is interrupted leaves the pipes in step."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        self._poll = select.poll()
        self._inbox, self._outbox = bytearray(), bytearray()
        self._number = self._answered = 0
        self._lock = threading.Lock()
        self.lost = ""

    def ask(self, header: dict[str, Any], body: bytes = b"", *, most: int) -> tuple[dict[str, Any], bytes]:
        """The answer's header and body, of at most `most` bytes. Raises Lost, then and for ever after."""
        with self._lock:
            if self.lost:
                raise Lost(self.lost)
            try:
                self._drain()
                message = packed({**header, "number": self._number + 1}, body)
                with undisturbed:
                    self._number += 1
                    self._outbox += message
                return self._answer(most, None)
            except Lost as lost:
                self.lost = str(lost)
                raise

    def _drain(self) -> None:
        """Wait for the answer to a question that was given up."""
        deadline = time.monotonic() + LATE_SECONDS
        while self._answered < self._number:
            self._answer(MOST_BODY, deadline)

    def _answer(self, most: int, deadline: float | None) -> tuple[dict[str, Any], bytes]:
        while not (lengths := self._lengths(most)):
            self._move(deadline)
        head, whole = LENGTHS.size + lengths[0], LENGTHS.size + sum(lengths)
        while len(self._inbox) < whole:
            self._move(deadline)
        header, body = bytes(self._inbox[LENGTHS.size : head]), bytes(self._inbox[head:whole])
        with undisturbed:
            del self._inbox[:whole]
            self._answered += 1
        found = parsed(header)
        if found.pop("number", None) != self._answered:
            raise Lost("it answered another question than the one asked")
        return found, body

    def _lengths(self, most: int) -> tuple[int, int] | None:
        if len(self._inbox) < LENGTHS.size:
            return None
        head, body = LENGTHS.unpack_from(self._inbox)
        if head > MOST_HEADER or body > most:
            raise Lost("it gave an answer that is too long")
        return head, body

    def _move(self, deadline: float | None) -> None:
        """Send and receive what can be, waiting for one of both. May be interrupted by a time-out while it waits."""
        self._poll.register(self._read, select.POLLIN)
        if self._outbox:
            self._poll.register(self._write, select.POLLOUT)
        ready = dict(self._poll.poll(None if deadline is None else max(0, int(1000 * (deadline - time.monotonic())))))
        if not ready and deadline is not None:
            raise Lost("it does not answer any more")
        with undisturbed:
            if self._write in ready:
                self._send()
            if self._read in ready:
                self._receive()

    def _send(self) -> None:
        try:
            sent = os.write(self._write, self._outbox[:CHUNK])
        except BlockingIOError:
            return
        except OSError as error:
            raise Lost("it has ended") from error
        del self._outbox[:sent]
        if not self._outbox:
            self._poll.unregister(self._write)

    def _receive(self) -> None:
        try:
            got = os.read(self._read, CHUNK)
        except BlockingIOError:
            return
        if not got:
            raise Lost("it has ended")
        self._inbox += got


class Answering:
    """The side that answers, one question after the other."""

    def __init__(self, read: int, write: int) -> None:
        self._in, self._out = os.fdopen(read, "rb", buffering=CHUNK), os.fdopen(write, "wb", buffering=0)

    def questions(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Header, with its number, and body of each, until the other side closes its pipe."""
        while len(lengths := self._in.read(LENGTHS.size)) == LENGTHS.size:
            head, body = LENGTHS.unpack(lengths)
            yield parsed(self._in.read(head)), self._in.read(body)

    def answer(self, number: int, header: dict[str, Any], body: bytes = b"") -> None:
        left = memoryview(packed({**header, "number": number}, body))
        while left:
            left = left[self._out.write(left) or 0 :]
