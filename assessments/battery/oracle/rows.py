"""Tables and arrays as the header and body of a message, and back with the same types and bits.

A column is numbers, or codes and the list of its values: text, numbers, true and false, missing, each with its type.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ORDER = "<" if sys.byteorder == "little" else ">"


def written(rows: Any) -> tuple[dict[str, Any], bytes]:
    """A DataFrame or an array of one or two dimensions. Raises TypeError for columns of other types."""
    if isinstance(rows, pd.DataFrame):
        parts = [_column(rows.iloc[:, at]) for at in range(rows.shape[1])]
        names = [str(name) for name in rows.columns]
        header = {"form": "frame", "rows": len(rows), "names": names, "columns": [part[0] for part in parts]}
        return header, b"".join(part[1] for part in parts)
    array = np.asarray(rows)
    if array.dtype == object:
        table = pd.DataFrame(array, dtype=object)
        header, body = written(table.rename(columns=str))
        return {**header, "form": "objects"}, body
    if array.dtype.kind not in "biuf":
        raise TypeError(f"rows of the type {array.dtype} cannot be asked about")
    fortran = array.ndim == 2 and array.flags.f_contiguous and not array.flags.c_contiguous
    order: Any = "F" if fortran else "C"
    header = {"form": "array", "dtype": array.dtype.str, "shape": array.shape, "order": order}
    return header, array.tobytes(order)


def read(header: dict[str, Any], body: bytes) -> Any:
    """What `written` was given."""
    if header["form"] == "array":
        array = np.frombuffer(body, np.dtype(header["dtype"])).copy()
        return array.reshape(header["shape"], order=header["order"])
    columns, at = [], 0
    for column in header["columns"]:
        kind = np.dtype(column["dtype"])
        size = header["rows"] * kind.itemsize
        columns.append(_values(np.frombuffer(body[at : at + size], kind).copy(), column))
        at += size
    if header["form"] == "objects":
        found = np.empty((header["rows"], len(columns)), dtype=object)
        for position, values in enumerate(columns):
            found[:, position] = np.asarray(values, dtype=object)
        return found
    index = pd.RangeIndex(header["rows"])
    # The type is said: pandas would make its own type of text out of objects that are text.
    series = [pd.Series(values, index=index, dtype=values.dtype) for values in columns]
    frame = pd.DataFrame(dict(enumerate(series)), index=index)
    frame.columns = pd.Index(header["names"])
    return frame


def _column(values: pd.Series) -> tuple[dict[str, Any], bytes]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        categories = values.cat.categories
        codes = values.cat.codes.to_numpy()
        header = {"values": tagged(list(categories)), "of": str(categories.dtype), "ordered": bool(values.cat.ordered)}
        return {"as": "category", "dtype": codes.dtype.str, **header}, codes.tobytes()
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
        numbers = values.to_numpy()
        return {"as": "numbers", "dtype": numbers.dtype.str}, numbers.tobytes()
    if isinstance(values.dtype, pd.StringDtype):
        header, body = _column(values.astype(object))
        return {**header, "as": "text", "of": str(values.dtype)}, body
    if values.dtype != object:
        raise TypeError(f"a column of the type {values.dtype} cannot be asked about")
    codes, found = _coded(values)
    return {"as": "object", "dtype": f"{ORDER}i4", "values": tagged(found)}, codes.astype(np.int32).tobytes()


def _coded(values: pd.Series) -> tuple[NDArray[Any], list[Any]]:
    """Positions in a list of the distinct values. 1, 1.0 and True are equal to pandas, and are kept apart here."""
    if pd.api.types.infer_dtype(values, skipna=False) == "string":
        codes, uniques = pd.factorize(values, use_na_sentinel=False)
        return codes, list(uniques)
    where: dict[tuple[type, Any], int] = {}
    found: list[Any] = []
    codes = np.empty(len(values), dtype=np.int32)
    for position, value in enumerate(values):
        key = (type(value), "nan" if isinstance(value, float) and value != value else value)
        if key not in where:
            where[key] = len(found)
            found.append(value)
        codes[position] = where[key]
    return codes, found


def _values(codes: NDArray[Any], column: dict[str, Any]) -> Any:
    if column["as"] == "numbers":
        return codes
    values = untagged(column["values"])
    if column["as"] == "category":
        categories = pd.Index(values, dtype=column["of"])
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered=column["ordered"]))
    table = np.empty(len(values), dtype=object)
    table[:] = values
    return pd.Series(table[codes], dtype=column["of"]).array if column["as"] == "text" else table[codes]


# Single values, with their types


def tagged(values: list[Any]) -> list[list[Any]]:
    """Each as [type, value], fit for JSON."""
    return [_tagged(value) for value in values]


def _tagged(value: Any) -> list[Any]:
    if value is None or value is pd.NA or value is pd.NaT:
        return ["none", None]
    if isinstance(value, bool | np.bool_):
        return ["bool", bool(value)]
    if isinstance(value, int | np.integer):
        return ["int", str(int(value))]
    if isinstance(value, float | np.floating):
        return ["float", float(value).hex()]
    if isinstance(value, str):
        return ["text", str(value)]
    raise TypeError(f"a value of the type {type(value).__name__} cannot be asked about")


def untagged(values: list[list[Any]]) -> list[Any]:
    """The values. Raises ValueError for what `tagged` does not write."""
    return [_untagged(*value) for value in values]


def _untagged(kind: Any, value: Any) -> Any:
    if kind == "none" and value is None:
        return None
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "text" and isinstance(value, str):
        return value
    if kind == "int" and isinstance(value, str) and len(value) <= 400:
        return int(value)
    if kind == "float" and isinstance(value, str) and len(value) <= 40:
        return float.fromhex(value)
    raise ValueError(f"{kind!r} is no type of a value")
