"""`manage.py make_bucket`: make the bucket of MODELRISK_S3_BUCKET, unless it is there."""

from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Make the bucket named by MODELRISK_S3_BUCKET, unless it is there already."
    requires_system_checks = ()

    def handle(self, *args, **options) -> None:
        if not settings.S3_BUCKET:
            raise CommandError("MODELRISK_S3_BUCKET is not set: files are kept in a local folder, no bucket is needed.")
        client = default_storage.connection.meta.client
        try:
            client.head_bucket(Bucket=settings.S3_BUCKET)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                raise CommandError(f"The file store refuses bucket {settings.S3_BUCKET}: {error}") from error
            client.create_bucket(Bucket=settings.S3_BUCKET, **region_of(client))
            self.stdout.write(f"Made bucket {settings.S3_BUCKET}.")
        else:
            self.stdout.write(f"Bucket {settings.S3_BUCKET} is there.")


def region_of(client) -> dict:
    """us-east-1 is the region that must not be named."""
    region = client.meta.region_name
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
