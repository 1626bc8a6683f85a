"""The wire format of protocol buffers, read field by field. ONNX needs no more, and no generated code.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

from assessments.battery.formats._scan import Refused

Value = int | memoryview


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """(number, value) of each field in order: an int, or the bytes of a text, message, packed list or fixed number.

    Raises Refused where the bytes are no message.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise Refused("unparseable", "The file is not an ONNX model: a field has the number 0.")
        if wire == 0:
            value, at = varint(message, at)
            yield number, value
            continue
        if wire == 2:
            length, at = varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise Refused("unparseable", "The file is not an ONNX model: a field is of an unknown kind.")
        if length > end - at:
            raise Refused("truncated", "The file ends in the middle of a field.")
        yield number, message[at : at + length]
        at += length


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    value = 0
    for position in range(at, min(at + 10, len(message))):
        byte = message[position]
        value |= (byte & 0x7F) << 7 * (position - at)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position + 1
    raise Refused("truncated", "The file ends in the middle of a number.")


def signed(value: Value) -> int:
    """A varint of the types int32, int64 and enum."""
    if not isinstance(value, int):
        raise Refused("unparseable", "A number was expected in the file.")
    return value - (1 << 64) if value >= 1 << 63 else value


def numbers(value: Value) -> list[int]:
    """The int64 values of one occurrence of a repeated field, packed or not."""
    if isinstance(value, int):
        return [signed(value)]
    found, at = [], 0
    while at < len(value):
        each, at = varint(value, at)
        found.append(signed(each))
    return found


def text(value: Value) -> str:
    return message(value).tobytes().decode(errors="replace")


def message(value: Value) -> memoryview:
    """The bytes of the value, as those of a message inside this one."""
    if isinstance(value, int):
        raise Refused("unparseable", "A number was found in the file where a text or a message belongs.")
    return value


def field(number: int, content: bytes) -> bytes:
    """One field of bytes, written."""
    return _written(number << 3 | 2) + _written(len(content)) + content


def number_field(number: int, value: int) -> bytes:
    """One field with a number from 0, written."""
    return _written(number << 3) + _written(value)


def _written(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
