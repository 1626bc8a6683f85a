"""The evidence pack: what is in it, that it is the same twice, and that a program alone finds a flipped byte."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.urls import reverse

from modelrisk import evidence_pack
from modelrisk.evidence_pack import verify_pack
from registry.audit import checkpoints, verify_log
from registry.models import AuditEvent
from registry.refusals import BadInput
from registry.roles import system_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def packed(decision) -> bytes:
    checkpoints.make(actor=system_user())
    return made(decision.request.version, decision)[0]


_kept: list[bytes] = []


@pytest.fixture
def a_pack(request) -> bytes:
    """One that was made once for all tests of the pack alone."""
    if not _kept:
        _kept.append(request.getfixturevalue("packed"))
    return _kept[0]


def made(*about) -> tuple[bytes, str]:
    opened, digest = evidence_pack.make(*about)
    with opened:
        return opened.read(), digest


@pytest.fixture
def bench(tmp_path) -> Path:
    """A folder with both programs, as the auditor has it; nothing else of ModelRisk."""
    folder = tmp_path / "bench"
    folder.mkdir()
    for program in (verify_pack, verify_log):
        source = Path(program.__file__)
        (folder / source.name).write_bytes(source.read_bytes())
    return folder


def verified(bench: Path, pack: Path, *options: str) -> tuple[int, str]:
    """The program in a process of its own, without this project on its path."""
    command = [sys.executable, "-I", str(bench / "verify_pack.py"), str(pack), *options]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=bench, check=False, timeout=120)
    return ended.returncode, ended.stdout + ended.stderr


def unpacked(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes], to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return to


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_the_same_state_gives_the_same_bytes(decision):
    version = decision.request.version
    assert made(version, decision) == made(version, decision)


def test_what_is_in_it(packed, decision, assessed):
    files = unpacked(packed)
    manifest = json.loads(files["manifest.json"])
    case, run = f"cases/{decision.request_id}", f"assessments/{assessed.pk}"
    assert {f"{case}/case.json", f"{case}/dossier-1.json", f"{run}/results.json", f"{run}/report.html"} <= set(files)
    assert {"report.html", "verify_pack.py", "verify_log.py", "log/slice.jsonl", "README.txt"} <= set(files)
    assert {"rows/registry.vote.json", "rows/registry.condition.json", "rows/registry.artifact.json"} <= set(files)
    charts = {Path(name).stem for name in files if name.startswith(f"{run}/charts/")}
    assert charts == {chart.chart_id for result in assessed.results.all() for chart in result.charts.all()}
    assert set(manifest["files"]) == set(files) - {"manifest.json"}
    assert manifest["signed"][f"{case}/dossier-1.json"] == decision.dossier.sha256
    assert manifest["signed"][f"{run}/results.json"] == assessed.results_sha256
    model = assessed.version.artifact.sha256
    assert model in {stored["sha256"] for stored in manifest["not_included"]}
    assert not any(b"sklearn" in content for name, content in files.items() if name.endswith(".joblib"))


def test_it_verifies_offline(packed, bench, tmp_path):
    pack = tmp_path / "pack.zip"
    pack.write_bytes(packed)
    manifest = json.loads(unpacked(packed)["manifest.json"])["manifest_sha256"]
    key = checkpoints.documents()[0][1]["public_key"]
    code, said = verified(bench, pack, "--manifest", manifest, "--key", key)
    assert code == 0, said
    events = [json.loads(line) for line in unpacked(packed)["log/slice.jsonl"].splitlines()]
    proved = sum(line["type"] == "event" for line in events)
    assert f"{proved} events under their seals" in said
    assert "1 of 1 seals are under a signed checkpoint" in said


def test_another_manifest_or_key_than_one_was_told_of_is_said(a_pack, bench, tmp_path):
    pack = tmp_path / "pack.zip"
    pack.write_bytes(a_pack)
    assert verified(bench, pack, "--manifest", "0" * 64)[0] == 1
    code, said = verified(bench, pack, "--key", "ab" * 32)
    assert code == 1
    assert "another key" in said


@pytest.mark.parametrize("places", [1, pytest.param(3, marks=pytest.mark.long)])
def test_a_flipped_byte_is_told_with_its_file(a_pack, tmp_path, places):
    """Of every file in it, at its beginning, middle or end; in this process, of which there would be hundreds."""
    files = unpacked(a_pack)
    for turn, (name, content) in enumerate(files.items()):
        ends = [0, len(content) // 2, len(content) - 1]
        for at in {ends[(turn + more) % 3] for more in range(places)}:
            pack = zipped({**files, name: flipped(content, at)}, tmp_path / "pack.zip")
            problems: list = []
            verify_pack.check_manifest(verify_pack.Pack(pack), "", problems)
            assert [problem.partition(":")[0] for problem in problems] == [name], (name, at)


@pytest.mark.parametrize("form", ["zip", "folder", "raw"])
def test_the_program_alone_names_it(a_pack, bench, tmp_path, form):
    files, name = unpacked(a_pack), "log/slice.jsonl"
    pack = tmp_path / "pack"
    if form == "zip":
        zipped({**files, name: flipped(files[name], 40)}, pack)
    elif form == "raw":  # a byte of the zip itself, within what the file is packed as
        with zipfile.ZipFile(io.BytesIO(a_pack)) as archive:
            entry = archive.getinfo(name)
        pack.write_bytes(flipped(a_pack, entry.header_offset + 30 + len(name) + entry.compress_size // 2))
    else:
        for each, content in files.items():
            (pack / each).parent.mkdir(parents=True, exist_ok=True)
            (pack / each).write_bytes(flipped(content, 40) if each == name else content)
    code, said = verified(bench, pack)
    assert code == 1
    assert [line.split()[1] for line in said.splitlines()] == [f"{name}:"]


def test_a_file_added_or_taken_away_is_named(a_pack, bench, tmp_path):
    files = unpacked(a_pack)
    files["extra.txt"] = b"hello"
    del files["README.txt"]
    code, said = verified(bench, zipped(files, tmp_path / "pack.zip"))
    assert code == 1
    assert "extra.txt: not in the manifest" in said
    assert "README.txt: missing" in said


def repacked(files: dict[str, bytes], to: Path) -> Path:
    """A forger's: altered files under a manifest that fits them."""
    manifest = json.loads(files["manifest.json"])
    manifest.pop("manifest_sha256")
    for name in manifest["files"]:
        manifest["files"][name] = {"sha256": verify_pack.sha256(files[name]), "bytes": len(files[name])}
    digest = verify_pack.sha256(verify_pack.canonical(manifest))
    files["manifest.json"] = verify_pack.canonical({**manifest, "manifest_sha256": digest})
    return zipped(files, to)


@pytest.mark.parametrize("part", ["dossier", "results", "event", "seal"])
def test_a_forged_manifest_does_not_save_what_was_signed_or_sealed(packed, bench, tmp_path, decision, assessed, part):
    files = unpacked(packed)
    name, old, new = {
        "dossier": (f"cases/{decision.request_id}/dossier-1.json", b"modelrisk.dossier/1", b"modelrisk.dossier/2"),
        "results": (f"assessments/{assessed.pk}/results.json", b'"verdict": "fail"', b'"verdict": "pass"'),
        "event": ("log/slice.jsonl", b'"summary":"Approved', b'"summary":"Rejected'),
        "seal": ("log/slice.jsonl", b'"type":"seal","number":1', b'"type":"seal","number":2'),
    }[part]
    assert old in files[name]
    code, said = verified(bench, repacked({**files, name: files[name].replace(old, new)}, tmp_path / "pack.zip"))
    assert code == 1
    assert name in said


def test_the_pack_of_a_version_holds_every_case_and_run(decision):
    names = set(unpacked(made(decision.request.version)[0]))
    assert f"cases/{decision.request_id}/case.json" in names


def test_too_large_a_pack_is_refused_with_what_to_do(decision, settings):
    settings.MODELRISK_MAX_PACK_BYTES = 10_000
    with pytest.raises(BadInput, match="larger than 10,000 bytes"):
        evidence_pack.make(decision.request.version, decision)


def test_the_page_and_the_api_send_the_same(as_auditor, decision):
    by_page = as_auditor.get(reverse("decision-pack-file", args=[decision.pk]))
    by_api = as_auditor.get(f"/api/v1/decisions/{decision.pk}/evidence-pack/")
    assert by_page.status_code == by_api.status_code == 200
    assert b"".join(by_page) == b"".join(by_api)
    assert by_page["X-Manifest-SHA256"] == by_api["X-Manifest-SHA256"]
    assert by_page["X-Manifest-SHA256"][:12] in by_page["Content-Disposition"]
    by_page.close()
    by_api.close()


def test_taking_it_writes_nothing_to_the_trail(as_auditor, decision):
    before = AuditEvent.objects.count()
    assert as_auditor.get(reverse("decision-pack-file", args=[decision.pk])).getvalue()
    assert AuditEvent.objects.count() == before


def test_it_is_for_those_who_read_the_trail(sign_in, owner, outsider, decision):
    for user, status in ((owner, 403), (outsider, 403)):
        assert sign_in(user).get(reverse("decision-pack-file", args=[decision.pk])).status_code == status
