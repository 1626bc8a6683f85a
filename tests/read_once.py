"""The real sandbox reader, asked once for each file of a test session: fixtures upload the same files often."""

import hashlib
from pathlib import Path

from assessments.sandbox import reading

_answers: dict[tuple, dict] = {}


def scan_model(path: Path, format: str) -> dict:
    return _once(reading.scan_model, path, format)


def inspect_model(path: Path, format: str, trust: str = "restricted") -> dict:
    return _once(reading.inspect_model, path, format, trust=trust)


def profile_dataset(path: Path, format: str, **options) -> dict:
    return _once(reading.profile_dataset, path, format, **options)


converted_dataset = reading.converted_dataset


def _once(read, path: Path, format: str, **options) -> dict:
    key = (read.__name__, hashlib.sha256(Path(path).read_bytes()).hexdigest(), format, *options.values())
    if key not in _answers:
        _answers[key] = read(path, format, **options)
    return _answers[key]
