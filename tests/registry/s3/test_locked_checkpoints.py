"""Checkpoints in a bucket with Object Lock: written, read back, and not to be removed or replaced before their time."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from django.test import override_settings

from registry.audit import checkpoints, verifying
from registry.models import AuditCheckpoint
from registry.roles import system_user
from tests.registry.audit.conftest import write

pytestmark = [pytest.mark.django_db, pytest.mark.s3, pytest.mark.processes]
BUCKET = "audit-locked"


@pytest.fixture
def bucket(s3_peer, tmp_path):
    """The client of a locked bucket in which checkpoints are kept for 30 days."""
    client = s3_peer.client()
    client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    stores = s3_peer.storages()
    options = stores["default"]["OPTIONS"] | {"bucket_name": BUCKET, "lock_days": 30}
    stores["audit"] = {"BACKEND": "registry.storage.LockedS3Files", "OPTIONS": options}
    with override_settings(STORAGES=stores, MODELRISK_AUDIT_KEY="9d" * 32):
        yield client


def test_a_checkpoint_is_locked_and_reads_back(bucket, owner):
    write(owner, 3)
    made = checkpoints.make(actor=system_user())
    assert made.place == f"s3://{BUCKET} (locked for 30 days)"
    (version,) = bucket.list_object_versions(Bucket=BUCKET)["Versions"]
    held = bucket.get_object_retention(Bucket=BUCKET, Key=made.file_name, VersionId=version["VersionId"])["Retention"]
    assert held["Mode"] == "COMPLIANCE"
    assert held["RetainUntilDate"] > datetime.now(UTC) + timedelta(days=29)
    with pytest.raises(ClientError, match="AccessDenied|locked|Denied"):
        bucket.delete_object(Bucket=BUCKET, Key=made.file_name, VersionId=version["VersionId"])
    report = verifying.verify()
    assert (report.holds, report.checkpoints) == (True, 1)
    # The next one stands beside it.
    write(owner, 1)
    checkpoints.make(actor=system_user())
    assert AuditCheckpoint.objects.count() == verifying.verify().checkpoints == 2
