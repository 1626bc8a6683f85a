from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AssessmentsConfig(AppConfig):
    name = "assessments"
    verbose_name = "Assessments"

    def ready(self) -> None:
        from assessments import case, checks, evidence, file_uses  # noqa: F401 - they register themselves
        from assessments.exceptions import use  # noqa: F401 - so does this
        from assessments.findings import approval  # noqa: F401 - and this
        from assessments.policy.shipped import ensure_policy
        from assessments.reaping import ensure_schedule

        post_migrate.connect(ensure_schedule, sender=self)
        post_migrate.connect(ensure_policy, sender=self)
