"""`manage.py make_bucket`: make the buckets of the file store and of the audit checkpoints, unless they are there."""

from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Make the buckets named by MODELRISK_S3_BUCKET and MODELRISK_AUDIT_S3_BUCKET, unless they are there already. "
        "With MODELRISK_AUDIT_LOCK_DAYS the latter gets Object Lock, which no bucket can be given afterwards."
    )
    requires_system_checks = ()

    def handle(self, *args, **options) -> None:
        if not settings.S3_BUCKET and not settings.AUDIT_S3_BUCKET:
            raise CommandError("MODELRISK_S3_BUCKET is not set: files are kept in a local folder, no bucket is needed.")
        if settings.S3_BUCKET:
            self._make("default", settings.S3_BUCKET, locked=False)
        if settings.AUDIT_S3_BUCKET:
            self._make("audit", settings.AUDIT_S3_BUCKET, locked=settings.AUDIT_LOCK_DAYS > 0)

    def _make(self, store: str, bucket: str, *, locked: bool) -> None:
        client = storages[store].connection.meta.client
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                raise CommandError(f"The file store refuses bucket {bucket}: {error}") from error
            lock = {"ObjectLockEnabledForBucket": True} if locked else {}
            client.create_bucket(Bucket=bucket, **region_of(client), **lock)
            self.stdout.write(f"Made bucket {bucket}{' with Object Lock' if locked else ''}.")
        else:
            self.stdout.write(f"Bucket {bucket} is there.")


def region_of(client) -> dict:
    """us-east-1 is the region that must not be named."""
    region = client.meta.region_name
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
