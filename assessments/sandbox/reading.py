"""What is in an uploaded file: asked of the battery's --scan, --inspect and --profile doors, inside the sandbox."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from assessments.sandbox import launch, strict_json, taking
from assessments.sandbox.plain_text import plain

MODEL_SECONDS = 60.0
DATA_SECONDS = 120.0
SCAN_SECONDS = 300.0  # generous: a machine that is busy must not condemn an honest file

TEXT = {"type": "string"}
NUMBER = {"type": ["number", "null"]}
COUNT = {"type": "integer", "minimum": 0}
MODEL = {
    "type": "object",
    "required": ["class", "module", "steps", "task", "classes", "features", "n_features", "libraries"],
    "properties": {
        "class": TEXT,
        "module": TEXT,
        "steps": {"type": "array", "items": TEXT, "maxItems": 500},
        "task": TEXT,
        "classes": {"type": "array", "items": TEXT, "maxItems": 10_000},
        "features": {"type": ["array", "null"], "items": TEXT, "maxItems": 100_000},
        "n_features": {"type": ["integer", "null"], "minimum": 0},
        "libraries": {"type": "object", "additionalProperties": TEXT, "maxProperties": 200},
    },
}
RELATION = {
    "type": "object",
    "required": ["text", "columns", "rows", "broken"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "maxLength": 4000},
        "columns": {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 500},
        "rows": COUNT,
        "broken": COUNT,
        "why": {"type": "string", "maxLength": 1000},
        "problem": {"type": "string", "maxLength": 1000},
        "hint": {"type": "string", "maxLength": 1000},
    },
}
PROFILE = {
    "type": "object",
    "required": ["rows", "columns"],
    "properties": {
        "relations": {"type": "array", "items": RELATION, "maxItems": 100},
        "checked": {"type": "array", "items": RELATION, "maxItems": 100},
        "rows": COUNT,
        "columns": {
            "type": "array",
            "maxItems": 20_000,
            "items": {
                "type": "object",
                "required": ["name", "dtype", "kind", "integer", "missing", "distinct", "min", "max", "top"],
                "properties": {
                    "name": {"type": "string", "maxLength": 255},
                    "dtype": {"type": "string", "maxLength": 100},
                    "kind": {"enum": ["number", "category"]},
                    "integer": {"type": "boolean"},
                    "missing": COUNT,
                    "distinct": COUNT,
                    "min": NUMBER,
                    "max": NUMBER,
                    "mean": NUMBER,
                    "std": NUMBER,
                    "top": {
                        "type": "array",
                        "maxItems": 100,
                        "items": {
                            "type": "array",
                            "prefixItems": [{"type": "string", "maxLength": 200}, COUNT],
                            "minItems": 2,
                            "maxItems": 2,
                        },
                    },
                },
            },
        },
    },
}
CONVERSION = {"type": "object", "required": ["rows"], "properties": {"rows": COUNT}}
CONVERTED = "converted.parquet"  # what the battery's --convert writes
SAVE_AS_PARQUET = "Save it with df.to_parquet('data.parquet') and upload that file."
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
VERDICT = {"enum": ["allowed", "needs_waiver", "refused"]}
# The public scan, modelrisk.scan/1, as the child gives it; the parent adds sha256 and size.
SCAN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema", "format", "container", "verdict", "reasons", "imports", "imports_sha256"]
    + ["opcodes", "bytes", "libraries", "allow_list"],
    "properties": {
        "schema": {"const": "modelrisk.scan/1"},
        "format": {"enum": ["joblib", "skops", "onnx", "xgboost", "lightgbm"]},
        "container": {"type": "string", "pattern": "^[a-z0-9_-]{1,20}$"},
        "verdict": VERDICT,
        "reasons": {
            "type": "array",
            "maxItems": 30,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["code", "message", "hint", "atlas"],
                "properties": {
                    "code": {"type": "string", "pattern": "^[a-z_]{1,40}$"},
                    "message": {"type": "string", "minLength": 1, "maxLength": 2_000},
                    "hint": {"type": "string", "maxLength": 500},
                    "atlas": {
                        "type": "array",
                        "maxItems": 10,
                        "items": {"type": "string", "pattern": "^AML\\.[A-Z]{1,2}[0-9]{4}(\\.[0-9]{3})?$"},
                    },
                },
            },
        },
        "imports": {
            "type": "array",
            "maxItems": 5_000,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "uses", "verdict", "note"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 500},
                    "uses": {
                        "type": "array",
                        "maxItems": 20,
                        "uniqueItems": True,
                        "items": {"type": "string", "pattern": "^[a-z-]{1,30}$"},
                    },
                    "verdict": VERDICT,
                    "note": {"type": "string", "maxLength": 500},
                },
            },
        },
        "imports_sha256": SHA256,
        "opcodes": COUNT,
        "bytes": COUNT,
        "libraries": {
            "type": "object",
            "maxProperties": 50,
            "additionalProperties": {"type": "string", "maxLength": 100},
        },
        "allow_list": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "sha256"],
            "properties": {"name": {"type": "string", "maxLength": 500}, "sha256": SHA256},
        },
    },
}
ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string", "pattern": "^[a-z_]{1,40}$"}, "message": TEXT, "hint": TEXT},
}


class Unreadable(Exception):
    """The file cannot be used: message says what is wrong with it, hint what to do."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def scan_model(path: Path, format: str) -> dict[str, Any]:
    """What a model file would import and do, and the gate's verdict: modelrisk.scan/1 with sha256 and size.

    Nothing of the file is run. One that kills its reader is refused like one that cannot be parsed. Raises Unreadable
    where the sandbox does not start, and where time was over before there was a verdict.
    """
    path = Path(path)
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        scan = _ask("--scan", path, format, SCAN, SCAN_SECONDS)
    except Unreadable as error:
        if error.code not in {"crashed", "out_of_memory"}:
            raise
        scan = _unscannable(error, format)
    scan["imports_sha256"] = imports_digest(scan["imports"])
    if scan["reasons"] and scan["verdict"] == "allowed":
        scan["verdict"] = "refused"
    return scan | {"sha256": sha256, "size": path.stat().st_size}


def imports_digest(imports: list[dict[str, Any]]) -> str:
    """SHA-256 of what a file imports and how it uses it: what a waiver is bound to. Never taken from the child."""
    pairs = sorted([entry["name"], sorted(entry["uses"])] for entry in imports)
    return hashlib.sha256(json.dumps(pairs, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _unscannable(error: Unreadable, format: str) -> dict[str, Any]:
    """The scan of a file that ended its reader: what cannot be parsed may still run code, so it is refused.

    Too little memory may be the machine's fault as well as the file's: the reason says no more than that.
    """
    crashed = error.code == "crashed"
    code, atlas = ("unparseable", ["AML.T0076", "AML.T0029"]) if crashed else ("out_of_memory", ["AML.T0029"])
    reason = {"code": code, "message": error.message, "hint": error.hint, "atlas": atlas}
    return {
        "schema": "modelrisk.scan/1",
        "format": format,
        "container": "unknown",
        "verdict": "refused",
        "reasons": [reason],
        "imports": [],
        "opcodes": 0,
        "bytes": 0,
        "libraries": {},
        "allow_list": {"name": "", "sha256": ""},
    }


def inspect_model(path: Path, format: str, trust: str = "restricted") -> dict[str, Any]:
    """What the model is: class, steps, task, classes, features, libraries. Raises Unreadable."""
    return _ask("--inspect", Path(path), format, MODEL, MODEL_SECONDS, trust)


def profile_dataset(path: Path, format: str, *, suggest: bool = False, relations: Sequence[str] = ()) -> dict[str, Any]:
    """Rows and, for each column, its type, range and commonest values. Raises Unreadable.

    suggest: also the relations between columns that the data suggests. relations: what the data says of each, under
    "checked": {text, columns, rows, broken, problem, hint}.
    """
    asked = ["--suggest"] if suggest else []
    asked += [f"--relation={text}" for text in relations]
    return _ask("--profile", Path(path), format, PROFILE, DATA_SECONDS, asked=asked)


@contextmanager
def converted_dataset(path: Path, format: str) -> Iterator[Path]:
    """The Parquet file, ours, that a confined child made of a pickled table; gone after the block. Raises Unreadable.

    What the child says of it is not believed: it is to be profiled like any upload.
    """
    with tempfile.TemporaryDirectory(prefix="modelrisk-read-") as folder:
        work, ours = Path(folder) / "out", Path(folder) / CONVERTED
        work.mkdir()
        _ask("--convert", Path(path), format, CONVERSION, DATA_SECONDS, "waived", work)
        try:
            taking.take(work / CONVERTED, ours, most=launch.FILE_BYTES)
        except taking.NotTaken as error:
            raise Unreadable(
                "unreadable_data", f"The table could not be converted to Parquet: {error}.", SAVE_AS_PARQUET
            ) from error
        yield ours


def _ask(
    door: str,
    path: Path,
    format: str,
    schema: dict[str, Any],
    seconds: float,
    trust: str = "restricted",
    work: Path | None = None,
    asked: Sequence[str] = (),
) -> dict[str, Any]:
    """The answer of a door, checked. work: a folder of the caller's, whose files stay."""
    lines: list[str] = []
    folder = work or Path(tempfile.mkdtemp(prefix="modelrisk-read-"))
    try:
        ended = launch.run(
            ["-m", "assessments.battery", door, str(path.resolve()), "--format", format, "--trust", trust, *asked],
            read=[path],
            write=folder,
            seconds=seconds,
            memory_mb=int(os.environ.get("MODELRISK_CHILD_MEMORY_MB", "8192")),
            on_line=lambda line: lines.append(line) if len(lines) < 2 else None,
            trust=trust,
        )
    finally:
        if work is None:
            shutil.rmtree(folder, ignore_errors=True)
    what = "model" if door in ("--scan", "--inspect") else "dataset"
    if len(lines) != 1:
        raise died(ended, what)
    try:
        answer = strict_json.parse(lines[0])
        if isinstance(answer, dict) and "error" in answer:
            Draft202012Validator(ERROR).validate(answer["error"])
            error = answer["error"]
            raise Unreadable(error["code"], error["message"], error.get("hint", ""))
        Draft202012Validator(schema).validate(answer)
        _check_names(answer)
    except (strict_json.NotFit, ValidationError) as error:
        problem = error.message if isinstance(error, ValidationError) else str(error)
        raise Unreadable(
            "crashed",
            f"Reading the {what} gave an answer that is not understood: {plain(problem, 200)}.",
            "The file may have been made to mislead. Save it again with the libraries that this system has installed.",
        ) from error
    return {name: answer[name] for name in schema["properties"] if name in answer}


def _check_names(answer: dict[str, Any]) -> None:
    """Two columns of one name could not be told apart; two may have become alike when their names were cleaned."""
    names = [column["name"] for column in answer.get("columns", [])]
    if twice := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
        raise Unreadable(
            "unreadable_data",
            f"Two columns are named {plain(twice[0], 100)!r}.",
            "Give each column a name of its own, without invisible characters.",
        )


def died(ended: launch.Ended, what: str) -> Unreadable:
    """Why a child ended without an answer, in words for the person who gave the file."""
    if ended.refused:
        message = "Nothing was run: the sandbox of this machine is not complete."
        return Unreadable("sandbox", message, f"Tell the administrator: {plain(ended.refused, 1000)}")
    if ended.reason == "out_of_time":
        return Unreadable(
            "out_of_time",
            f"The {what} could not be read in time: it took more than {ended.seconds:.0f} seconds.",
            "Try again when the machine is less busy, or give a smaller one.",
        )
    if not ended.started:
        return Unreadable(
            "sandbox",
            "The sandbox could not be started on this machine.",
            f"Tell the administrator: {last_line(ended.log)}",
        )
    if ended.reason == "out_of_memory":
        return Unreadable(
            "out_of_memory",
            f"There is not enough memory to read the {what}.",
            "Give a smaller one, or let the administrator raise MODELRISK_CHILD_MEMORY_MB.",
        )
    how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.code}"
    return Unreadable(
        "crashed",
        f"Reading the {what} crashed ({how}).",
        f"Its last words: {last_line(ended.log)}" if ended.log else "Save it again and check that it loads.",
    )


def last_line(log: str, limit: int = 300) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return plain(lines[-1].strip(), limit) if lines else "nothing"
