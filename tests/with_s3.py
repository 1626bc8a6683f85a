"""`python -m tests.with_s3 COMMAND…` runs the command with a fresh, strict S3 server as its file store."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import s3peer


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="modelrisk-s3-") as folder:
        peer = s3peer.S3Peer(s3peer.python_of_peer(), Path(folder) / "s3.log")
        settings = {
            "MODELRISK_S3_BUCKET": s3peer.BUCKET,
            "MODELRISK_S3_ENDPOINT_URL": peer.endpoint,
            "MODELRISK_S3_ACCESS_KEY": s3peer.ACCESS_KEY,
            "MODELRISK_S3_SECRET_KEY": s3peer.SECRET_KEY,
        }
        try:
            return subprocess.call(command, env={**os.environ, **settings})
        finally:
            peer.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
