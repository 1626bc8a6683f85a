"""The S3 server that the tests trust must itself be strict."""

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from django.core.management import call_command

from tests import s3_peer

pytestmark = [pytest.mark.s3, pytest.mark.processes]


@pytest.fixture(scope="module")
def peer():
    if not s3_peer.command().exists():
        pytest.skip("needs the strict S3 server: make .venv-s3peer/.stamp")
    with s3_peer.strict_s3() as running:
        yield running


def test_it_refuses_a_tampered_link(peer):
    peer.client().put_object(Bucket=s3_peer.BUCKET, Key="a", Body=b"evidence")
    link = peer.client().generate_presigned_url("get_object", {"Bucket": s3_peer.BUCKET, "Key": "a"})
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.read() == b"evidence"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link[:-3] + "abc", timeout=10)


def test_it_refuses_content_that_differs_from_its_checksum(peer):
    with pytest.raises(ClientError, match="BadDigest|does not match"):
        peer.client().put_object(Bucket=s3_peer.BUCKET, Key="b", Body=b"evidence", ChecksumSHA256="A" * 43 + "=")


def test_make_bucket_makes_it_once(peer, settings, capsys):
    from registry.storage import S3Files

    settings.S3_BUCKET = "made-by-the-command"
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "registry.storage.S3Files",
            "OPTIONS": {
                "bucket_name": settings.S3_BUCKET,
                "endpoint_url": peer.endpoint,
                "access_key": s3_peer.ACCESS_KEY,
                "secret_key": s3_peer.SECRET_KEY,
                "region_name": "us-east-1",
            },
        }
    }
    call_command("make_bucket")
    call_command("make_bucket")
    assert capsys.readouterr().out.splitlines() == [
        "Made bucket made-by-the-command.",
        "Bucket made-by-the-command is there.",
    ]
    assert S3Files(**settings.STORAGES["default"]["OPTIONS"]).exists_now("nothing") is False
