"""A table in a pickle -> Parquet. The pickle may run anything when it is opened, so it is opened once, in a sandbox of
its own, and never again: only the Parquet is kept and measured.

Nothing that this process says is believed but that a file is there; that file is read like any other upload.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from assessments.battery.errors import LoadError, short
from assessments.battery.gate.scan import scan_joblib
from assessments.battery.pickles import unpickle
from assessments.battery.plan import Limits
from assessments.battery.tables import DATA_HINT, checked

CONVERTED = "converted.parquet"


def convert(path: Path, folder: Path) -> dict[str, Any]:
    """Write `converted.parquet` into the folder; how many rows it has. Raises LoadError."""
    scanned = scan_joblib(path)  # before anything of the file can run
    if scanned["verdict"] == "refused":
        reason = scanned["reasons"][0]
        code = {"truncated": "truncated", "unparseable": "unreadable_data"}.get(reason["code"], "refused_file")
        raise LoadError(code, f"{path.name}: {reason['message']}", DATA_HINT)
    found, notes = unpickle(path, "unreadable_data", DATA_HINT)
    if not isinstance(found, pd.DataFrame):
        raise LoadError("unreadable_data", f"{path.name} holds a {type(found).__name__}, not a DataFrame.", DATA_HINT)
    frame = checked(found, path.name, Limits())
    try:
        frame.to_parquet(folder / CONVERTED, index=False)
    except Exception as error:  # pyarrow has several, for columns that hold more than one type of value
        raise LoadError(
            "unreadable_data", f"{path.name} cannot be saved as Parquet: {short(error)}", DATA_HINT
        ) from error
    return {"rows": len(frame), "notes": notes}
