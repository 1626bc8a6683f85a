"""python -m assessments.battery.selftest SEED: measure the planted models; one JSON object a line on stdout.

    {"planted": "biased", "entries": [...]}     entries: as in results.json's "tests", of the detectors

A test that crashes is an entry with its error: whoever judges them counts it as a fault that was missed.
"""

import json
import sys
import time

import numpy as np

from assessments.battery import spec
from assessments.battery.events import finite, result_entry
from assessments.battery.run import generator, unmet
from assessments.battery.selftest.faults import CLEAN, FAULTS, detector
from assessments.battery.selftest.planted import MAKERS
from assessments.battery.subject import Subject


def measured(test: spec.BatteryTest, subject: Subject, seed: int) -> dict[str, object]:
    """The entry of one test on one planted model, whatever happens in it."""
    params = test.resolve({}, "quick")
    if reason := unmet(test.needs, subject):
        return result_entry(test, status="not_applicable", params=params, seconds=0, queries=0, reason=reason)
    begun, outcome, status, reason = time.perf_counter(), None, "done", ""
    try:
        outcome = test.run(subject, params, generator(seed, test.id), lambda done, of: None)
    except spec.NotApplicable as error:
        status, reason = "not_applicable", str(error)
    except Exception as error:
        status, reason = "error", f"Crashed: {type(error).__name__}: {error}"
    seconds = time.perf_counter() - begun
    return result_entry(
        test, status=status, params=params, seconds=seconds, queries=subject.queries, outcome=outcome, reason=reason
    )


def main(seed: int) -> None:
    tests = spec.discover()
    chosen = {fault.name: detector(fault, set(tests)) for fault in FAULTS}
    every = sorted({found[0] for found in chosen.values() if found})
    for at, (name, make) in enumerate(MAKERS.items()):
        found = chosen.get(name)
        wanted = every if name == CLEAN else [found[0]] if found else []
        subject = make(np.random.default_rng([seed, at]), seed)
        entries = [measured(tests[test], subject, seed) for test in wanted]
        sys.stdout.write(json.dumps(finite({"planted": name, "entries": entries}), allow_nan=False) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
