"""What of a model the question "who may do what here" is asked about."""

from collections.abc import Iterator

from registry.models import MLModel


def of_model(model: MLModel) -> Iterator:
    """The newest version, its file, its newest assessment and finding: where they are there."""
    version = model.versions.select_related("artifact", "model").first()
    if version is None:
        return
    yield version
    yield version.artifact
    yield from version.assessments.order_by("-pk")[:1]
    yield from version.findings.order_by("-pk")[:1]
