import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import migrations, models

ROLES = [
    *("owner", "developer", "validator", "mrm_lead", "approver", "committee_chair", "compliance"),
    *("security_officer", "auditor", "admin", "service_account"),
]
RENAMED = {"reviewer": "approver"}


def groups_become_grants(apps, schema_editor):
    """Who was in a role's group has the role by a grant of the system's; the groups are gone."""
    Group = apps.get_model("auth", "Group")
    RoleGrant = apps.get_model("registry", "RoleGrant")
    now = django.utils.timezone.now()
    for group in Group.objects.filter(name__in=[*ROLES, *RENAMED]):
        role = RENAMED.get(group.name, group.name)
        for user in group.user_set.all():
            if RoleGrant.objects.filter(user=user, role=role).exists():
                continue
            system = _system(apps)
            RoleGrant.objects.create(
                user=user, role=role, state="in_force", reason="Had the role when grants began to be kept.",
                requested_by=system, requested_at=now, granted_by=system, granted_at=now,
            )  # fmt: skip
        group.delete()


def parts_become_assignments(apps, schema_editor):
    """Owner and developers of each model, from the day it was registered."""
    Assignment = apps.get_model("registry", "Assignment")
    for model in apps.get_model("registry", "MLModel").objects.all():
        people = [(model.owner_id, "owner"), *((user.pk, "developer") for user in model.developers.all())]
        for user, part in people:
            given = {"since": model.created_at, "assigned_by": _system(apps)}
            Assignment.objects.get_or_create(model=model, user_id=user, part=part, until=None, defaults=given)


def _system(apps):
    given = {"is_active": False, "password": make_password(None)}
    return apps.get_model("auth", "User").objects.get_or_create(username="system", defaults=given)[0]


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("registry", "0009_contexts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("purpose", models.TextField()),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_account",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_accounts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.RunPython(groups_become_grants, migrations.RunPython.noop),
        migrations.RunPython(parts_become_assignments, migrations.RunPython.noop),
    ]
