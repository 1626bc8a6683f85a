"""Tries at a password, kept in the database: every web worker counts the same ones."""

from django.db import models
from django.utils import timezone


class SignInTry(models.Model):
    """One try at an account from an address: wrong, or (the last one of each pair) right."""

    audited = False  # what it led to is in the audit trail
    account = models.CharField(
        max_length=64, help_text="SHA-256 of the name: what people type there may be a password."
    )
    address = models.CharField(max_length=64)
    right = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "sign-in tries"
        indexes = [
            models.Index(fields=["account", "at"], name="tries_at_account"),
            models.Index(fields=["address", "at"], name="tries_from_address"),
        ]

    def __str__(self) -> str:
        return f"Try {self.pk}"
