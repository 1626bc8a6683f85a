"""Data files in, plain tables out. Every fault is a LoadError that says what to do.

Files may be made to exhaust their reader: a Parquet file of half a megabyte can hold gigabytes, and its footer can say
otherwise. So rows times columns are bounded before reading, and bytes while it goes on.
"""

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from assessments.battery.errors import LoadError, listed, short
from assessments.battery.plan import Limits

CHUNK = 1 << 20
MINIMUM_ROWS = 30
MOST_BYTES = 2 << 30  # of a table in memory, while it is read
MOST_TEXT = 100_000  # characters of one cell
MOST_NAME = 255  # characters of a column's name
BATCH_ROWS = 4096
DATA_HINT = "Save the data as CSV or as Parquet: df.to_csv('data.csv', index=False) or df.to_parquet('data.parquet')."
DELIMITERS = (",", ";", "\t", "|")


def read_frame(path: Path, format: str, limits: Limits | None = None) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a data file, with notes. Text columns are object, missing is NaN; "?" stays a value."""
    limits = limits or Limits()
    if path.stat().st_size == 0:
        raise LoadError("empty_data", f"{path.name} is empty.", DATA_HINT)
    readers = {"csv": _read_csv, "parquet": _read_parquet}
    if format not in readers:
        raise LoadError("unreadable_data", f"Data in the format {format!r} cannot be read.", DATA_HINT)
    frame, notes = readers[format](path, limits)
    return checked(frame, path.name, limits), notes


def checked(frame: pd.DataFrame, name: str, limits: Limits) -> pd.DataFrame:
    """The frame as a plain table. Raises LoadError where it is none, or too large; name: of its file."""
    frame.columns = [str(column) for column in frame.columns]
    _check_size(name, len(frame), len(frame.columns), limits)
    if doubled := sorted(set(frame.columns[frame.columns.duplicated()])):
        raise _doubled(name, doubled)
    if frame.empty:
        raise LoadError("empty_data", f"{name} has no rows.", "Give a file with a heading line and data rows.")
    if len(frame) < MINIMUM_ROWS:
        raise too_few(len(frame), name)
    found = plain(frame.reset_index(drop=True))
    _check_text(found, name)
    return found


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
    hint = "Leave out the columns that neither the model nor the fairness tests need."
    if columns > limits.max_columns:
        raise LoadError("too_big", f"{name} has {columns:,} columns; an assessment takes {limits.max_columns:,}.", hint)
    if rows * columns > limits.max_cells:
        raise LoadError(
            "too_big", f"{name} has {rows * columns:,} cells; an assessment takes {limits.max_cells:,}.", hint
        )


def _check_text(frame: pd.DataFrame, file: str) -> None:
    if long := next((name for name in frame.columns if len(name) > MOST_NAME), ""):
        raise LoadError(
            "unreadable_data",
            f"{file} has a column whose name has {len(long):,} characters; at most {MOST_NAME} fit.",
            "Give the columns short names, and check that the first line of the file is the heading.",
        )
    for name in frame.columns:
        if frame[name].dtype == object and _longest(frame[name], file) > MOST_TEXT:
            raise LoadError(
                "too_big",
                f"{file} has a cell of more than {MOST_TEXT:,} characters in {name!r}.",
                "Leave out columns of long text; check the quotes of the file if that is none.",
            )


def _longest(column: pd.Series, file: str) -> int:
    """Characters of the longest text of a column."""
    try:
        values = column.unique()
    except TypeError as error:
        raise LoadError(
            "unreadable_data", f"{file} holds values that are no numbers or text in {column.name!r}.", DATA_HINT
        ) from error
    return max((len(value) for value in values if isinstance(value, str)), default=0)


def _doubled(name: str, doubled: list[str]) -> LoadError:
    return LoadError(
        "unreadable_data",
        f"{name} has more than one column called {listed(doubled)}.",
        "Rename or remove the columns that appear twice.",
    )


# Formats


def _read_parquet(path: Path, limits: Limits) -> tuple[pd.DataFrame, list[str]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, arrow_extensions_enabled=False) as file:
            rows, columns = file.metadata.num_rows, file.metadata.num_columns
            _check_size(path.name, rows, columns, limits)
            _check_types(path.name, file.schema_arrow)
            table = pyarrow.Table.from_batches(_bounded(path.name, file, rows), file.schema_arrow)
            frame = table.to_pandas(self_destruct=True)  # column by column, so that it is not held twice
            del table
            pyarrow.default_memory_pool().release_unused()
            return frame, []
    except LoadError:
        raise
    except (MemoryError, pyarrow.ArrowMemoryError) as error:
        raise MemoryError from error
    except Exception as error:
        raise LoadError("unreadable_data", f"{path.name} is not a Parquet file: {short(error)}", DATA_HINT) from error


def _bounded(name: str, file: Any, rows: int) -> Iterator[Any]:
    """The batches of a file, as long as they hold no more than it says and than can be held."""
    seen = size = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        seen, size = seen + batch.num_rows, size + batch.nbytes
        if seen > rows:
            raise LoadError("unreadable_data", f"{name} holds more rows than its footer says.", DATA_HINT)
        if size > MOST_BYTES:
            raise LoadError(
                "too_big",
                f"{name} grows to more than {MOST_BYTES >> 30} GB when it is read.",
                "Give a random sample of the rows, or leave out columns of text.",
            )
        yield batch


def _check_types(name: str, schema: Any) -> None:
    """Raises LoadError for columns that are not numbers, text, truth values or dates."""
    from pyarrow import types

    plain_ones = (
        *(types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_null),
        *(types.is_string, types.is_large_string, types.is_string_view, types.is_temporal),
    )
    for field in schema:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        if not any(is_of(kind) for is_of in plain_ones):
            raise LoadError(
                "unreadable_data",
                f"{name} has the column {field.name[:100]!r} of the type {str(field.type)[:100]}: no plain values.",
                "Leave it out, or make columns of numbers, text or dates of it.",
            )


def _read_csv(path: Path, limits: Limits) -> tuple[pd.DataFrame, list[str]]:
    try:
        encoding, notes = _encoding(path)
        return _parsed_csv(path, encoding, limits), notes
    except LoadError:
        raise
    except pd.errors.EmptyDataError as error:
        raise LoadError("empty_data", f"{path.name} has no columns.", DATA_HINT) from error
    except pd.errors.ParserWarning as error:
        raise LoadError(
            "unreadable_data", f"{path.name} has rows with more cells than the heading has names.", DATA_HINT
        ) from error
    except (ValueError, OSError, OverflowError, csv.Error) as error:
        raise LoadError(
            "unreadable_data", f"{path.name} is not a proper CSV file: {short(error)}", DATA_HINT
        ) from error


def _parsed_csv(path: Path, encoding: str, limits: Limits) -> pd.DataFrame:
    header, delimiter = _header(path, encoding)
    if doubled := sorted({name for name in header if header.count(name) > 1 and name}):
        raise _doubled(path.name, doubled)
    _check_size(path.name, 0, len(header), limits)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            sep=delimiter,
            encoding=encoding,
            index_col=False,
            low_memory=False,
            skipinitialspace=False,
            nrows=min(limits.max_rows, limits.max_cells // len(header)) + 1,
        )


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
