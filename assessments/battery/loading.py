"""The model and the data of a plan, checked and joined. Every fault is a LoadError that says what to do."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assessments.battery import formats
from assessments.battery.errors import LoadError
from assessments.battery.pickles import MODEL_HINT, load_allowed, unpickle
from assessments.battery.plan import File, Plan, Trust
from assessments.battery.tables import read_frame

if TYPE_CHECKING:
    from assessments.battery.subject import Subject


def check_digest(path: Path, file: File) -> None:
    """Compare the file with the digest that the plan gives, where it gives one."""
    if not path.is_file():
        raise LoadError("bad_plan", f"The plan names {file.path}, which is not there.", "Check the paths of the plan.")
    if file.sha256:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != file.sha256:
            raise LoadError(
                "bad_plan",
                f"{file.path} is not the file that the plan names: its SHA-256 is {found}, not {file.sha256}.",
                "Take the file that was registered, or make a new plan for this one.",
            )


def load_subject(plan: Plan, folder: Path, descriptors: tuple[int, int] | None = None) -> "Subject":
    """The model and the data of a plan, checked and joined. Raises LoadError. Paths are relative to `folder`.

    descriptors: to read answers from and to write questions to, where another process holds the model (oracle mode).
    """
    from assessments.battery.subject import Subject

    files = [plan.data, *([plan.reference] if plan.reference else [])]
    if descriptors is None:
        files.append(plan.model)
    for file in files:
        check_digest(folder / file.path, file)
    frame, notes = read_frame(folder / plan.data.path, plan.data.format, plan.limits)
    reference = None
    if plan.reference:
        reference, more = read_frame(folder / plan.reference.path, plan.reference.format, plan.limits)
        notes += more
    estimator, more = _settled_model(plan, folder, descriptors)
    subject = Subject(
        estimator,
        frame,
        plan.target,
        plan.columns,
        reference=reference,
        task=plan.task,
        seed=plan.seed,
        relations=plan.relations,
    )
    subject.notes[:0] = notes + more
    return subject


def _settled_model(plan: Plan, folder: Path, descriptors: tuple[int, int] | None) -> tuple[Any, list[str]]:
    """Never loads a model of a waiver: it is asked in its own process, where it cannot touch what is measured here."""
    if descriptors is not None:
        from assessments.battery.oracle import remote

        return remote.connect(*descriptors)
    if plan.model.trust != "restricted":
        raise LoadError(
            "bad_plan",
            "A model under a waiver is assessed from another process only.",
            "Start the run as the system does.",
        )
    return load_model(folder / plan.model.path, plan.model.format, trust=plan.model.trust)


def load_model(path: Path, format: str = "joblib", *, trust: Trust = "restricted") -> tuple[Any, list[str]]:
    """The estimator in a model file, with notes about how it was loaded. Raises LoadError.

    restricted: only what the gate allows, made by the gate's own loader. waived: whatever the file says, by joblib.
    """
    if format != "joblib":
        return formats.load(path, format, trust)
    if trust == "restricted":
        return load_allowed(path)
    return unpickle(path, "not_a_model", MODEL_HINT)
