"""Text that came out of the sandbox, made fit to store and show: no control, bidirectional or broken characters."""

import re

# C0 and C1 controls but tab and newline, zero-width and bidirectional marks, line separators, lone surrogates.
UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
ANSI = re.compile("\x1b\\[[0-9;?]*[ -/]*[@-~]")


def plain(text: str, limit: int = 2000) -> str:
    """`text` without what could deceive a reader or a database, cut to `limit` characters."""
    text = UNFIT.sub("", ANSI.sub("", text.replace("\r\n", "\n")))
    return text if len(text) <= limit else text[: limit - 1] + "…"
