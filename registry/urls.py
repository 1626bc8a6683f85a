"""Pages of the registry alone; those that show assessments too are in modelrisk.urls."""

from django.urls import path, re_path

from registry.views import conditions, datasets, models, notifications, retention, tiering

urlpatterns = [
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/read/", notifications.read, name="notifications-read"),
    path("webhooks/", notifications.hooks, name="webhooks"),
    path("webhooks/<int:pk>/end/", notifications.end_hook, name="webhook-end"),
    path("conditions/", conditions.conditions, name="conditions"),
    path("conditions/<int:pk>/", conditions.condition, name="condition"),
    path("retention/", retention.retention, name="retention"),
    re_path("^retention/files/(?P<sha256>[0-9a-f]{64})/$", retention.stored_file, name="retention-file"),
    path("retention/holds/<int:pk>/", retention.legal_hold, name="legal-hold"),
    path("retention/purges/<int:pk>/", retention.purge, name="purge"),
    path("retention/purges/<int:pk>/confirm/", retention.confirm, name="purge-confirm"),
    path("retention/purges/<int:pk>/refuse/", retention.refuse, name="purge-refuse"),
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
