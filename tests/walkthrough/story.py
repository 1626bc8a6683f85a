"""Run in a process of its own on an installation's state: a version that its worker assesses, then a decision on it.

python -m tests.walkthrough.story        prints the decision's id
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import django

SECONDS = 600


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelrisk.settings")
    django.setup()
    from django.contrib.auth import get_user_model

    from assessments.actions.assessments import start
    from registry import actions
    from registry.models import Dataset, MLModel
    from tests import small
    from tests.walkthrough.conftest import decide

    owner, validator, approver = (
        get_user_model().objects.get(username=name) for name in ("owner", "validator", "approver")
    )
    folder = Path(tempfile.mkdtemp(prefix="modelrisk-story-"))
    model = actions.register_model(MLModel, actor=owner, name="Walked score")
    version = actions.upload_version(model, actor=owner, file=small.upload(small.write_model(folder / "score.joblib")))
    dataset = actions.register_dataset(Dataset, actor=owner, name="Walked applicants")
    data = actions.upload_dataset_version(
        dataset, actor=owner, file=small.upload(small.write_data(folder / "data.csv"))
    )
    run = start(version, actor=validator, dataset_version=data, plan_name="quick", seed=7)
    ends = time.monotonic() + SECONDS
    while run.is_open and time.monotonic() < ends:
        time.sleep(0.5)
        run.refresh_from_db()
    if run.state != "done":
        raise SystemExit(f"The assessment is {run.state}: {run.error}")
    made = decide(version, asker=owner, validator=validator, approver=approver, outcome="approve_with_conditions")
    made.conditions.create(number=1, text="Report drift each month.", owner=owner, due=made.decided_at.date())
    sys.stdout.write(f"{made.pk}\n")


if __name__ == "__main__":
    main()
