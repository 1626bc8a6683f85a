"""Run in a process of its own, on the product's own settings: registers a model and starts an assessment.

python -m tests.processes.scene        prints the assessment's id
"""

import os
import sys

import django

ROWS = 8_000
# The second is slow enough to be killed in; the others are done in a moment.
TESTS = [
    {"id": "performance.calibration", "params": {"resamples": 50}},
    {"id": "performance.discrimination", "params": {"resamples": 8_000}},
    {"id": "performance.threshold_metrics", "params": {"resamples": 50}},
]


def files() -> tuple[bytes, bytes]:
    import io

    import joblib
    import numpy
    import pandas
    from sklearn.linear_model import LogisticRegression

    rng = numpy.random.default_rng(1)
    frame = pandas.DataFrame({"age": rng.integers(18, 80, ROWS), "hours": rng.integers(10, 60, ROWS)})
    income = numpy.where(frame["hours"] + rng.normal(0, 9, ROWS) > 35, ">50K", "<=50K")
    written = io.BytesIO()
    joblib.dump(LogisticRegression().fit(frame, income), written)
    return written.getvalue(), frame.assign(income=income).to_csv(index=False).encode()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelrisk.settings")
    django.setup()
    from assessments.actions.assessments import start
    from registry.models import MLModel
    from tests.assessments.conftest import make_dataset_version, make_version
    from tests.conftest import make_user

    owner = make_user("owner", "owner")
    model, data = files()
    version = make_version(MLModel.objects.create(name="Income", slug="income", owner=owner), model)
    dataset_version = make_dataset_version(owner, data)
    dataset_version.columns.filter(name__in=["work", "sex"]).delete()
    assessment = start(version, actor=owner, dataset_version=dataset_version, tests=TESTS, seed=1)
    sys.stdout.write(f"{assessment.pk}\n")


if __name__ == "__main__":
    main()
