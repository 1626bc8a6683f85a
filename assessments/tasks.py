"""What the queue calls: an id in, no logic. The rows are the truth."""

from django.conf import settings

from assessments import nightly as at_night
from assessments import reaping, runner, selftesting
from assessments.policy import force


def execute(pk: int) -> None:
    """Run one assessment, if it is still waiting."""
    runner.execute(pk)


def reap() -> None:
    """Ring for assessments whose worker died or whose bell was lost; bury those that kill every worker."""
    reaping.reap()


def selftest_battery() -> None:
    """Try the battery on planted faults, where that was not done with this code, these libraries and this policy."""
    policy = force.required().sealed_document
    if selftesting.mark(settings.BATTERY_SELFTEST_FILE, policy)["state"] in {"none", "outdated"}:
        selftesting.keep(selftesting.run(1, policy), settings.BATTERY_SELFTEST_FILE)


def nightly() -> None:
    """Conditions, exceptions, approvals, revalidations and attestations whose day has come."""
    at_night.run()
