"""Judge what was read: each name by how it is used, each object by its arguments and its state."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from assessments.battery.gate import boosters, graph, policy, rules, states, structures, values
from assessments.battery.gate.nodes import Made
from assessments.battery.gate.parts import corrupt
from assessments.battery.gate.reader import WRAPPER, Reading
from assessments.battery.gate.refusal import RANK, Reasons, Refused, Verdict

_MAY: dict[str, set[str]] = {
    "class": {"import", "new", "build", "append", "setitem"},
    "tuple": {"import", "new"},
    "call": {"import", "call", "build", "append", "setitem"},
    "reference": {"import"},
}
LEGACY = "joblib.numpy_pickle_compat"
VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,19}")


@dataclass
class Judgement:
    """What the gate says of a file. verdicts, notes: name -> its verdict, and what is wrong with its use."""

    reasons: Reasons
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    libraries: dict[str, set[str]] = field(default_factory=dict)  # library -> the versions that its parts tell

    @property
    def verdict(self) -> Verdict:
        return self.reasons.verdict()

    def name(self, name: str, verdict: Verdict, note: str) -> None:
        """Say something against a name; the worst counts."""
        if RANK[verdict] > RANK[self.verdicts[name]]:
            self.verdicts[name], self.notes[name] = verdict, note


def judge(reading: Reading) -> Judgement:
    """The judgement of a reading. Adds to its reasons."""
    found = Judgement(reading.reasons, dict.fromkeys(reading.globals, "allowed"))
    for node in reading.made:
        _note_version(found, node)
    for name in reading.globals:
        _judge_name(found, name, reading.uses[name])
    # Of a file that was not read to its end the last objects are not whole.
    for node in reading.made if reading.complete else ():
        _judge_object(found, node)
    if found.verdict == "allowed":
        _refusing(found, "", lambda: _judge_whole(reading.root))
    return found


# Names


def _judge_name(found: Judgement, name: str, uses: set[str]) -> None:
    entry = policy.policy().entries.get(name)
    may = set().union(*(_MAY[kind] for kind in entry.kinds)) if entry else set()
    if uses <= may:
        return
    module, _, attribute = name.partition(":")
    if module == LEGACY or attribute.split(".")[-1] in {"NDArrayWrapper", "ZNDArrayWrapper"}:
        found.reasons.add("legacy_container", f"{shown(name)} opens other files, which it finds by their names.")
        found.name(name, "refused", "opens other files")
    elif "build-on-global" in uses:
        found.name(name, "refused", "changed for the whole process")
    elif what := policy.known_bad(name):
        found.reasons.add("known_bad", f"{shown(name)} {what}.")
        found.name(name, "refused", what)
    elif entry:
        found.reasons.add("call_not_allowed", f"{shown(name)} is used as no saved model uses it.")
        found.name(name, "needs_waiver", "known, but not used so: " + ", ".join(sorted(uses - may)))
    else:
        _unknown(found, name)


def _unknown(found: Judgement, name: str) -> None:
    code = policy.origin(name)
    library = policy.policy().packages.get(name.split(":")[0].split(".")[0], "")
    if code == "unknown_import" and (other := _other_version(found, library)):
        said = f"{shown(name)} is a name of {other}; the allow-list is that of {library}."
        found.reasons.add("unknown_version", said)
        found.name(name, "needs_waiver", f"not in {library}")
        return
    messages = {
        "custom_class": f"{shown(name)} is code that is not part of a known library.",
        "unknown_import": f"{shown(name)} is not on the allow-list{f' of {library}' if library else ''}.",
        "cloudpickle": f"{shown(name)} makes functions or classes out of code in the file.",
        "dataframe": f"{shown(name)} belongs to a table of pandas.",
    }
    found.reasons.add(code, messages[code])
    found.name(name, "needs_waiver", {"custom_class": "not of a known library"}.get(code, "on no allow-list"))


def _other_version(found: Judgement, library: str) -> str:
    """The library with the versions that the file tells, where none of them is of the series of the allow-list."""
    name, _, series = library.rpartition(" ")
    versions = found.libraries.get(name, set())
    if not versions or any(version == series or version.startswith(f"{series}.") for version in versions):
        return ""
    return f"{name} {', '.join(sorted(versions))}"


def _note_version(found: Judgement, node: Made) -> None:
    state = node.state if isinstance(node.state, dict) else {}
    version = state.get("_sklearn_version")
    if isinstance(version, str) and VERSION.fullmatch(version) and len(found.libraries.get("scikit-learn", ())) < 5:
        found.libraries.setdefault("scikit-learn", set()).add(version)


def shown(name: str) -> str:
    return name.replace(":", ".")


# Objects


def _judge_object(found: Judgement, node: Made) -> None:
    if node.name == WRAPPER:
        return  # read as an array, or refused where it stands as a value
    if any(_is_pickle(part) for part in node.args) and node.name not in values.DATA:
        found.reasons.add("nested_pickle", f"{shown(node.name) or 'A call'} is given a pickle within the pickle.")
    entry = policy.policy().entries.get(node.name)
    if entry is None:
        return  # judged by its name
    if node.how == "call" and "call" in entry.kinds:
        _refusing(found, node.name, lambda: rules.check_call(node, entry.rule))
    elif node.how == "new" and "tuple" in entry.kinds:
        _refusing(found, node.name, lambda: rules.check_tuple(node, entry.count))
    elif node.how == "new" and "class" in entry.kinds:
        _refusing(found, node.name, lambda: _check_instance(found, node))


def _check_instance(found: Judgement, node: Made) -> None:
    if node.args or node.kwargs:
        raise rules.NotAllowed
    states.check_state(node)
    structures.check_structure(node.name, node.state)
    for library, version in boosters.check_booster(node.name, node.state).items():
        found.libraries.setdefault(library, set()).add(version)


def _is_pickle(part: Any) -> bool:
    if not isinstance(part, bytes | bytearray) or len(part) < 4:
        return False
    return part[0] == 0x80 and 2 <= part[1] <= 5 and part[-1:] == b"."


def _refusing(found: Judgement, name: str, check: Callable[[], None]) -> None:
    try:
        check()
    except rules.NotAllowed:
        found.reasons.add("call_not_allowed", f"{shown(name)} is made with other arguments than a saved model has.")
        found.name(name, "needs_waiver", "known, but not with such arguments")
    except Refused as refused:
        found.reasons.add(refused.code, refused.message)
        if name:
            found.name(name, "refused", refused.code.replace("_", " "))


# The whole


def _judge_whole(root: Any) -> None:
    """What the loader will meet: no wrapper as a value, no tuple in itself, keys that can be hashed."""
    if isinstance(root, Made) and root.name == WRAPPER:
        raise corrupt("An array of joblib in it has no content.")
    for thing in graph.postorder(root):
        if any(isinstance(part, Made) and part.name == WRAPPER for part in graph.children(thing)):
            raise corrupt("An array of joblib in it has no content.")
