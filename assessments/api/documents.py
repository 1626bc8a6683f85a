"""The wire format modelrisk.results/1, as the API's document describes it."""

from rest_framework import serializers

from assessments.models import TestResult, Verdict

GROUP_HELP = "{column: value as text}; empty for the whole dataset."


def interval() -> serializers.ListField:
    """Both ends of the 95 % interval; null where nothing is known, an end null where it is open."""
    return serializers.ListField(
        child=serializers.FloatField(allow_null=True), allow_null=True, min_length=2, max_length=2
    )


class MeasureSerializer(serializers.Serializer):
    metric = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    ci = interval()
    n = serializers.IntegerField(help_text="Rows behind it.")
    group = serializers.DictField(child=serializers.CharField(), help_text=GROUP_HELP)
    unit = serializers.CharField()
    better = serializers.ChoiceField(choices=["higher", "lower", "none"])
    small = serializers.BooleanField(help_text="A group below the minimum: reported, never failed.")
    p_value = serializers.FloatField(
        required=False, help_text="Of one of many comparisons, that there is no difference. Only where there is one."
    )


class ChartNumbersSerializer(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    caption = serializers.CharField(allow_blank=True)
    alt = serializers.CharField()
    data = serializers.DictField(help_text="The numbers; their form goes by data.kind.")


class TestEntrySerializer(serializers.Serializer):
    __test__ = False  # not a pytest class

    id = serializers.CharField()
    family = serializers.CharField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=TestResult.Status.choices)
    reason = serializers.CharField(allow_blank=True)
    hint = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField()
    queries = serializers.IntegerField(help_text="Rows that the model was asked about.")
    params = serializers.DictField()
    measures = MeasureSerializer(many=True)
    charts = ChartNumbersSerializer(many=True)
    tables = serializers.ListField(child=serializers.DictField())
    notes = serializers.ListField(child=serializers.CharField())
    comparisons = serializers.IntegerField(
        required=False, help_text="How many p-values were looked at, where only the smallest are given."
    )


class VerdictSerializer(serializers.Serializer):
    test = serializers.CharField()
    family = serializers.CharField()
    metric = serializers.CharField()
    title = serializers.CharField()
    group = serializers.DictField(child=serializers.CharField(), help_text=GROUP_HELP)
    value = serializers.FloatField(allow_null=True)
    ci = interval()
    better = serializers.ChoiceField(choices=["higher", "lower", "none"])
    warn = serializers.FloatField(allow_null=True)
    fail = serializers.FloatField(allow_null=True)
    verdict = serializers.ChoiceField(choices=Verdict.Word.choices)
    reason = serializers.CharField(allow_blank=True)


class PlanSerializer(serializers.Serializer):
    name = serializers.CharField()
    tests = serializers.ListField(child=serializers.DictField(), help_text="[{id, params}]")
    columns = serializers.ListField(child=serializers.DictField())


class JudgedBySerializer(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField()


class ComparisonsSerializer(serializers.Serializer):
    """The account of comparing many groups, slices and columns; absent where nothing was compared."""

    made = serializers.IntegerField()
    level = serializers.FloatField(help_text="The rate of false discoveries that is kept, 0.05.")
    below_level = serializers.IntegerField(help_text="Comparisons whose own p-value is at most that.")
    expected_by_chance = serializers.FloatField(help_text="How many would be if there were no difference anywhere.")
    discoveries = serializers.IntegerField(help_text="How many remain with one budget for the whole run.")


class ResultsSerializer(serializers.Serializer):
    schema = serializers.CharField(help_text="modelrisk.results/1")
    subject = serializers.DictField(help_text="What the battery read of model and data.")
    seed = serializers.IntegerField()
    plan = PlanSerializer()
    policy = JudgedBySerializer()
    environment = serializers.DictField()
    tests = TestEntrySerializer(many=True)
    verdicts = VerdictSerializer(many=True, help_text="Worst first.")
    comparisons = ComparisonsSerializer(required=False)
