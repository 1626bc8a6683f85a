"""How a person is told no. Raised anywhere below the views, mapped to HTTP once (modelrisk.errors)."""

import math

from django.core.exceptions import BadRequest


class Refused(Exception):
    """A rule says no. `reason` is a sentence for the person who asked. -> 403"""

    def __init__(self, reason: str, *, code: str = "refused") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class NotNow(str):
    """A rule's reason that lies in the state of the object, not in the person: acting on it raises Conflict."""

    code = "conflict"

    def __new__(cls, reason: str, *, code: str = "conflict") -> "NotNow":
        made = super().__new__(cls, reason)
        made.code = code
        return made


class PasswordNeeded(str):
    """A rule's reason that goes away once the person gives their password again: Refused, code `reauthenticate`."""

    __slots__ = ()
    asks_password = True  # for pages: the button may stay, for pressing it asks


class BadInput(Exception):
    """What was given cannot be used: `message` says what is wrong, `hint` what to do. -> 400

    `detail`: more about it, for programs and for the page that shows it.
    """

    def __init__(
        self, message: str, *, hint: str = "", code: str = "bad_input", field: str = "", detail: dict | None = None
    ) -> None:
        super().__init__(message)
        self.detail = detail or {}
        self.message = message
        self.hint = hint
        self.code = code
        self.field = field

    @property
    def text(self) -> str:
        """Message and hint as one line, for pages and terminals."""
        return f"{self.message} {self.hint}".strip()


class UploadRefused(BadInput, BadRequest):
    """An upload stopped while the request was still being read, where only Django's own errors have an answer."""


class RefusedFile(BadInput):
    """The gate refuses a model file: `scan` (modelrisk.scan/1) says why. Only that it was refused is kept."""

    def __init__(self, name: str, scan: dict) -> None:
        unsaid = {"message": "The scan does not say why.", "hint": "Save the model again, and upload that file."}
        first, *others = scan["reasons"] or [unsaid]
        more = f" And {len(others)} more reason{'s' * (len(others) != 1)}." if others else ""
        super().__init__(
            f"{name} is refused: {first['message']}{more}",
            hint=first["hint"],
            code="refused_file",
            field="file",
            detail={"scan": scan},
        )


class Conflict(Exception):
    """The object is no longer in a state that allows this. -> 409"""

    def __init__(self, reason: str, *, code: str = "conflict") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Waits(Exception):
    """Too many wrong passwords lately: the next one is looked at in `seconds`. -> 429, with Retry-After"""

    code = "throttled"

    def __init__(self, seconds: int) -> None:
        minutes = math.ceil(seconds / 60)
        self.reason = (
            f"Too many wrong passwords. Wait {minutes} minute{'s' * (minutes != 1)}, then try again: "
            "until then no password is looked at, not even the right one."
        )
        super().__init__(self.reason)
        self.seconds = seconds


class Unavailable(Exception):
    """Something this system needs (the file store, the sandbox) does not answer; nothing was changed. -> 503"""

    def __init__(self, reason: str, *, code: str = "unavailable") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
