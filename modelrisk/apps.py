from django.apps import AppConfig


class ModelRiskConfig(AppConfig):
    name = "modelrisk"
    verbose_name = "ModelRisk"

    def ready(self) -> None:
        from modelrisk import checks  # noqa: F401 - registers itself
