"""An auditor walks through one decision, each step one click from the one before, and verifies the pack offline."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelrisk.evidence_pack import verify_pack
from registry.audit import verify_log
from tests.browser.conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(scope="module")
def decision(site) -> int:
    """A decision on what the installation's own worker measured."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("MODELRISK_", "DJANGO_"))}
    environment = {**outside, "MODELRISK_STATE_DIR": str(site.log.parent)}
    command = [sys.executable, "-m", "tests.walkthrough.story"]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


@pytest.mark.long  # in short runs without a browser: tests/walkthrough
def test_the_auditor_answers_every_step_and_takes_the_evidence_away(person, decision, tmp_path):
    auditor = person("auditor")
    page = auditor.page
    auditor.follow("Audit")
    auditor.follow("What an auditor asks")
    page.get_by_role("link", name=re.compile("Who approved it")).click()
    # 1, 2: the header of the decision, and who decided with what authority.
    assert "Walked score v1" in auditor.text
    assert "Approve with conditions" in auditor.text
    assert "approver: asked for by system, granted" in auditor.text
    assert "in force at the vote" in auditor.text
    auditor.follow("Independence")
    assert "neither validated nor decided it" in auditor.text
    # 3: evidence, and whether it is the same today.
    auditor.follow("Evidence")
    auditor.press("Is it byte-identical today?")
    assert "are byte-identical." in auditor.text
    assert "mismatch" not in auditor.text
    # 4: the limits that held.
    auditor.follow("Thresholds")
    assert "in force before the run began" in auditor.text
    # 5: what failed or was waived.
    auditor.follow("Failed or waived")
    assert "C-1: Report drift each month." in auditor.text
    # 6: what happened since, of which the check above is one.
    auditor.follow("Since then")
    assert "No change to artefact, data, documentation, policy or roles" in auditor.text
    assert "byte-identical" in auditor.text
    # 7: the pack.
    auditor.follow("Export pack")
    with page.expect_download() as waited:
        auditor.follow("Download the pack")
    pack = tmp_path / "pack.zip"
    waited.value.save_as(pack)
    for program in (verify_pack, verify_log):
        source = Path(program.__file__)
        (tmp_path / source.name).write_bytes(source.read_bytes())
    command = [sys.executable, "-I", str(tmp_path / "verify_pack.py"), str(pack)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "As it was packed" in ended.stdout
    assert auditor.complaints == []
