"""A strict S3 server on loopback for the tests that need one: ministack, with signatures checked.

It pins its own botocore and so lives in `.venv-s3peer` (`make .venv-s3peer/.stamp`); MODELRISK_S3PEER names another
place of the command.

    python -m tests.s3_peer COMMAND…    runs the command with MODELRISK_S3_* set to a fresh server with one bucket
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
BUCKET, ACCESS_KEY, SECRET_KEY = "modelrisk-tests", "modelrisk", "a-secret-for-the-tests-alone"
START_SECONDS = 60


@dataclass(frozen=True)
class Peer:
    """A running server; `process` may be stopped (SIGSTOP) or killed by a test."""

    endpoint: str
    process: subprocess.Popen

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MODELRISK_S3_BUCKET": BUCKET,
            "MODELRISK_S3_ENDPOINT_URL": self.endpoint,
            "MODELRISK_S3_ACCESS_KEY": ACCESS_KEY,
            "MODELRISK_S3_SECRET_KEY": SECRET_KEY,
        }


def command() -> Path:
    return Path(os.environ.get("MODELRISK_S3PEER", ROOT / ".venv-s3peer" / "bin" / "ministack"))


@contextmanager
def strict_s3() -> Iterator[Peer]:
    """Start a server on a free port, make the bucket, stop it in the end, whatever happened to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="modelrisk-s3-") as folder, open(Path(folder) / "log", "w+") as log:
        process = subprocess.Popen(
            [str(command())],
            cwd=folder,
            env={"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "AUTH": "true", "BIND_HOST": "127.0.0.1"}
            | {"GATEWAY_PORT": str(port), "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        peer = Peer(f"http://127.0.0.1:{port}", process)
        try:
            _wait_until_ready(peer, Path(folder) / "log")
            peer.client().create_bucket(Bucket=BUCKET)
            yield peer
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(peer: Peer, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and peer.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{peer.endpoint}/_ministack/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"The S3 server did not start:\n{log.read_text()[-2000:]}")


def main(arguments: list[str]) -> int:
    with strict_s3() as peer:
        return subprocess.call(arguments, env={**os.environ, **peer.environment})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
