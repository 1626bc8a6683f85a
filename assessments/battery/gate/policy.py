"""What a file may use: the reviewed allow-lists, one file a library and version, and what is known to be bad.

Format of allowlists/*.json (schema modelrisk.allowlist/1): library and package name it; series is the version that it
was made for ("1.9" covers 1.9.x); generated_from the exact one, or "" where no library is behind it.
    classes     module -> names that may be made without arguments and without __init__, and then given a state
    tuples      name -> number of arguments of a named tuple
    calls       name -> the rule of rules.py that its arguments must keep
    functions   module -> ufuncs and the like, which a setting such as FunctionTransformer's func may name
    references  module -> other names that may stand somewhere; none of them is called while loading
A name that is on no list is not loaded: the file needs a waiver, or is refused where known_bad.json has the name. A
file of another version of a library is judged by the same lists: names that this version does not have need a waiver.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).with_name("allowlists")
SCHEMA = "modelrisk.allowlist/1"

Kind = Literal["class", "tuple", "call", "reference"]


@dataclass(frozen=True)
class Entry:
    """One name that may be used. rule: of rules.py, for a call; count: of arguments, for a tuple."""

    kinds: frozenset[Kind]
    library: str
    rule: str = ""
    count: int = 0


@dataclass
class Policy:
    """All allow-lists together. packages: top-level package -> the list's "library series"."""

    names: list[str]
    sha256: str
    entries: dict[str, Entry] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)

    def may(self, name: str, kind: Kind) -> bool:
        entry = self.entries.get(name)
        return entry is not None and kind in entry.kinds


@cache
def policy() -> Policy:
    """The allow-lists of this installation."""
    files = sorted(FOLDER.glob("*.json"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    found = Policy([path.stem for path in files], digest.hexdigest())
    for path in files:
        _take(found, json.loads(path.read_text()))
    return found


def _take(found: Policy, document: dict[str, Any]) -> None:
    if document["schema"] != SCHEMA:
        raise ValueError(f"an allow-list has the schema {document['schema']!r}, not {SCHEMA!r}")
    library = f"{document['library']} {document['series']}".strip()
    if document["package"]:
        found.packages[document["package"]] = library
    for name, kind, rule, count in entries(document):
        before = found.entries.get(name)
        kinds = (before.kinds if before else frozenset[Kind]()) | {kind}
        found.entries[name] = Entry(
            kinds, library, rule or (before.rule if before else ""), count or (before.count if before else 0)
        )


def entries(document: dict[str, Any]) -> Iterator[tuple[str, Kind, str, int]]:
    """(name, kind, rule, count) for each entry of an allow-list file."""
    for module, names in document["classes"].items():
        yield from ((f"{module}:{name}", "class", "", 0) for name in names)
    for name, count in document["tuples"].items():
        yield name, "tuple", "", count
    for name, rule in document["calls"].items():
        yield name, "call", rule, 0
    for module, names in document["functions"].items():
        yield from ((f"{module}:{name}", "reference", "ufunc", 0) for name in names)
    for module, names in document["references"].items():
        yield from ((f"{module}:{name}", "reference", "", 0) for name in names)


@cache
def _bad() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What is known to be bad: by module, by name, by the beginning of a name; each with what it does."""
    document = json.loads(Path(__file__).with_name("known_bad.json").read_text())
    modules: dict[str, str] = {}
    names: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    for group in document["groups"]:
        modules |= dict.fromkeys(group["modules"], group["what"])
        names |= {name: group["what"] for name in group["names"] if not name.endswith("*")}
        beginnings |= {name[:-1]: group["what"] for name in group["names"] if name.endswith("*")}
    return modules, names, beginnings


def known_bad(name: str) -> str:
    """What a name is known to do to its loader, or "". name: module:qualified.name."""
    modules, names, beginnings = _bad()
    module, _, attribute = name.partition(":")
    if name in names:
        return names[name]
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if what := modules.get(".".join(parts[:end])):
            return what
    if what := next((what for start, what in beginnings.items() if name.startswith(start)), ""):
        return what
    if "." in attribute and parts[0] in policy().packages:
        return "reaches for a part of a library's class"
    return ""


def origin(name: str) -> Literal["custom_class", "unknown_import", "cloudpickle", "dataframe"]:
    """Which reason a name gives that is on no list and not known to be bad."""
    module = name.partition(":")[0]
    root = module.split(".")[0]
    if root == "cloudpickle":
        return "cloudpickle"
    if root in {"pandas", "pyarrow"}:
        return "dataframe"
    known = root in policy().packages or root in sys.stdlib_module_names
    return "unknown_import" if known and root != "__main__" else "custom_class"
