"""Everyone who ever had a hand in a model: whoever owned or developed it, uploaded a version or submitted one.

Separation of duties is asked of these people (guard G1), not of today's owner and developers: a part that ended last
week still is a part. What a service account did, the person did who answers for it.
"""

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import CharField, Q, Value

OWNED, DEVELOPED, UPLOADED, SUBMITTED = "owner", "developer", "uploader", "submitter"
PARTS = (OWNED, DEVELOPED, UPLOADED, SUBMITTED)


def lineage(model) -> dict[int, set[str]]:
    """{user id: parts} of everyone who builds the model or ever did."""
    return lineages([model])[model.pk]


def lineages(models: Iterable) -> dict[int, dict[int, set[str]]]:
    """{model id: its lineage} of each of the models, in one query."""
    found: dict[int, dict[int, set[str]]] = {model.pk: {model.owner_id: {OWNED}} for model in models}
    for model, user, part in _parts(list(found)) if found else ():
        found[model].setdefault(user, set()).add(part)
    return found


def models_of(user):
    """Ids of the models of whose lineage this person is, or a service account of theirs: the same tables, asked the
    other way round.

    One list a table, each by its index, put together: a join with an OR over them all would read every row.
    """
    kinds = ("Assignment", "ModelVersion", "ApprovalRequest", "MLModel")
    assignments, versions, cases, models = (apps.get_model("registry", kind).objects.order_by() for kind in kinds)
    people = get_user_model().objects.order_by()
    them = people.filter(Q(pk=user.pk) | Q(service_account__owner=user.pk)).values("pk")
    links = models.model.developers.through.objects.order_by()
    return (
        models.filter(owner__in=them)
        .values("pk")
        .union(
            links.filter(user__in=them).values("mlmodel"),
            assignments.filter(user__in=them, part__in=[OWNED, DEVELOPED]).values("model"),
            versions.filter(created_by__in=them).values("model"),
            cases.filter(requested_by__in=them).values("version__model"),
        )
    )


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


def _parts(models: list[int]):
    """(model id, user id, part), in one query."""
    requests = apps.get_model("registry", "ApprovalRequest").objects.filter(version__model__in=models).order_by()
    versions = apps.get_model("registry", "ModelVersion").objects.filter(model__in=models).order_by()
    links = apps.get_model("registry", "MLModel").developers.through.objects.filter(mlmodel__in=models).order_by()
    assigned = apps.get_model("registry", "Assignment").objects.filter(model__in=models, part__in=[OWNED, DEVELOPED])
    assigned = assigned.order_by()
    return assigned.values_list("model", "user", "part").union(
        links.values_list("mlmodel", "user", _said_as(DEVELOPED)),
        versions.values_list("model", "created_by", _said_as(UPLOADED)),
        requests.values_list("version__model", "requested_by", _said_as(SUBMITTED)),
        _behind(assigned, "model", "user", "part"),
        _behind(links, "mlmodel", "user", _said_as(DEVELOPED)),
        _behind(versions, "model", "created_by", _said_as(UPLOADED)),
    )


def _behind(rows, model: str, user: str, part):
    """The same for the people who answer for the service accounts among them."""
    owner = f"{user}__service_account__owner"
    return rows.filter(**{f"{owner}__isnull": False}).values_list(model, owner, part)


def _said_as(part: str) -> Value:
    return Value(part, output_field=CharField())
