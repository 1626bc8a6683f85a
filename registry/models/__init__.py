from registry.models.approval import ApprovalRequest, Decision
from registry.models.artifact import Artifact
from registry.models.audit import (
    AuditCheck,
    AuditCheckpoint,
    AuditEvent,
    AuditKey,
    AuditLeaf,
    AuditMention,
    AuditSeal,
)
from registry.models.dataset import Column, Dataset, DatasetVersion, Relation
from registry.models.ml_model import MLModel, ModelVersion
from registry.models.scan import Scan, Waiver

__all__ = [
    "ApprovalRequest",
    "Artifact",
    "AuditCheck",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditKey",
    "AuditLeaf",
    "AuditMention",
    "AuditSeal",
    "Column",
    "Dataset",
    "DatasetVersion",
    "Decision",
    "MLModel",
    "ModelVersion",
    "Relation",
    "Scan",
    "Waiver",
]
