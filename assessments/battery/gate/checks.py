"""Judge what was read: each name by how it is used, each object by its arguments and its state."""

from dataclasses import dataclass, field
from typing import Any

from assessments.battery.gate import policy
from assessments.battery.gate.nodes import Global, Made
from assessments.battery.gate.reader import Reading
from assessments.battery.gate.refusal import RANK, Reasons, Verdict

_MAY: dict[str, set[str]] = {
    "class": {"import", "new", "build", "append", "setitem"},
    "tuple": {"import", "new"},
    "call": {"import", "call", "build", "append", "setitem"},
    "reference": {"import"},
}


@dataclass
class Judgement:
    """What the gate says of a file. notes: name -> what is wrong with its use; verdicts: name -> its verdict."""

    reasons: Reasons
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        return self.reasons.verdict()

    def name(self, name: str, verdict: Verdict, note: str) -> None:
        """Say something against a name; the worst counts."""
        if RANK[verdict] > RANK[self.verdicts.get(name, "allowed")] or name not in self.notes:
            self.verdicts[name], self.notes[name] = verdict, note


def judge(reading: Reading) -> Judgement:
    """The judgement of a reading. Adds to its reasons."""
    found = Judgement(reading.reasons, dict.fromkeys(reading.globals, "allowed"))
    for name in reading.globals:
        _judge_name(found, name, reading.uses[name])
    return found


def _judge_name(found: Judgement, name: str, uses: set[str]) -> None:
    entry = policy.policy().entries.get(name)
    may = set().union(*(_MAY[kind] for kind in entry.kinds)) if entry else set()
    if uses <= may:
        return
    if "build-on-global" in uses:
        found.name(name, "refused", "changed for the whole process")
        return
    if what := policy.known_bad(name):
        found.reasons.add("known_bad", f"{shown(name)} {what}.")
        found.name(name, "refused", what)
    elif entry:
        found.reasons.add(
            "call_not_allowed", f"{shown(name)} is used in a way that no saved model of its library does."
        )
        found.name(name, "needs_waiver", "known, but not used so: " + ", ".join(sorted(uses - may)))
    else:
        _unknown(found, name)


def _unknown(found: Judgement, name: str) -> None:
    code = policy.origin(name)
    library = policy.policy().packages.get(name.split(":")[0].split(".")[0], "")
    said = {
        "custom_class": f"{shown(name)} is code that is not part of a known library.",
        "unknown_import": f"{shown(name)} is not on the allow-list{f' of {library}' if library else ''}.",
        "cloudpickle": f"{shown(name)} makes functions or classes out of code in the file.",
        "dataframe": f"{shown(name)} belongs to a table of pandas.",
    }
    found.reasons.add(code, said[code])
    found.name(name, "needs_waiver", {"custom_class": "not of a known library"}.get(code, "on no allow-list"))


def shown(name: str) -> str:
    return name.replace(":", ".")


def _unused(node: Any) -> bool:
    return isinstance(node, Global | Made)
