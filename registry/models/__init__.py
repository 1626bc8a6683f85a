from registry.models.approval import ApprovalRequest, Condition, Decision, Deployment, Dossier, Vote
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
from registry.models.notification import Delivery, Notification, Webhook
from registry.models.people import Assignment, RoleGrant, ServiceAccount
from registry.models.retention import LegalHold, Purge
from registry.models.scan import Scan, Waiver
from registry.models.sign_in import SignInTry
from registry.models.tiering import TierRating
from registry.models.upkeep import Attestation, ChangeNote, RevalidationTrigger

__all__ = [
    "ApprovalRequest",
    "Artifact",
    "Assignment",
    "Attestation",
    "AuditCheck",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditKey",
    "AuditLeaf",
    "AuditMention",
    "AuditSeal",
    "ChangeNote",
    "Column",
    "Condition",
    "Dataset",
    "DatasetVersion",
    "Decision",
    "Delivery",
    "Deployment",
    "Dossier",
    "LegalHold",
    "MLModel",
    "ModelVersion",
    "Notification",
    "Purge",
    "Relation",
    "RevalidationTrigger",
    "RoleGrant",
    "Scan",
    "ServiceAccount",
    "SignInTry",
    "TierRating",
    "Vote",
    "Waiver",
    "Webhook",
]
