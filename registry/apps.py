from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"

    def ready(self) -> None:
        from registry.approvals import file_gate  # noqa: F401 - registers itself with the approval
        from registry.roles import ensure_roles

        post_migrate.connect(ensure_roles, sender=self)
