"""The file store: content-addressed, streamed both ways."""

from django.core.files.storage import FileSystemStorage
from storages.backends.s3 import S3Storage


class LocalFiles(FileSystemStorage):
    """A local folder."""


class S3Files(S3Storage):
    """A bucket."""
