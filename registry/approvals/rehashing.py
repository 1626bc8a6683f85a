"""Guard G9: is the stored file still what was registered? It is read to its end: nobody trusts the store."""

from registry import storage
from registry.approvals.gates import Blocker
from registry.models import ModelVersion
from registry.refusals import Unavailable

OF_THE_FILE = {"corrupt", "missing_file"}  # what a store says of one file; anything else is the store's own trouble


def changed(version: ModelVersion) -> Blocker | None:
    """Raises Unavailable where the file store does not answer: that is no answer, not a no."""
    try:
        for _chunk in storage.open_stream(version.artifact):
            pass
    except Unavailable as trouble:
        if trouble.code not in OF_THE_FILE:
            raise
        return Blocker(f"stored_file_{'missing' if trouble.code == 'missing_file' else 'changed'}", trouble.reason)
    return None
