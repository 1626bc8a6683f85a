"""Pages of the registry alone; those that show assessments too are in modelrisk.urls."""

from django.urls import path

from registry.views import conditions, datasets, models, notifications, tiering

urlpatterns = [
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/read/", notifications.read, name="notifications-read"),
    path("webhooks/", notifications.hooks, name="webhooks"),
    path("webhooks/<int:pk>/end/", notifications.end_hook, name="webhook-end"),
    path("conditions/", conditions.conditions, name="conditions"),
    path("conditions/<int:pk>/", conditions.condition, name="condition"),
    path("models/register/", models.register, name="register-model"),
    path("models/<slug:slug>/v<int:number>/file/", models.version_file, name="version-file"),
    path("models/<slug:slug>/use/", models.context, name="model-context"),
    path("models/<slug:slug>/tier/", tiering.tier, name="tier"),
    path("models/<slug:slug>/tier/<int:pk>/confirm/", tiering.confirm, name="tier-confirm"),
    path("models/<slug:slug>/tier/<int:pk>/refuse/", tiering.refuse, name="tier-refuse"),
    path("datasets/", datasets.datasets, name="datasets"),
    path("datasets/register/", datasets.register, name="dataset-register"),
    path("datasets/<slug:slug>/", datasets.dataset, name="dataset"),
    path("datasets/<slug:slug>/v<int:number>/", datasets.dataset_version, name="dataset-version"),
    path("datasets/<slug:slug>/v<int:number>/relation/", datasets.relation, name="dataset-relation"),
    path("datasets/<slug:slug>/v<int:number>/file/", datasets.dataset_file, name="dataset-file"),
]
