"""A stored file, named by its content."""

from django.db import models

from registry.querysets import ArtifactQuerySet


class Artifact(models.Model):
    """Bytes that were stored once under their SHA-256; never changed, shared by every version that is the same file."""

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField(help_text="bytes")
    created_at = models.DateTimeField(auto_now_add=True)
    purged_at = models.DateTimeField(null=True, blank=True, help_text="The bytes are gone since then, by a purge.")

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        verbose_name = "artefact"

    def __str__(self) -> str:
        return self.sha256[:12]

    @property
    def key(self) -> str:
        """The name in the file store."""
        return f"sha256/{self.sha256[:2]}/{self.sha256}"

    @property
    def scan(self):
        """The newest scan: the one that counts. None for data, and for a model from before there was a gate."""
        return self.scans.first()
