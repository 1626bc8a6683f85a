"""The whole URL map on one screen."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("modelrisk.api")),
]

handler400 = "modelrisk.errors.bad_request"
