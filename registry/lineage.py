"""Everyone who ever had a hand in a model: whoever owned or developed it, uploaded a version or submitted one.

Separation of duties is asked of these people (guard G1), not of today's owner and developers: a part that ended last
week still is a part. What a service account did, the person did who answers for it.
"""

from django.apps import apps
from django.db.models import CharField, Q, Value

OWNED, DEVELOPED, UPLOADED, SUBMITTED = "owner", "developer", "uploader", "submitter"
PARTS = (OWNED, DEVELOPED, UPLOADED, SUBMITTED)


def lineage(model) -> dict[int, set[str]]:
    """{user id: parts} of everyone who builds the model or ever did."""
    found: dict[int, set[str]] = {model.owner_id: {OWNED}}
    for user, part in _parts(model):
        found.setdefault(user, set()).add(part)
    return found


def conflict(user, model, what: str = "decide") -> str | None:
    """Why this person is not independent of the model, or None."""
    had = lineage(model).get(user.pk)
    return had and f"You {_said(user, model, had)}; someone independent must {what}."


def _said(user, model, had: set[str]) -> str:
    if had & {OWNED, DEVELOPED}:
        theirs = Q(pk=user.pk) | Q(service_account__owner=user.pk)
        today = model.owner_id == user.pk or model.developers.filter(theirs).exists()
        return f"own or develop {model}" if today else f"owned or developed {model} before"
    return f"uploaded a version of {model}" if UPLOADED in had else f"submitted a version of {model}"


def _parts(model):
    """(user id, part), in one query."""
    requests = apps.get_model("registry", "ApprovalRequest").objects.filter(version__model=model)
    links = model.developers.through.objects.filter(mlmodel=model).order_by()
    assigned = model.assignments.filter(part__in=[OWNED, DEVELOPED]).order_by()
    versions = model.versions.order_by()
    return assigned.values_list("user", "part").union(
        links.values_list("user", _said_as(DEVELOPED)),
        versions.values_list("created_by", _said_as(UPLOADED)),
        requests.order_by().values_list("requested_by", _said_as(SUBMITTED)),
        _behind(assigned, "user", "part"),
        _behind(links, "user", _said_as(DEVELOPED)),
        _behind(versions, "created_by", _said_as(UPLOADED)),
    )


def _behind(rows, user: str, part):
    """The same for the people who answer for the service accounts among them."""
    owner = f"{user}__service_account__owner"
    return rows.filter(**{f"{owner}__isnull": False}).values_list(owner, part)


def _said_as(part: str) -> Value:
    return Value(part, output_field=CharField())
