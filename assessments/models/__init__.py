from assessments.models.assessment import Assessment
from assessments.models.result import Chart, Measure, TestResult, Verdict

__all__ = ["Assessment", "Chart", "Measure", "TestResult", "Verdict"]
