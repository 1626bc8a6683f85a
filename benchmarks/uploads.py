"""Memory and time of a big file's way in and out: form -> disk -> file store -> disk.

    python -m benchmarks.uploads [--megabytes 1024] [--s3 PYTHON_OF_THE_S3_SERVER]

Each step runs in a process of its own, whose peak resident memory is printed beside that of a process that only starts
Django. What we claim: no step takes more than 250 MB, whatever the size of the file.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MB = 1024 * 1024
CLAIM = 250  # MB, peak resident memory
STEPS = ("start", "receive", "put", "download")


class Form(io.RawIOBase):
    """The body of a form with one big file, made while it is read."""

    def __init__(self, size: int) -> None:
        self.head = (
            b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="model.joblib"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n"
        )
        self.tail = b"\r\n--xyz--\r\n"
        self.length = len(self.head) + size + len(self.tail)
        self.pieces = self._made(size)
        self.rest = b""

    def _made(self, size: int):
        yield self.head
        block = os.urandom(MB)
        for number in range(size // MB):
            yield number.to_bytes(8, "big") + block[8:]
        yield self.tail

    def readable(self) -> bool:
        return True

    def readinto(self, wanted) -> int:
        if not self.rest:
            self.rest = next(self.pieces, b"")
        taken, self.rest = self.rest[: len(wanted)], self.rest[len(wanted) :]
        wanted[: len(taken)] = taken
        return len(taken)


def step(name: str, folder: Path, megabytes: int) -> dict:
    """Do one step in this process; its seconds and peak resident memory in MB."""
    import django

    django.setup()
    from django.core.files.base import File
    from django.test import RequestFactory

    from registry import storage
    from registry.models import Artifact

    begun = time.perf_counter()
    if name == "receive":
        form = Form(megabytes * MB)
        told = {"CONTENT_TYPE": "multipart/form-data; boundary=xyz", "CONTENT_LENGTH": form.length}
        wire = {"wsgi.input": io.BufferedReader(form, MB)}
        received = RequestFactory().generic("POST", "/", **told, **wire).FILES["file"]
        os.link(received.temporary_file_path(), folder / "received")
        received.close()
    elif name == "put":
        with open(folder / "received", "rb") as handle:
            sha256, size = storage.put(File(handle))
        (folder / "stored.json").write_text(json.dumps({"sha256": sha256, "size": size}))
    elif name == "download":
        storage.download(Artifact(**json.loads((folder / "stored.json").read_text())), folder / "copy")
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MB if sys.platform == "darwin" else 1024)
    return {"step": name, "seconds": round(seconds, 1), "peak_mb": round(peak)}


def measure(environment: dict[str, str], folder: Path, megabytes: int) -> bool:
    """Run every step; True where all keep the claim."""
    kept = True
    for name in STEPS:
        command = [sys.executable, "-m", "benchmarks.uploads", "--step", name, "--folder", str(folder)]
        child = subprocess.run(
            [*command, "--megabytes", str(megabytes)], env=environment, stdout=subprocess.PIPE, check=True
        )
        told = json.loads(child.stdout)
        kept = kept and told["peak_mb"] <= CLAIM
        print(f"  {name:10} {told['seconds']:6.1f} s   peak {told['peak_mb']:4d} MB", flush=True)
    same = subprocess.run(["cmp", str(folder / "received"), str(folder / "copy")], check=False).returncode == 0
    print(f"  {'the same bytes came back' if same else 'THE BYTES DIFFER'}")
    return kept and same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--s3", type=Path, help="python of the environment that holds the strict S3 server")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(step(asked.step, asked.folder, asked.megabytes)))
        return 0
    kept = True
    with tempfile.TemporaryDirectory(prefix="modelrisk-bench-") as folder:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MODELRISK_S3")}
        environment |= {
            "DJANGO_SETTINGS_MODULE": "modelrisk.settings",
            "MODELRISK_STATE_DIR": f"{folder}/state",
            "MODELRISK_UPLOAD_DIR": folder,
        }
        print(f"A file of {asked.megabytes} MB, local folder:")
        kept &= measure(environment, Path(folder), asked.megabytes)
    if asked.s3:
        from tests import s3peer

        with tempfile.TemporaryDirectory(prefix="modelrisk-bench-") as folder, contextlib.ExitStack() as at_end:
            peer = s3peer.S3Peer(asked.s3, Path(folder) / "s3.log")
            at_end.callback(peer.stop)
            environment |= {
                "MODELRISK_STATE_DIR": f"{folder}/state",
                "MODELRISK_UPLOAD_DIR": folder,
            } | peer.environment()
            print(f"A file of {asked.megabytes} MB, S3 server on loopback:")
            kept &= measure(environment, Path(folder), asked.megabytes)
    print(f"{'Every' if kept else 'NOT every'} step kept below {CLAIM} MB.")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
