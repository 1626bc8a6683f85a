"""Data files in, plain tables out. Every fault is a LoadError that says what to do."""

import csv
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from assessments.battery.errors import LoadError, listed, short
from assessments.battery.pickles import unpickle
from assessments.battery.plan import Limits

CHUNK = 1 << 20
MINIMUM_ROWS = 30
DATA_HINT = "Save the data as CSV, as Parquet, or as one pandas DataFrame with joblib.dump(frame, 'data.joblib')."
DELIMITERS = (",", ";", "\t", "|")


def read_frame(path: Path, format: str, limits: Limits | None = None) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a data file, with notes. Text columns are object, missing is NaN; "?" stays a value."""
    limits = limits or Limits()
    if path.stat().st_size == 0:
        raise LoadError("empty_data", f"{path.name} is empty.", DATA_HINT)
    readers = {"csv": _read_csv, "parquet": _read_parquet, "joblib": _read_joblib}
    if format not in readers:
        raise LoadError("unreadable_data", f"Data in the format {format!r} cannot be read.", DATA_HINT)
    frame, notes = readers[format](path, limits)
    frame.columns = [str(name) for name in frame.columns]
    _check_size(path.name, len(frame), len(frame.columns), limits)
    if doubled := sorted(set(frame.columns[frame.columns.duplicated()])):
        raise _doubled(path.name, doubled)
    if frame.empty:
        raise LoadError("empty_data", f"{path.name} has no rows.", "Give a file with a heading line and data rows.")
    if len(frame) < MINIMUM_ROWS:
        raise too_few(len(frame), path.name)
    return plain(frame.reset_index(drop=True)), notes


def too_few(rows: int, name: str = "The data") -> LoadError:
    return LoadError(
        "too_few_rows",
        f"{name} has {rows} rows with a known outcome; at least {MINIMUM_ROWS} are needed."
        if name == "The data"
        else f"{name} has {rows} rows; at least {MINIMUM_ROWS} are needed.",
        "Give more rows: a thousand give intervals that say something.",
    )


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with only number, bool and object columns, so that an estimator sees what it was trained on."""
    columns = {}
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.cat.categories.dtype if not column.isna().any() else object).infer_objects()
        if isinstance(column.dtype, pd.StringDtype | pd.PeriodDtype) or column.dtype.kind in "Mm":
            missing = column.isna()
            column = column.astype(str).astype(object).mask(missing, float("nan"))
        elif pd.api.types.is_extension_array_dtype(column.dtype):
            kind: Any = float if is_number(column) and column.isna().any() else object
            column = pd.Series(column.to_numpy(dtype=kind, na_value=float("nan")), name=name).infer_objects()
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
            column = column.astype(object)
            if column.isna().any():
                column = column.mask(column.isna(), float("nan"))
        columns[name] = column.reset_index(drop=True)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))


def is_number(column: pd.Series) -> bool:
    """Numbers, and not booleans."""
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def _check_size(name: str, rows: int, columns: int, limits: Limits) -> None:
    if rows > limits.max_rows:
        raise LoadError(
            "too_many_rows",
            f"{name} has more than {limits.max_rows:,} rows, the most that an assessment takes.",
            "Give a random sample of the rows: a hundred thousand settle nearly every question.",
        )
    if columns > limits.max_columns:
        raise LoadError(
            "too_big",
            f"{name} has {columns:,} columns; an assessment takes {limits.max_columns:,}.",
            "Leave out the columns that neither the model nor the fairness tests need.",
        )


def _doubled(name: str, doubled: list[str]) -> LoadError:
    return LoadError(
        "unreadable_data",
        f"{name} has more than one column called {listed(doubled)}.",
        "Rename or remove the columns that appear twice.",
    )


# Formats


def _read_joblib(path: Path, limits: Limits) -> tuple[pd.DataFrame, list[str]]:
    found, notes = unpickle(path, "unreadable_data", DATA_HINT)
    if not isinstance(found, pd.DataFrame):
        raise LoadError("unreadable_data", f"{path.name} holds a {type(found).__name__}, not a DataFrame.", DATA_HINT)
    return found, notes


def _read_parquet(path: Path, limits: Limits) -> tuple[pd.DataFrame, list[str]]:
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            rows, columns = file.metadata.num_rows, file.metadata.num_columns
            _check_size(path.name, rows, columns, limits)
            return file.read().to_pandas(), []
    except LoadError:
        raise
    except Exception as error:
        raise LoadError("unreadable_data", f"{path.name} is not a Parquet file: {short(error)}", DATA_HINT) from error


def _read_csv(path: Path, limits: Limits) -> tuple[pd.DataFrame, list[str]]:
    encoding, notes = _encoding(path)
    header, delimiter = _header(path, encoding)
    if doubled := sorted({name for name in header if header.count(name) > 1 and name}):
        raise _doubled(path.name, doubled)
    _check_size(path.name, 0, len(header), limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=delimiter,
                encoding=encoding,
                index_col=False,
                low_memory=False,
                skipinitialspace=False,
                nrows=limits.max_rows + 1,
            )
    except pd.errors.EmptyDataError as error:
        raise LoadError("empty_data", f"{path.name} has no columns.", DATA_HINT) from error
    except pd.errors.ParserWarning as error:
        raise LoadError(
            "unreadable_data", f"{path.name} has rows with more cells than the heading has names.", DATA_HINT
        ) from error
    except (ValueError, OSError) as error:
        raise LoadError(
            "unreadable_data", f"{path.name} is not a proper CSV file: {short(error)}", DATA_HINT
        ) from error
    return frame, notes


def _encoding(path: Path) -> tuple[str, list[str]]:
    """UTF-8 where the whole file is, else Latin-1, with a note. Binary files are refused."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", []
        stream.seek(0)
        utf8 = True
        while chunk := stream.read(CHUNK):
            if b"\0" in chunk:
                raise LoadError("unreadable_data", f"{path.name} is not a text file.", DATA_HINT)
            try:
                if utf8:
                    decoder.decode(chunk)
            except UnicodeDecodeError:
                utf8 = False
    if utf8:
        return "utf-8-sig", []
    return "latin-1", [f"{path.name} is not UTF-8; it was read as Latin-1."]


def _header(path: Path, encoding: str) -> tuple[list[str], str]:
    """The names of the first line and the delimiter that cuts it and the lines after it into as many cells."""
    with path.open(encoding=encoding, newline="") as stream:
        sample = stream.read(1 << 18)
    lines = [line for line in sample.splitlines() if line.strip()][:50]
    if not lines:
        raise LoadError("empty_data", f"{path.name} is empty.", DATA_HINT)
    best: tuple[int, int] = (0, 0)
    header, chosen = [lines[0]], ","
    for delimiter in DELIMITERS:
        rows = list(csv.reader(lines, delimiter=delimiter))
        width = len(rows[0])
        agreeing = sum(len(row) == width for row in rows)
        if width > 1 and (agreeing, width) > best:
            best, header, chosen = (agreeing, width), rows[0], delimiter
    return header, chosen
