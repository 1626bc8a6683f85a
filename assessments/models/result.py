"""What the battery found: a row a test, its measures and charts, and the verdicts of the policy on them.

None of these rows is in the audit trail: the event that ends an assessment holds the digest over all of them.
"""

from django.db import models

from assessments.models.assessment import Assessment


class TestResult(models.Model):
    """One test of one assessment, recorded once whatever happened to the worker."""

    audited = False
    __test__ = False  # not a pytest class

    class Status(models.TextChoices):
        DONE = "done", "done"
        NOT_APPLICABLE = "not_applicable", "not applicable"
        ERROR = "error", "error"
        SKIPPED = "skipped", "skipped"

    assessment = models.ForeignKey(Assessment, models.CASCADE, related_name="results")
    test = models.CharField(max_length=80, help_text="The catalogue id, for example robustness.hopskipjump")
    family = models.CharField(max_length=30)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=15, choices=Status)
    reason = models.TextField(blank=True, help_text="Why it is not applicable, or what went wrong.")
    hint = models.TextField(blank=True)
    seconds = models.FloatField(default=0)
    queries = models.PositiveBigIntegerField(default=0, help_text="Rows that the model was asked about.")
    params = models.JSONField(default=dict)
    tables = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    comparisons = models.PositiveIntegerField(default=0, help_text="How many p-values were looked at; 0: those kept.")
    attempt = models.PositiveIntegerField(default=1)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["assessment", "id"]
        constraints = [models.UniqueConstraint(fields=["assessment", "test"], name="one_result_per_test")]

    def __str__(self) -> str:
        return f"{self.test} of {self.assessment}"


class Measure(models.Model):
    """One number with its interval. `group` is {column: value as text}, empty for the whole dataset."""

    audited = False
    result = models.ForeignKey(TestResult, models.CASCADE, related_name="measures")
    position = models.PositiveIntegerField()
    metric = models.CharField(max_length=80)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True, help_text="Lower end of the 95 % interval.")
    high = models.FloatField(null=True)
    n = models.PositiveBigIntegerField(default=0, help_text="Rows behind it.")
    group = models.JSONField(default=dict)
    unit = models.CharField(max_length=80, default="ratio")
    better = models.CharField(max_length=10, default="none")
    small = models.BooleanField(default=False, help_text="A group below the minimum: reported, never failed.")
    p_value = models.FloatField(null=True, help_text="Of one of many comparisons, that there is no difference.")

    class Meta:
        ordering = ["result", "position"]

    def __str__(self) -> str:
        return f"{self.metric} {self.value}"


class Chart(models.Model):
    """The numbers of one chart; trusted code draws them as SVG, PNG and CSV."""

    audited = False
    result = models.ForeignKey(TestResult, models.CASCADE, related_name="charts")
    position = models.PositiveIntegerField()
    chart_id = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    caption = models.TextField(blank=True)
    alt = models.TextField()
    data = models.JSONField()

    class Meta:
        ordering = ["result", "position"]
        constraints = [models.UniqueConstraint(fields=["result", "chart_id"], name="one_chart_per_id")]

    def __str__(self) -> str:
        return self.title


class Verdict(models.Model):
    """The policy's word on one measure."""

    audited = False

    class Word(models.TextChoices):
        FAIL = "fail", "fail"
        INCONCLUSIVE = "inconclusive", "inconclusive"
        WARN = "warn", "warn"
        PASS = "pass", "pass"
        NOT_APPLICABLE = "not_applicable", "not applicable"
        ERROR = "error", "error"

    assessment = models.ForeignKey(Assessment, models.CASCADE, related_name="verdicts")
    position = models.PositiveIntegerField(help_text="Worst first.")
    test = models.CharField(max_length=80)
    family = models.CharField(max_length=30)
    metric = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    group = models.JSONField(default=dict)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    better = models.CharField(max_length=10)
    warn = models.FloatField(null=True)
    fail = models.FloatField(null=True)
    verdict = models.CharField(max_length=15, choices=Word)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["assessment", "position"]

    def __str__(self) -> str:
        return f"{self.title}: {self.verdict}"
