"""A strict S3 server on loopback, started and stopped by the tests.

It runs from its own environment (requirements-s3peer.lock), because it pins its own botocore: that of
MODELRISK_TEST_S3PEER, the path of its python, or `.venv-s3peer` in the project.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

PROJECT = Path(__file__).resolve().parents[1]
ACCESS_KEY, SECRET_KEY = "modelrisk-test", "not-a-secret-but-checked"
BUCKET = "modelrisk-test"
READY_WITHIN = 60  # seconds


def python_of_peer() -> Path:
    path = Path(os.environ.get("MODELRISK_TEST_S3PEER") or PROJECT / ".venv-s3peer" / "bin" / "python")
    if not path.exists():
        pytest.skip(f"needs the strict S3 server: no {path} (make test-s3 installs it, or set MODELRISK_TEST_S3PEER)")
    return path


class S3Peer:
    """The server's process. `kill` and `freeze` are what happens to real ones."""

    def __init__(self, python: Path, log: Path) -> None:
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(log.parent),
            "TMPDIR": str(log.parent),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AUTH": "true",
            "SERVICES": "s3",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "LOG_LEVEL": "ERROR",
        }
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [python, "-m", "ministack"],
                env=environment,
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            self._wait(log)
            self.client().create_bucket(Bucket=BUCKET)
        except BaseException:
            self.stop()
            raise

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + READY_WITHIN
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(self.endpoint, timeout=1).close()
                return
            except urllib.error.HTTPError as answer:
                answer.close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"The S3 server did not start:\n{log.read_text(errors='replace')[-2000:]}")

    def client(self):
        return boto3.client("s3", **self._connection(), config=Config(s3={"addressing_style": "path"}))

    def _connection(self) -> dict:
        return {
            "endpoint_url": self.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
        }

    def storages(self, **options) -> dict:
        """The STORAGES setting that makes this server the file store."""
        told = {
            "bucket_name": BUCKET,
            "endpoint_url": self.endpoint,
            "region_name": "us-east-1",
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
        }
        return {
            "default": {"BACKEND": "registry.storage.S3Files", "OPTIONS": {**told, **options}},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        }

    def environment(self) -> dict[str, str]:
        """The same for a process of its own."""
        return {
            "MODELRISK_S3_BUCKET": BUCKET,
            "MODELRISK_S3_ENDPOINT_URL": self.endpoint,
            "MODELRISK_S3_ACCESS_KEY": ACCESS_KEY,
            "MODELRISK_S3_SECRET_KEY": SECRET_KEY,
        }

    def stored_keys(self) -> list[str]:
        found = self.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return sorted(entry["Key"] for entry in found)

    def empty(self) -> None:
        for key in self.stored_keys():
            self.client().delete_object(Bucket=BUCKET, Key=key)

    def damage(self, key: str) -> None:
        self.client().put_object(Bucket=BUCKET, Key=key, Body=b"something else")

    def freeze(self) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
