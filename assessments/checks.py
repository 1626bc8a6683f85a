"""What must hold before anything is loaded: asked by `manage.py check`, and so by every start."""

from importlib import metadata
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

LEAST_JOBLIB = (1, 6)


@register(Tags.security)
def joblib_is_recent(**_: Any) -> list[CheckMessage]:
    """joblib before 1.6 reads arrays of objects with an unpickler of its own, past every restriction."""
    try:
        version = metadata.version("joblib")
    except metadata.PackageNotFoundError:
        version = "not installed"
    if _release(version) >= LEAST_JOBLIB:
        return []
    return [
        Error(
            f"joblib is {version}; models are read safely with 1.6 or newer.",
            hint="Install it with `pip install 'joblib>=1.6'`.",
            id="modelrisk.E001",
        )
    ]


def _release(version: str) -> tuple[int, ...]:
    """1.6.0rc1 -> (1, 6): the numbers before the first part that is none, two at most."""
    numbers: list[int] = []
    for part in version.split(".")[:2]:
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
