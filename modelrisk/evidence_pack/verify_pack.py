"""Check an evidence pack offline: Python 3.10 or newer, no other package, no network. It runs nothing of the pack.

    python verify_pack.py PACK.zip_or_folder [--manifest SHA256] [--key PUBLIC_KEY]

Every file against the manifest, each dossier against what was signed, each results.json against the digest in the
dossier's case, each event of the trail against its seal. With verify_log.py beside it: the signatures of checkpoints.
Exit code 0: as it was packed. 1: not; each file that does not fit is named. 2: no pack can be read there.
"""

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from pathlib import Path


def canonical(value) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Pack:
    """The files of a zip or of a folder that it was unpacked into."""

    def __init__(self, path: Path) -> None:
        self.zip = None if path.is_dir() else zipfile.ZipFile(path)
        self.path, self.broken = path, {}
        self.names = self.zip.namelist() if self.zip else [p.relative_to(path).as_posix() for p in self._files(path)]

    def _files(self, path: Path) -> list:
        return sorted(each for each in path.rglob("*") if each.is_file())

    def read(self, name: str) -> bytes:
        try:
            return self.zip.read(name) if self.zip else (self.path / name).read_bytes()
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            self.broken[name] = str(error)
            return b""


def check_manifest(pack: Pack, asked: str, problems: list) -> dict:
    raw = pack.read("manifest.json")
    try:
        manifest = json.loads(raw)
        said = manifest.pop("manifest_sha256")
        if sha256(canonical(manifest)) != said or raw != canonical({**manifest, "manifest_sha256": said}):
            raise ValueError("it was altered")
    except (ValueError, KeyError, AttributeError) as error:
        problems.append(f"manifest.json: {error}")
        return {}
    if asked and asked != said:
        problems.append(f"manifest.json: another one than you were told of ({said})")
    for name in sorted(set(pack.names) - set(manifest["files"]) - {"manifest.json"}):
        problems.append(f"{name}: not in the manifest")
    for name, told in manifest["files"].items():
        content = pack.read(name) if name in pack.names else None
        if content is None:
            problems.append(f"{name}: missing")
        elif sha256(content) != told["sha256"]:
            problems.append(f"{name}: altered ({pack.broken.get(name) or 'its SHA-256 is not that of the manifest'})")
    return manifest


def results_digest(found: dict) -> str:
    """SHA-256 of results.json without its times, as the product takes it."""
    selftest = found["environment"].get("battery_selftest")
    if selftest is not None:
        found["environment"]["battery_selftest"] = {k: v for k, v in selftest.items() if k != "date"}
    found["tests"] = [{k: v for k, v in test.items() if k != "seconds"} for test in found["tests"]]
    return sha256(canonical(found))


def check_digests(pack: Pack, manifest: dict, problems: list) -> None:
    """What was signed and sealed, not only what was packed."""
    for name, digest in manifest["signed"].items():
        content = pack.read(name)
        found = results_digest(json.loads(content)) if name.endswith("results.json") else sha256(content)
        if found != digest:
            problems.append(f"{name}: not what was signed or sealed ({digest})")


def root_of(leaf: str, index: int, count: int, path: list) -> str:
    """The root over a leaf and its siblings, as in RFC 6962."""
    node, rest = bytes.fromhex(leaf), iter(path)
    while count > 1:
        if index != count - 1 or count % 2 == 0:
            other = bytes.fromhex(next(rest, ""))
            node = hashlib.sha256(b"\x01" + (other + node if index % 2 else node + other)).digest()
        index, count = index // 2, (count + 1) // 2
    return node.hex()


def check_log(pack: Pack, problems: list) -> tuple:
    """(events under a seal, {seal: its hash})"""
    name, roots, hashes, proved = "log/slice.jsonl", {}, {}, 0
    for line in map(json.loads, pack.read(name).splitlines()):
        if line["type"] == "seal":
            told = {key: value for key, value in line.items() if key not in ("type", "hash")}
            if sha256(b"\x02" + canonical({**told, "format": 1})) != line["hash"]:
                problems.append(f"{name}: seal {line['number']} was altered")
            roots[line["number"]], hashes[line["number"]] = line["root"], line["hash"]
        elif line["type"] == "event" and line["seal"]:
            leaf = sha256(b"\x00" + canonical({**line["event"], "format": 1}))
            if root_of(leaf, line["index"], line["count"], line["path"]) != roots.get(line["seal"]):
                problems.append(f"{name}: event {line['event']['id']} is not under seal {line['seal']}")
            proved += 1
    return proved, hashes


def check_checkpoints(pack: Pack, hashes: dict, key: str, problems: list) -> str:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        import verify_log
    except ImportError:
        return "Signatures of checkpoints were not checked: put verify_log.py beside this program."
    documents = [(n, json.loads(pack.read(n))) for n in pack.names if n.startswith("log/checkpoints/")]
    report = verify_log.Report()
    said = verify_log.read_checkpoints(documents, report, key)
    problems += [problem.message for problem in report.problems]
    problems += [
        f"log/slice.jsonl: seal {number} is another than the signed checkpoint holds"
        for number, digest in hashes.items()
        if number in said and said[number]["hash"] != digest
    ]
    return f"{sum(number in said for number in hashes)} of {len(hashes)} seals are under a signed checkpoint."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--manifest", default="", help="the SHA-256 of the manifest, as you were told it")
    parser.add_argument("--key", default="", help="the public key of the checkpoints, as you were told it")
    asked = parser.parse_args()
    try:
        pack = Pack(asked.pack)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        print(f"{asked.pack} cannot be read: {error}")
        return 2
    problems: list = []
    manifest = check_manifest(pack, asked.manifest.lower(), problems)
    proved, note = 0, ""
    if not problems:  # of files that are whole it is asked what they say
        check_digests(pack, manifest, problems)
        proved, hashes = check_log(pack, problems)
        note = check_checkpoints(pack, hashes, asked.key.lower(), problems)
    for problem in problems:
        print(f"PROBLEM  {problem}")
    if not problems:
        print(f"As it was packed: {len(manifest['files'])} files, {proved} events under their seals. {note}")
        print(f"Manifest SHA-256 {sha256(canonical(manifest))}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
