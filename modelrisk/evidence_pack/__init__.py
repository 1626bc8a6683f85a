"""What a decision rests on as one zip file that an auditor takes away and verifies without ModelRisk.

contents     what is in it, file by file
log_slice    the events of the audit trail that concern it, each with the proof that it is under its seal
packing      the zip: the same bytes for the same state, no larger than allowed
verify_pack  the program that checks it; the standard library only
report       the same as one HTML file, to read and to print
"""

from typing import IO


def make(version, decision=None) -> tuple[IO[bytes], str]:
    """(the zip, open at its beginning; the SHA-256 of its manifest): of one decision, or of everything on a version."""
    from modelrisk.evidence_pack import contents, packing

    return packing.pack(*contents.of_version(version, decision))
