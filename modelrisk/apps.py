from django.apps import AppConfig


class ModelRiskConfig(AppConfig):
    name = "modelrisk"
    verbose_name = "ModelRisk"
