"""Relations between the columns of a dataset version: suggested by the data, confirmed or dismissed by a person.

The language and the counting are the battery's, which runs in the sandbox: here a relation is a text.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from registry import access, scanning
from registry.action import Done, action
from registry.admission import on_disk
from registry.models import DatasetVersion, Relation
from registry.refusals import BadInput

State = Relation.State
MOST = 100  # of one dataset version
LONGEST = 4000  # characters


def suggested(version: DatasetVersion, profile: dict, previous: DatasetVersion | None) -> list[Relation]:
    """Unsaved rows for a new version: what the data suggests, and what was said of the same in the version before.

    A confirmed relation of the version before that this data did not suggest itself is kept as a suggestion: a person
    looks at it again, since the data is another one. What speaks of the target is no relation between features.
    """
    before = {relation.text: relation for relation in previous.relations.all()} if previous else {}
    target = version.target.name if version.target else None
    found = [
        Relation(
            dataset_version=version,
            text=each["text"],
            why=each.get("why", ""),
            rows=each["rows"],
            broken=each["broken"],
            state=before[each["text"]].state if each["text"] in before else State.SUGGESTED,
        )
        for each in profile.get("relations", [])
        if target not in each["columns"]
    ]
    known = {relation.text for relation in found}
    names = {column["name"] for column in profile["columns"]}
    for checked in profile.get("checked", []):
        if checked["text"] not in known and not checked.get("problem") and set(checked["columns"]) <= names:
            found.append(
                Relation(
                    dataset_version=version,
                    text=checked["text"],
                    why="Confirmed in the version before.",
                    rows=checked["rows"],
                    broken=checked["broken"],
                )
            )
    return found[:MOST]


def confirmed(version: DatasetVersion) -> list[str]:
    """What an assessment holds rows to."""
    return list(version.relations.filter(state=State.CONFIRMED).values_list("text", flat=True))


def _may_judge(version: DatasetVersion, actor, **_) -> str | None:
    return access.may_edit_dataset(version.dataset, actor)


@contextmanager
def _counted(version: DatasetVersion, *, actor, text: str, state: str = State.CONFIRMED) -> Iterator[dict]:
    """A relation that is not known yet is read and counted on the data, in the sandbox."""
    text = " ".join(str(text).split())
    if state not in State.values:
        raise BadInput(
            f"{state!r} is no state of a relation.", hint=f"Choose {', '.join(State.values)}.", field="state"
        )
    counted = None
    if not version.relations.filter(text=text).exists():
        counted = _count(version, text)
        text = counted["text"]
    yield {"text": text, "state": state, "counted": counted}


def _count(version: DatasetVersion, text: str) -> dict:
    if not text or len(text) > LONGEST:
        raise BadInput(
            "The relation is empty." if not text else f"The relation has {len(text)} characters; {LONGEST} fit.",
            hint="Write for example: open_accounts <= total_accounts.",
            code="bad_relation",
            field="text",
        )
    if version.relations.count() >= MOST:
        raise BadInput(f"{version} has {MOST} relations already.", hint="Join some with and.", field="text")
    with on_disk(version.artifact) as path:
        (said,) = scanning.profile_dataset(path, version.format, relations=[text])["checked"]
    if said.get("problem"):
        raise BadInput(said["problem"], hint=said.get("hint", ""), code="bad_relation", field="text")
    return said


@action("dataset.judge_relation", rule=_may_judge, prepare=_counted)
def judge_relation(version: DatasetVersion, *, actor, text: str, state: str, counted: dict | None) -> Done:
    """Confirm or dismiss a relation, or write a new one; assessments keep what they ran with.

    Called as `judge_relation(version, actor=…, text=…, state=…)`. A new one that the data does not bear out is refused.
    """
    relation = version.relations.filter(text=text).first()
    before = relation.state if relation else ""
    if relation is None:
        relation = Relation(dataset_version=version, text=text, **_figures(counted or {}))
    relation.state = state
    relation.save()
    said = State(state).label.capitalize() if state != State.SUGGESTED else "Set back"
    return Done(
        relation,
        about=version,
        summary=f"{said} the relation “{relation}” of {version}",
        detail={"text": text, "state": [before, state], "rows": relation.rows, "broken": relation.broken},
    )


def _figures(counted: dict) -> dict:
    return {"rows": counted.get("rows", 0), "broken": counted.get("broken", 0)}
