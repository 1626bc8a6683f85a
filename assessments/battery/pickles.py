"""Objects out of joblib files: through the gate, or unpickled. Every fault is a LoadError that says what to do."""

import importlib.util
import io
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assessments.battery.errors import LoadError, listed, short

if TYPE_CHECKING:
    from assessments.battery.gate import loader

CHUNK = 1 << 20
MODEL_HINT = "Save the fitted estimator with joblib.dump(estimator, 'model.joblib') and upload that file."
COPY_HINT = "The file is not complete. Save it again, or copy it again and compare the sizes."
COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")


def load_allowed(path: Path) -> tuple[Any, list[str]]:
    """The model in a joblib file that the gate allows, and notes on how it was loaded. Raises LoadError.

    No pickle is run: the gate reads the file and makes what it found. See gate/loader.py.
    """
    from assessments.battery.gate import loader

    _check_start(path, "not_a_model", MODEL_HINT)
    return through_the_gate(path, lambda: loader.load(path))


def through_the_gate(path: Path, load: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What `load` gives, and notes on how; where the gate or a library refuses it, LoadError says so of the file."""
    from assessments.battery.gate import loader

    try:
        return noting(load)
    except loader.NotAllowed as refused:
        raise _not_allowed(path, refused) from refused
    except (Exception, SystemExit) as error:
        raise _explain(path, error, "not_a_model", MODEL_HINT, cut_off=False) from error


def unpickle(path: Path, code: str, hint: str) -> tuple[Any, list[str]]:
    """The object in a joblib file and notes on how it was loaded; a LoadError with this code and hint otherwise.

    This runs whatever the file says. Only for what somebody answers for, and only in the sandbox.
    """
    import joblib

    _check_start(path, code, hint)
    try:
        return noting(lambda: joblib.load(path))
    except LoadError:
        raise
    except (Exception, SystemExit) as error:
        raise _explain(path, error, code, hint, cut_off=_is_cut_off(path, error)) from error


def _check_start(path: Path, code: str, hint: str) -> None:
    with path.open("rb") as stream:
        head = stream.read(8)
    if not head:
        raise LoadError(code, f"{path.name} is empty.", hint)
    if not head.startswith((b"\x80", *COMPRESSED)):
        raise LoadError(code, f"{path.name} is not a joblib file: it does not start like one.", hint)


def noting(load: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What `load` gives, and what its warnings say about versions."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = load()
    return found, sorted({note for warning in seen if (note := _version_note(warning.message))})


def _not_allowed(path: Path, refused: "loader.NotAllowed") -> LoadError:
    """The gate's answer as an error: what was found against the file, the worst first."""
    reasons = refused.reasons.to_json()
    worst = reasons[0]
    if refused.reasons.verdict() == "refused":
        codes = {"truncated": "truncated", "unparseable": "not_a_model"}
        message = (
            f"{path.name} ends in the middle." if worst["code"] == "truncated" else f"{path.name}: {worst['message']}"
        )
        return LoadError(codes.get(worst["code"], "refused_file"), message, worst["hint"])
    names = [name.replace(":", ".") for name, verdict in sorted(refused.imports.items()) if verdict == "needs_waiver"]
    return LoadError(
        "needs_waiver",
        f"{path.name} needs a waiver before it is loaded: it uses {listed(names)}. {worst['message']}",
        worst["hint"],
    )


def _version_note(warning: Any) -> str:
    if type(warning).__name__ != "InconsistentVersionWarning":
        return ""
    return (
        f"The model was saved with scikit-learn {warning.original_sklearn_version} "
        f"and runs here with {warning.current_sklearn_version}: its answers may differ."
    )


def _explain(path: Path, error: BaseException, code: str, hint: str, *, cut_off: bool) -> LoadError:
    if isinstance(error, ImportError):
        return _missing_library(path, error)
    if isinstance(error, MemoryError):
        return LoadError("out_of_memory", f"{path.name} needs more memory than a run may use.", "Save a smaller model.")
    if cut_off:
        return LoadError("truncated", f"{path.name} ends in the middle.", COPY_HINT)
    if isinstance(error, AttributeError) and "Can't get attribute" in str(error):
        return LoadError(
            "missing_library",
            f"{path.name} needs code that is not in the file: {short(error)}",
            "Classes and functions written in a notebook or script are not saved with a model. "
            "Put them in an installed package, or build the model from library parts.",
        )
    return LoadError(code, f"{path.name} could not be opened: {short(error)}", hint)


def _missing_library(path: Path, error: ImportError) -> LoadError:
    module = error.name or "a library"
    library = module.split(".")[0]
    try:
        installed = importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):
        installed = False
    if installed:
        return LoadError(
            "missing_library",
            f"{path.name} needs {module}, which the installed version of {library} does not have: {short(error)}",
            f"The model was saved with another version of {library}. Save it again with the installed one.",
        )
    return LoadError(
        "missing_library",
        f"{path.name} needs the library {library}, which is not installed here.",
        f"Ask the administrator to install {library}, or rebuild the model without it.",
    )


def _is_cut_off(path: Path, error: BaseException) -> bool:
    with path.open("rb") as file:
        head = file.read(8)
    if isinstance(error, EOFError) or any(word in str(error) for word in ("truncated", "EOF", "exhausted")):
        return True
    if head.startswith(b"\x80"):  # a whole pickle ends with the STOP opcode
        with path.open("rb") as stream:
            stream.seek(-1, io.SEEK_END)
            return stream.read(1) != b"."
    if head.startswith((b"\x78", b"\x1f\x8b")):
        return not _reaches_its_end(path)
    return False


def _reaches_its_end(path: Path) -> bool:
    """Whether a zlib or gzip stream is whole."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        with path.open("rb") as file:
            while not stream.eof and (chunk := stream.unconsumed_tail or file.read(CHUNK)):
                stream.decompress(chunk, CHUNK)
    except zlib.error:
        return True  # damaged rather than cut off
    return stream.eof
