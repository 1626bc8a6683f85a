from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"

    def ready(self) -> None:
        from registry import changes, signing
        from registry.approvals import file_gate  # noqa: F401 - registers itself with the approval
        from registry.audit import tasks, triggers
        from registry.notifying import delivering
        from registry.tiers import gate  # noqa: F401 - registers itself, too

        changes.listen()
        signing.listen()
        post_migrate.connect(tasks.ensure_schedules, sender=self)
        post_migrate.connect(delivering.ensure_schedule, sender=self)
        post_migrate.connect(triggers.ensure, sender=self)
