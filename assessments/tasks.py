"""What the queue calls: an id in, no logic. The rows are the truth."""

from assessments import reaping, runner


def execute(pk: int) -> None:
    """Run one assessment, if it is still waiting."""
    runner.execute(pk)


def reap() -> None:
    """Ring for assessments whose worker died or whose bell was lost; bury those that kill every worker."""
    reaping.reap()
