"""What an uploaded file is: its format by name and first bytes, its content by asking the sandbox. Never unpickles."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path, PurePath
from types import ModuleType

from django.conf import settings

from registry.refusals import BadInput, Unavailable

JOBLIB, CSV, PARQUET = "joblib", "csv", "parquet"
SKOPS, ONNX, XGBOOST, LIGHTGBM = "skops", "onnx", "xgboost", "lightgbm"
PICKLED = (".joblib", ".pkl", ".pickle")
MODEL_FORMATS = {
    ".skops": SKOPS,
    ".onnx": ONNX,
    ".json": XGBOOST,
    ".ubj": XGBOOST,
    ".txt": LIGHTGBM,
    **dict.fromkeys(PICKLED, JOBLIB),
}
DATA_FORMATS = {".csv": CSV, ".parquet": PARQUET, ".pq": PARQUET} | dict.fromkeys(PICKLED, JOBLIB)

SAVE_MODEL = (
    "Save the fitted scikit-learn pipeline with skops.io.dump(model, 'model.skops') or joblib.dump(model, "
    "'model.joblib'), export it as .onnx, or save a booster in its own format: XGBoost .ubj or .json, LightGBM .txt."
)
SAVE_DATA = "Save the table with df.to_csv('data.csv', index=False) or df.to_parquet('data.parquet')."

# The first bytes of the formats that one program writes in one way.
MODEL_STARTS = {
    SKOPS: re.compile(rb"PK\x03\x04"),
    ONNX: re.compile(rb"\x08[\x01-\x7f]"),  # the version of the format, which writers put first
    XGBOOST: re.compile(rb"\{(\s*\"|[iUIlL][\x00-\x7f])"),  # JSON or UBJSON
    LIGHTGBM: re.compile(rb"tree\n"),
}

# First bytes -> what the file is. joblib writes plain pickles or pickles in one of these compressions.
SIGNATURES = (
    (b"\x80", JOBLIB),
    (b"\x78", JOBLIB),  # zlib
    (b"\x1f\x8b", JOBLIB),  # gzip
    (b"BZh", JOBLIB),
    (b"\xfd7zXZ", JOBLIB),
    (b"\x5d\x00\x00", JOBLIB),  # lzma
    (b"\x04\x22\x4d\x18", JOBLIB),  # lz4
    (b"PAR1", PARQUET),
    (b"PK\x03\x04", "zip"),
    (b"\x89HDF", "HDF5"),
    (b"\xd0\xcf\x11\xe0", "old Excel"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"%PDF", "PDF"),
)


def model_format(path: Path, name: str) -> str:
    """The format of a model file, or BadInput. `name` is the name it was uploaded under."""
    ending = PurePath(name).suffix.lower()
    if ending not in MODEL_FORMATS:
        raise BadInput(
            f"{_kind_of_name(ending)} are not supported as models.",
            hint=SAVE_MODEL,
            code="unsupported_format",
            field="file",
        )
    expected, found = MODEL_FORMATS[ending], _sniffed_model(path)
    if found not in {expected, None} or (found is None and expected != JOBLIB):
        raise not_a_model(name, expected, found)
    return expected


def not_a_model(name: str, expected: str, found: str | None = None) -> BadInput:
    """The content of a file is not what its ending says."""
    said = f"{name} is not {_article(expected)} file: it is {found or 'something else'}."
    return BadInput(said, hint=SAVE_MODEL, code="not_a_model", field="file")


def data_format(path: Path, name: str) -> str:
    """The format of a data file, or BadInput."""
    ending = PurePath(name).suffix.lower()
    if ending not in DATA_FORMATS:
        raise BadInput(
            f"{_kind_of_name(ending)} are not supported as data.",
            hint=SAVE_DATA,
            code="unsupported_format",
            field="file",
        )
    expected, found = DATA_FORMATS[ending], _sniffed(path)
    # Old pickles begin with printable text, so text is no proof against joblib.
    if found is not None and found != expected and not (expected == JOBLIB and found == CSV):
        raise BadInput(
            f"{name} is named as {expected} but its content is {found}.",
            hint=SAVE_DATA,
            code="unreadable_data",
            field="file",
        )
    return expected


def scan_model(path: Path, format: str) -> dict:
    """What the model file would do, read without running it: modelrisk.scan/1.

    Raises Unavailable where there was no verdict in time: that says nothing against the file.
    """
    try:
        return _asked("scan_model", path, format)
    except BadInput as error:
        if error.code != "out_of_time":
            raise
        raise Unavailable(f"{error.message} {error.hint}", code=error.code) from error


def inspect_model(path: Path, format: str, *, trust: str = "restricted") -> dict:
    """What the sandbox reads in the model: {class, steps, task, classes, features, libraries, …}.

    trust: "waived" loads a file that a person answers for; "restricted" only what the allow-list names.
    """
    return _asked("inspect_model", path, format, trust=trust)


def profile_dataset(path: Path, format: str, *, suggest: bool = False, relations: Iterable[str] = ()) -> dict:
    """What the sandbox reads in the data: {rows, columns: [...]}.

    suggest: with relations, those between columns that the data suggests. relations: with checked, what it says of
    each: {text, columns, rows, broken, problem, hint}.
    """
    options = {"suggest": suggest, "relations": tuple(relations)}
    return _asked("profile_dataset", path, format, **{key: value for key, value in options.items() if value})


@contextmanager
def kept_as(path: Path, format: str) -> Iterator[tuple[Path, str]]:
    """What is kept of a data file, and its format: of a pickled table the Parquet that the sandbox makes of it.

    A pickle may run anything when it is opened, so it is opened once, alone, and never again.
    """
    if format != JOBLIB:
        yield path, format
        return
    with ExitStack() as converted:
        with _said_as_bad_input():
            made = converted.enter_context(_reader().converted_dataset(path, format))
        yield made, PARQUET


def _asked(question: str, path: Path, format: str, **options) -> dict:
    with _said_as_bad_input():
        return getattr(_reader(), question)(path, format, **options)


@contextmanager
def _said_as_bad_input() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not all(hasattr(error, part) for part in ("code", "message", "hint")):
            raise
        if error.code == "sandbox":
            raise Unavailable(f"{error.message} {error.hint}".strip(), code=error.code) from error
        raise BadInput(error.message, hint=error.hint, code=error.code, field="file") from error


def _reader() -> ModuleType:
    return import_module(settings.MODELRISK_FILE_READER)


def _sniffed(path: Path) -> str | None:
    with open(path, "rb") as source:
        head = source.read(65_536)
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    return None if b"\x00" in head else CSV


def _sniffed_model(path: Path) -> str | None:
    with open(path, "rb") as source:
        head = source.read(64)
    return next((format for format, start in MODEL_STARTS.items() if start.match(head)), _sniffed(path))


def _article(format: str) -> str:
    return f"{'an' if format[0] in 'aeiox' else 'a'} {format}"


def _kind_of_name(ending: str) -> str:
    return f"{ending} files" if ending else "Files without an ending"
