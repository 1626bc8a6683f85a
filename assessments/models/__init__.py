from assessments.models.assessment import Assessment
from assessments.models.exception import PolicyException
from assessments.models.finding import Finding
from assessments.models.policy import Policy, PolicySignature, PolicyVersion
from assessments.models.result import Chart, Measure, TestResult, Verdict

__all__ = [
    "Assessment",
    "Chart",
    "Finding",
    "Measure",
    "Policy",
    "PolicyException",
    "PolicySignature",
    "PolicyVersion",
    "TestResult",
    "Verdict",
]
