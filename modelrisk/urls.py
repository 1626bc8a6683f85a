"""The whole URL map on one screen."""

from django.contrib import admin
from django.urls import path

from modelrisk.pages.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
]

handler400 = "modelrisk.errors.bad_request"
