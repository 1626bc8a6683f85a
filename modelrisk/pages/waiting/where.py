"""Addresses of the pages that rows lead to."""

from django.urls import reverse

from registry.models import ModelVersion


def page_of(name: str, version: ModelVersion) -> str:
    return reverse(name, args=[version.model.slug, version.number])
