"""MODELRISK_REQUIRE=browser,postgres,s3,adult: where these must run, a skip is a failure.

A laptop without a browser skips its tests and says why. CI must not: a suite that skips what it was to prove is green
and worthless.
"""

import os

import pytest

DATA_FIXTURES = {"adult_csv": "adult", "german_csv": "adult"}


def required() -> set[str]:
    return set(filter(None, os.environ.get("MODELRISK_REQUIRE", "").replace(" ", "").split(",")))


def needs_of(item: pytest.Item) -> set[str]:
    """What a test needs: its markers, and "adult" where it uses the real data."""
    fixtures = getattr(item, "fixturenames", ())
    return {mark.name for mark in item.iter_markers()} | {DATA_FIXTURES[f] for f in fixtures if f in DATA_FIXTURES}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    missing = needs_of(item) & required() if report.skipped and not hasattr(report, "wasxfail") else None
    if missing:
        report.outcome = "failed"
        report.longrepr = f"skipped, but MODELRISK_REQUIRE names {', '.join(sorted(missing))}: {call.excinfo.value}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """A whole file that skips itself has no markers to ask: where anything is required, it may not."""
    report = yield
    if report.skipped and required():
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skips itself as a whole, and MODELRISK_REQUIRE is set"
    return report
