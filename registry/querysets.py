"""Reads. The only place where rows are filtered by who asks."""

from django.apps import apps
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from registry import access, lineage
from registry.changes import RecordedQuerySet


def _seen_models(user, path: str = "") -> Q:
    """Models that the user owns or develops; `path` leads from the row to its model.

    As two lists of keys, each by its index: a join with an OR over both tables would read every row.
    """
    models = apps.get_model("registry", "MLModel")
    owned = models.objects.filter(owner=user).order_by().values("pk")
    developed = models.developers.through.objects.filter(user=user).values("mlmodel")
    return Q(**{f"{path.removesuffix('__') or 'pk'}__in": owned.union(developed)})


def case_is(*states: str, path: str = "") -> Q:
    """That the case of a version is in one of these states; `path` leads from the row to its version."""
    anew = Q(**{f"{path}revalidation__in": states})
    return anew | Q(**{f"{path}revalidation": "", f"{path}approval_status__in": states})


class MLModelQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        if access.sees_everything(user):
            return self
        return self.filter(_seen_models(user))

    def ever_built_by(self, user):
        """Models of whose lineage this person is, or a service account of theirs: see registry.lineage."""
        return self.filter(pk__in=lineage.models_of(user))


class ModelVersionQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        if access.sees_everything(user):
            return self
        return self.filter(_seen_models(user, "model__"))

    def with_gate(self):
        """Each with `gate_now` and `waiver_now` (an id): whether its file may be run, and by which waiver.

        A waiver counts where it names the imports of the newest scan, and was granted by someone who neither uploaded
        this version nor builds its model.
        """
        scans = apps.get_model("registry", "Scan").objects.filter(artifact=OuterRef("artifact")).order_by("-pk")
        waivers = apps.get_model("registry", "Waiver").objects.in_force().order_by("-pk")
        waivers = waivers.filter(artifact=OuterRef("artifact"), imports_sha256=OuterRef("imports_now"))
        waivers = waivers.exclude(granted_by=OuterRef("created_by")).exclude(granted_by=OuterRef("model__owner"))
        developers = apps.get_model("registry", "MLModel").developers.through.objects
        builders = developers.filter(mlmodel=OuterRef(OuterRef("model")), user=OuterRef("granted_by"))
        rows = self.annotate(
            verdict_now=Subquery(scans.values("verdict")[:1]), imports_now=Subquery(scans.values("imports_sha256")[:1])
        )
        assigned = apps.get_model("registry", "Assignment").objects.filter(part__in=[lineage.OWNED, lineage.DEVELOPED])
        before = assigned.filter(model=OuterRef(OuterRef("model")), user=OuterRef("granted_by"))
        waivers = waivers.exclude(Exists(builders)).exclude(Exists(before))
        rows = rows.annotate(waiver_now=Subquery(waivers.values("pk")[:1]))
        return rows.annotate(
            gate_now=Case(
                When(verdict_now__isnull=True, then=Value("not_scanned")),
                When(verdict_now="needs_waiver", waiver_now__isnull=False, then=Value("waived")),
                default=F("verdict_now"),
            )
        )

    def gate_is(self, state: str):
        """Those whose `gate_now` is this. What few files have is asked of the scans first: computing the gate of every
        version takes long."""
        rows = self if "gate_now" in self.query.annotations else self.with_gate()
        if state not in {"needs_waiver", "waived", "refused"}:
            return rows.filter(gate_now=state)
        scans = apps.get_model("registry", "Scan").objects
        newer = scans.filter(artifact=OuterRef("artifact"), pk__gt=OuterRef("pk"))
        found = scans.filter(verdict="refused" if state == "refused" else "needs_waiver").exclude(Exists(newer))
        # As keys, asked for now: of a subquery the database does not know that it holds few.
        rows = rows.filter(artifact__in=set(found.order_by().values_list("artifact", flat=True)))
        return rows if state == "refused" else rows.filter(waiver_now__isnull=state == "needs_waiver")

    def waiting_for_waiver(self, user):
        """Versions on whose file this user may grant a waiver now, and nobody has."""
        if access.SECURITY_OFFICER not in access.roles_of(user):
            return self.none()
        own = self.model.objects.filter(model__in=lineage.models_of(user), artifact=OuterRef("artifact"))
        return self.gate_is("needs_waiver").exclude(Exists(own))

    def built_by(self, user):
        """Versions of the models that this user owns or develops."""
        return self.filter(_seen_models(user, "model__"))

    def newest(self):
        """The last version of each model."""
        later = self.model.objects.filter(model=models.OuterRef("model"), number__gt=models.OuterRef("number"))
        return self.filter(~models.Exists(later))

    def in_use(self):
        return self.filter(approval_status__in=["approved", "approved_with_conditions"])


class OfCaseQuerySet(RecordedQuerySet):
    """Dossiers and decisions."""

    def visible_to(self, user):
        """Whoever sees the version sees what was put before the deciders, and what they decided."""
        if access.sees_everything(user):
            return self
        versions = apps.get_model("registry", "ModelVersion").objects.visible_to(user)
        return self.filter(request__version__in=versions.values("pk"))


class ArtifactQuerySet(RecordedQuerySet):
    """Files are stored once, whoever uploads them: of one that others have too, each sees only what concerns theirs."""

    def visible_to(self, user):
        """Whoever sees a version that is this file."""
        if access.sees_everything(user):
            return self
        models, data = (
            apps.get_model("registry", name).objects.visible_to(user).order_by().values("artifact")
            for name in ("ModelVersion", "DatasetVersion")
        )
        return self.filter(Q(pk__in=models) | Q(pk__in=data))

    def with_seen_since(self, user):
        """Each with `seen_since`: when it was stored, as far as this user may know."""
        if access.sees_everything(user):
            return self.annotate(seen_since=F("created_at"))
        model_version, dataset_version = (
            apps.get_model("registry", name)
            .objects.visible_to(user)
            .filter(artifact=OuterRef("pk"))
            .order_by("created_at")
            .values("created_at")[:1]
            for name in ("ModelVersion", "DatasetVersion")
        )
        return self.annotate(seen_since=Coalesce(Subquery(model_version), Subquery(dataset_version)))

    def of_models(self):
        return self.filter(Exists(apps.get_model("registry", "ModelVersion").objects.filter(artifact=OuterRef("pk"))))


class ScanQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Those made for a version that the user sees, and those made for every version of a file that they see."""
        if access.sees_everything(user):
            return self
        versions = apps.get_model("registry", "ModelVersion").objects.visible_to(user)
        for_all = Q(version__isnull=True, artifact__in=versions.values("artifact"))
        return self.filter(for_all | Q(version__in=versions.values("pk")))


class WaiverQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Those granted when a version that the user sees was there: the officer answered for that one too."""
        if access.sees_everything(user):
            return self
        versions = apps.get_model("registry", "ModelVersion").objects.visible_to(user)
        return self.filter(
            Exists(versions.filter(artifact=OuterRef("artifact"), created_at__lte=OuterRef("granted_at")))
        )

    def in_force(self):
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())


class DatasetQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Everyone with a role sees the datasets; their content is behind the same sign-in."""
        if access.roles_of(user) or getattr(user, "is_superuser", False):
            return self
        return self.filter(owner=user)


class DatasetVersionQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        if access.roles_of(user) or getattr(user, "is_superuser", False):
            return self
        return self.filter(dataset__owner=user)


class AuditEventQuerySet(models.QuerySet):
    def about(self, obj: models.Model) -> "AuditEventQuerySet":
        """The history of one object."""
        return self.filter(_about(obj))

    def about_file(self, artifact, user, *, or_else: Q | None = None):
        """The history of a file, of which other models may be the same: as far as this user may know it."""
        told = _about(artifact)
        if not access.sees_everything(user):
            scans, waivers = (
                list(rows.visible_to(user).filter(artifact=artifact).values_list("pk", flat=True))
                for rows in (artifact.scans, artifact.waivers)
            )
            told &= Q(actor=user) | Q(detail__scan__in=scans) | Q(detail__waiver__in=waivers)
        return self.filter(told | or_else if or_else else told)


def _about(obj) -> Q:
    return Q(object_type=obj._meta.label_lower, object_id=str(obj.pk))
