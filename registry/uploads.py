"""Uploads are streamed to disk, up to a limit."""

import threading

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler
from django.core.signals import request_finished
from django.dispatch import receiver

from registry.refusals import UploadRefused

ENVELOPE = 64 * 1024  # bytes; what a form adds to its file
DRAIN = 1024 * 1024  # bytes read at a time from an upload that is thrown away

# The file that this thread's request is receiving. Where a connection breaks Django forgets it, without deleting it.
_receiving = threading.local()


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Never keeps a file in memory, nor a file over the limit, nor anything of someone who is not signed in."""

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None) -> None:
        self.input_data = input_data
        self.limit = settings.MODELRISK_MAX_UPLOAD_BYTES
        if content_length > self.limit + ENVELOPE:
            self._refuse()

    def new_file(self, *args, **kwargs) -> None:
        user = getattr(self.request, "user", None)
        if user is not None and not user.is_authenticated:
            raise SkipFile
        super().new_file(*args, **kwargs)
        _receiving.file = self.file

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > self.limit:
            self.file.close()  # deletes it
            self._refuse()
        super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile:
        _receiving.file = None
        return super().file_complete(file_size)

    def _refuse(self) -> None:
        """Read the rest before answering: a browser that is still sending shows no answer, only a broken connection."""
        left = 4 * self.limit
        while left > 0 and (thrown_away := self.input_data.read(DRAIN)):
            left -= len(thrown_away)
        raise UploadRefused(
            f"The file is too big: the limit is {_readable(self.limit)}.",
            hint="Upload a smaller one, for example a sample of the rows, or have the administrator raise the limit.",
            code="too_big",
            field="file",
        )


@receiver(request_finished)
def delete_unfinished(**_) -> None:
    file = getattr(_receiving, "file", None)
    if file is not None:
        _receiving.file = None
        file.close()


def _readable(size: int) -> str:
    """2147483648 -> 2 GiB."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} bytes"
