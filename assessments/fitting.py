"""Does this data fit this model? What can be told from the two records, before anyone waits for a worker."""

from registry.models import Column, DatasetVersion, ModelVersion
from registry.refusals import BadInput


def check(version: ModelVersion, data: DatasetVersion, target: Column, *, field: str = "dataset_version") -> None:
    """Raises BadInput where the data has one outcome only or of the wrong kind, or lacks a column that is needed."""
    if target.profile.get("distinct", 2) < 2:
        raise BadInput(
            f"{target.name} has one value only in {data}: there is nothing to tell apart.",
            hint="Give data with rows of every class, or mark another column as the target.",
            code="one_class",
            field=field,
        )
    if version.estimator.get("task") == "regression" and target.profile.get("dtype") and target.profile["min"] is None:
        raise BadInput(
            f"{version} predicts a number, and {target.name} in {data} holds text.",
            hint="Mark the column with the amount that the model predicts as the target.",
            code="label_mismatch",
            field=field,
        )
    needed = version.estimator.get("features") or []
    names = set(data.columns.values_list("name", flat=True))
    if missing := [name for name in needed if name not in names]:
        listed = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise BadInput(
            f"{data} lacks {'a column' if len(missing) == 1 else 'columns'} that {version} needs: {listed}.",
            hint="Give data with the columns that the model was trained on, named as they were then.",
            code="missing_column",
            field=field,
        )
