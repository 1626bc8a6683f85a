"""What a clone promises before any code runs: locks, image, compose file, set-up steps, the rule on skips."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-s3peer.lock"]


def pins(lock: str) -> dict[str, str]:
    lines = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.M)
    return {canonicalize_name(name): version for name, version in lines}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def unmet(requirements: list[str], locked: dict[str, str]) -> list[str]:
    """The requirements that the lock does not satisfy."""
    parsed = [Requirement(text) for text in requirements]
    return [
        str(r)
        for r in parsed
        if not r.specifier.contains(locked.get(canonicalize_name(r.name), "0"), prereleases=True)
        or canonicalize_name(r.name) not in locked
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host(lock):
    assert not re.search(r"https?:|index-url|find-links|file:|git\+", (ROOT / lock).read_text())


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock):
    blocks = re.split(r"^(?=\S)", (ROOT / lock).read_text(), flags=re.M)[1:]
    assert len(blocks) == len(pins(lock)) > 0
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_satisfies_what_the_project_asks():
    asked = project()["dependencies"] + project()["optional-dependencies"]["boosting"]
    assert unmet(asked, pins("requirements.lock")) == []


def test_the_development_lock_is_the_lock_and_the_tools():
    lock, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in lock} == lock
    assert unmet(project()["optional-dependencies"]["dev"], dev) == []


def test_the_unmet_requirement_is_noticed():
    assert unmet(["Django>=99", "nothing-of-that-name"], pins("requirements.lock")) == [
        "Django>=99",
        "nothing-of-that-name",
    ]


def dockerfile() -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def makefile() -> str:
    return (ROOT / "Makefile").read_text()


def test_the_image_is_set_up_as_the_makefile_does():
    pip = re.search(r"-m pip install (.*?) -r", makefile()).group(1)
    compiled = re.findall(r"/python (-m compileall -q.*?)(?:;|$)", makefile().replace("$(1)", ".venv"), re.M)
    steps = " \n".join(dockerfile())
    assert f"-m pip install {pip} -r requirements.lock" in steps
    assert len(compiled) == 2
    assert [step for step in compiled if f".venv/bin/python {step}" not in steps] == []


def test_every_way_to_set_up_keeps_the_compiled_loops():
    step = "/python -m assessments.battery.kernels"
    assert makefile().count(step) == 3  # both set-ups, and the target before the tests
    assert "\n".join(dockerfile()).count(step) == 1
    assert (ROOT / "run").read_text().count(step) == 1


def test_the_twin_of_the_makefile_installs_alike():
    pip = re.search(r"-m pip install (.*?) -r", makefile()).group(1)
    assert f'-m pip install {pip} -r "$lock"' in (ROOT / "run").read_text()


def test_the_image_copies_what_the_context_holds():
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M))
    copied = {
        name
        for line in dockerfile()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied == allowed
    assert {name for name in copied if not (ROOT / name).exists()} == set()


def test_the_image_runs_as_nobody_of_the_host():
    steps = dockerfile()
    users = [line.split()[1] for line in steps if line.startswith("USER ")]
    assert users == ["10001:10001"]
    assert steps.index("USER 10001:10001") < next(i for i, s in enumerate(steps) if s.startswith("ENTRYPOINT"))
    assert any(line.startswith("HEALTHCHECK ") for line in steps)


def services() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_compose_runs_web_worker_database_and_file_store():
    assert set(services()) == {"web", "worker", "bucket", "database", "files"}


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_is_hardened(name):
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "healthcheck" in service
    assert "privileged" not in service


def test_everything_waited_for_says_when_it_is_ready():
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            one_shot = how["condition"] == "service_completed_successfully"
            assert one_shot or "test" in services()[other]["healthcheck"], (name, other)
            assert not one_shot or services()[other]["restart"] == "no", (name, other)


def test_compose_holds_no_secret_and_no_moving_tag():
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|ACCESS_KEY", name):
                assert str(value).startswith("${"), name
        assert re.search(r":(?!latest)[\w.-]+$", service["image"])


def test_compose_and_the_readme_name_real_settings():
    known = set(re.findall(r'"((?:MODELRISK|DATABASE)_[A-Z0-9_]+)"', (ROOT / "modelrisk/settings.py").read_text()))
    used = {key for service in services().values() for key in service.get("environment", {})}
    named = set(re.findall(r"`((?:MODELRISK|DATABASE)_[A-Z0-9_]+)`", (ROOT / "README.md").read_text()))
    assert {k for k in used | named if k.startswith(("MODELRISK_", "DATABASE_"))} <= known
    assert known <= named


def test_make_lists_its_targets():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"setup", "demo", "test", "test-long", "lint", "bench"} <= set(shown.split())


def run_with_requirement(tmp_path: Path, required: str) -> str:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.browser\ndef test_it():\n    pytest.skip('no Chromium here')\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.required",
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, "-c", os.devnull, "-o", "markers=browser: x", "--rootdir", str(tmp_path), str(tmp_path)],
        env=os.environ | {"MODELRISK_REQUIRE": required, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    ).stdout


def test_a_skip_is_a_failure_where_it_must_run(tmp_path):
    assert "1 failed" in (shown := run_with_requirement(tmp_path, "browser,postgres"))
    assert "no Chromium here" in shown


def test_a_skip_is_a_skip_elsewhere(tmp_path):
    assert "1 skipped" in run_with_requirement(tmp_path, "postgres")


def tracked_text() -> dict[str, str]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if not names:
        pytest.skip("needs a git checkout")
    texts = {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).is_file()}
    return {name: content.decode() for name, content in texts.items() if b"\0" not in content[:8000]}


def test_no_file_holds_a_private_key_or_a_home_folder():
    secret = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|/home/[a-z]+/|/root/")
    found = [name for name, text in tracked_text().items() if secret.search(text) and name != "tests/test_project.py"]
    assert found == []
