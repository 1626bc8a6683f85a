"""The planted faults, by name, and who must find them. Nothing heavy is imported: the judge reads this too."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """detectors: (test, metric), of which the first that the catalogue has must speak up.

    words: the policy's words on that metric that count as having found it.
    """

    name: str
    detectors: tuple[tuple[str, str], ...]
    words: tuple[str, ...] = ("fail",)


HINTS = ("fail", "inconclusive", "warn")  # where the limit is a matter of taste, to be told to look is enough
CLEAN = "clean"
FAULTS = (
    Fault("biased", (("fairness.group_metrics", "demographic_parity_ratio"),)),
    Fault(
        "leaky",
        (("data.leakage", "single_column_auc"), ("performance.against_dummies", "gain_over_simple")),
        HINTS,
    ),
    Fault("fragile", (("robustness.noise", "roc_auc_drop"),)),
    Fault(
        "memorising",
        (("privacy.membership_inference", "membership_advantage"), ("performance.over_and_underfit", "relative_drop")),
    ),
    Fault("uncalibrated", (("performance.calibration", "ece_corrected"),)),
    Fault("unfaithful", (("explainability.explanation_quality", "explanation_hidden_dependence"),), HINTS),
    Fault("backdoored", (("robustness.hidden_trigger", "trigger_without_support"),)),
)


def detector(fault: Fault, known: set[str]) -> tuple[str, str] | None:
    """The first of its detectors that the catalogue has."""
    return next((each for each in fault.detectors if each[0] in known), None)
