"""One result again: the exact command line, its inputs by their hashes, and the runs that repeated it."""

import shlex
from dataclasses import dataclass
from typing import Any

from assessments import results, stored
from assessments.actions import assessments as assessing
from assessments.catalogue import tests_of
from assessments.models import Assessment


@dataclass(frozen=True)
class Input:
    """One file of the run. name: as the command has it."""

    part: str
    name: str
    sha256: str
    url: str


@dataclass(frozen=True)
class Repeated:
    """Another run of the same files, seed and tests. differs: the parts of results.json that are not the same."""

    assessment: Assessment
    same: bool
    differs: list[str]

    def as_dict(self) -> dict[str, Any]:
        run = self.assessment
        told = {"assessment": run.pk, "state": run.state, "results_sha256": run.results_sha256}
        return {**told, "same": self.same, "differs": self.differs}


def command_of(run: Assessment) -> str:
    """What `manage.py assess` is given: copied to a machine that has the files, it runs."""
    plan, names = run.plan, names_of(run)
    options = ["--target", plan["target"]["column"]]
    options += ["--favourable", plan["target"]["favourable"]] if plan["target"].get("favourable") else []
    for column in plan["columns"]:
        options += _of_column(column)
    for relation in plan.get("relations") or []:
        options += ["--relation", relation]
    options += ["--reference", names["reference"]] if "reference" in names else []
    tests = [test["id"] for test in plan["tests"]]
    if set(tests) != set(tests_of(run.plan_name)):
        options += [word for test in tests for word in ("--only", test)]
    options += ["--plan", run.plan_name, "--seed", str(run.seed), "--out", f"assessment-{run.pk}-again"]
    if plan["model"].get("trust") == "waived":
        options.append("--trust-model")
    return shlex.join(["python", "manage.py", "assess", names["model"], names["data"], *options])


def names_of(run: Assessment) -> dict[str, str]:
    """The file names of the command: what it is, and the first digits of its hash."""
    parts = {part: run.plan[part] for part in ("model", "data", "reference") if run.plan.get(part)}
    return {part: f"{part}-{told['sha256'][:12]}.{told['format']}" for part, told in parts.items()}


def repeated(run: Assessment) -> list[Repeated]:
    """Runs of the same version, data, seed and tests, before or after it; the newest first."""
    others = Assessment.objects.filter(
        version=run.version_id, dataset_version=run.dataset_version_id, reference=run.reference_id, seed=run.seed
    ).exclude(pk=run.pk)
    same_tests = [other for other in others.order_by("-pk") if other.plan["tests"] == run.plan["tests"]]
    own = stored.document(run) if same_tests else {}
    return [_compared(own, other) for other in same_tests]


def run_again(run: Assessment, *, actor) -> Assessment:
    """Start it with the same seed and tests, through the same action and rules as any other. Its digest is compared."""
    return assessing.start(
        run.version,
        actor=actor,
        dataset_version=run.dataset_version,
        reference=run.reference,
        plan_name=run.plan_name,
        tests=run.plan["tests"],
        seed=run.seed,
    )


def refusal(run: Assessment, actor) -> str | None:
    return assessing.start.refusal(run.version, actor)


def _compared(own: dict[str, Any], other: Assessment) -> Repeated:
    if other.state != Assessment.State.DONE:
        return Repeated(other, False, [])
    found = stored.document(other)
    if results.digest(found) == results.digest(own):
        return Repeated(other, True, [])
    one, two = _untimed(own), _untimed(found)
    return Repeated(other, False, sorted(part for part in one.keys() | two.keys() if one.get(part) != two.get(part)))


def _untimed(document: dict[str, Any]) -> dict[str, Any]:
    tests = [{key: value for key, value in test.items() if key != "seconds"} for test in document["tests"]]
    return {**document, "tests": tests}


def _of_column(column: dict[str, Any]) -> list[str]:
    name, found = column["name"], []
    if column["role"] == "target" or column["role"] == "ignored":
        return []
    if column["role"] == "sensitive":
        return ["--sensitive", name]
    if column.get("mutable"):
        found += ["--mutable", f"{name}={column['mutable']}"]
    low, high = column.get("minimum"), column.get("maximum")
    if low is not None or high is not None:
        found += ["--bounds", f"{name}={'' if low is None else low}:{'' if high is None else high}"]
    if column.get("swap_price") not in (None, 0.1):
        found += ["--swap-price", f"{name}={column['swap_price']}"]
    return found
