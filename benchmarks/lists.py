"""How fast every list answers when the registry is large; a table, and the last line is JSON.

    python -m benchmarks.lists [--database postgres://…] [--models 10000] [--assessments 100000] [--events 1000000]

A database of its own is made beside the one that is named (MODELRISK_TEST_POSTGRES without --database), filled by
`seed_scale`, asked as different people, and removed again; `--keep` leaves it for the next time. Every page without
arguments, every list of the API, and the lists that hang on one row are asked `--rounds` times each; what counts is the
median. Wall time is the whole request inside this process with the database's. For a machine that is busy with other
things there is the processor time too: ours, and that of the database's process for our connection where it runs on the
same machine. What we claim: each list under 150 ms.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

CLAIM_MS = 150.0
HERE = ("", "localhost", "127.0.0.1", "::1")
PEOPLE = ["owner", "developer", "validator", "mrm_lead", "approver", "committee_chair", "compliance",
          "security_officer", "auditor", "admin"]  # fmt: skip
# Not lists: they sign out, write a whole file, or compute over all rows by their nature.
LEFT_OUT = {"logout", "login", "audit-verifier", "audit-verify"}
AUDIT = ["?actor=seeded_owner_3", "?action=tier.rate", "?outcome=refused", "?object=Seeded+model+000007+v2",
         "?kind=registry.modelversion", "?actor=seeded_owner_3&action=version.upload", "?actor=nobody",
         "?since=2026-01-01&until=2026-01-02", "?before=500000"]  # fmt: skip


def addresses() -> Iterator[str]:
    """What is asked of each person."""
    from django.urls import NoReverseMatch, reverse

    from modelrisk.api import router
    from modelrisk.urls import pages

    for pattern in _flat(pages):
        if pattern.name and pattern.name not in LEFT_OUT:
            try:
                yield reverse(pattern.name)
            except NoReverseMatch:
                continue
    for prefix, _view, _name in router.registry:
        yield f"/api/v1/{prefix}/"
    yield from _of_rows()
    yield from (f"/audit/{query}" for query in AUDIT)
    yield from ("/models/?q=lending", "/models/?q=000777", "/models/?after=Seeded+model+005000")
    yield from ("/findings/?show=all", "/findings/?show=overdue", "/findings/?severity=critical")
    yield from ("/notifications/?show=unread", "/api/v1/notifications/?unread=true", "/api/v1/inbox/")
    yield from ("/api/v1/versions/?gate=needs_waiver", "/api/v1/versions/?approval_status=draft")
    yield from ("/api/v1/assessments/?state=failed", "/api/v1/assessments/?state=queued")
    yield from ("/api/v1/audit-events/?action=tier.rate", "/api/v1/audit-events/?refused=true")
    yield from ("/api/v1/tier-ratings/?state=proposed", "/api/v1/decisions/?outcome=reject")
    yield from ("/api/v1/findings/?standing=true", "/api/v1/findings/?overdue=true&severity=high")


def _of_rows() -> Iterator[str]:
    """Lists that hang on one row: of the first owner's, so that the owner sees them too."""
    from assessments.models import Assessment
    from registry.models import DatasetVersion, MLModel

    model = MLModel.objects.order_by("pk").first()
    version = model.versions.order_by("-number").first()
    run = Assessment.objects.filter(version__model=model, state="done").order_by("pk").first()
    data = DatasetVersion.objects.order_by("pk").first()
    yield from (f"/models/{model.slug}/", f"/models/{model.slug}/v{version.number}/", f"/models/{model.slug}/tier/")
    yield from (f"/history/model/{model.pk}/", f"/history/version/{version.pk}/", f"/datasets/{data.dataset.slug}/")
    yield from (f"/assessments/{run.pk}/", f"/artifacts/{version.artifact.sha256}/")
    api = "/api/v1"
    yield from (f"{api}/models/{model.pk}/versions/", f"{api}/models/{model.pk}/history/")
    yield from (f"{api}/versions/{version.pk}/history/", f"{api}/assessments/?version={version.pk}")
    yield from (f"{api}/assessments/?dataset_version={data.pk}", f"{api}/decisions/?version={version.pk}")
    yield from (f"{api}/findings/?version={version.pk}", f"{api}/versions/?model={model.pk}")


def _flat(patterns) -> Iterator:
    for pattern in patterns:
        inside = getattr(pattern, "url_patterns", None)
        yield from _flat(inside) if inside is not None else [pattern]


def measure(rounds: int, only: str = "", people: Sequence[str] = PEOPLE) -> list[dict]:
    """A row for each address and person that may open it."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    found, asked = [], [one for one in dict.fromkeys(addresses()) if only in one]
    for name in people:
        client = Client(raise_request_exception=True)
        client.force_login(get_user_model().objects.get(username=f"seeded_{name}_0"))
        for address in asked:
            with CaptureQueriesContext(connection) as queries:
                status = client.get(address).status_code
            count = len(queries)  # before the next request clears them
            if status != 200:
                if status >= 500:
                    raise SystemExit(f"{address} as {name}: {status}")
                continue
            times = zip(*(timed(partial(client.get, address)) for _ in range(rounds)), strict=True)
            ms, cpu, server = (round(statistics.median(seconds) * 1000, 1) for seconds in times)
            row = {"address": address, "person": name, "ms": ms, "cpu_ms": cpu, "server_cpu_ms": server}
            found.append(row | {"queries": count})
            if found[-1]["ms"] >= CLAIM_MS:
                _say(f"{found[-1]}")
    return sorted(found, key=lambda row: -row["ms"])


def timed(act) -> tuple[float, float, float]:
    """(seconds, CPU seconds of this process, those of the database's process for it)"""
    server, wall, cpu = server_seconds(), time.perf_counter(), time.process_time()
    act()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, server_seconds() - server


def server_seconds() -> float:
    """What the server's process for this connection has used; 0 where it does not run on this machine. Processes that
    it starts for one parallel query are not among it."""
    from django.db import connection

    if connection.vendor != "postgresql" or connection.settings_dict["HOST"] not in HERE:
        return 0.0
    connection.ensure_connection()
    try:
        return int(Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def seeded(models: int, assessments: int, events: int) -> float:
    """Seconds that it took; 0 where the kept database is full already."""
    from modelrisk.seeding import Seed
    from registry.models import MLModel

    if MLModel.objects.count() >= models:
        return 0.0
    return timed(Seed(models=models, assessments=assessments, events=events, say=_say).write)[0]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(rows: list[dict]) -> None:
    """For each address the person who waits longest."""
    worst = {row["address"]: row for row in reversed(rows)}
    print(f"{'ms':>8} {'CPU ms':>8} {'server':>8} {'queries':>8}  {'slowest for':<17} address")
    for row in sorted(worst.values(), key=lambda row: -row["ms"]):
        times = f"{row['ms']:8.1f} {row['cpu_ms']:8.1f} {row['server_cpu_ms']:8.1f} {row['queries']:8}"
        print(f"{times}  {row['person']:<17} {row['address']}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default=os.environ.get("MODELRISK_TEST_POSTGRES", ""))
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--assessments", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="addresses that hold this text")
    parser.add_argument("--person", action="append", choices=PEOPLE, help="default: all of them")
    parser.add_argument("--keep", action="store_true", help="leave the database, and use the one that was left")
    asked = parser.parse_args()
    if not asked.database:
        parser.error("say which PostgreSQL: --database postgres://user:password@host:5432/name")
    with tempfile.TemporaryDirectory(prefix="modelrisk-bench-") as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "tests.settings", "MODELRISK_STATE_DIR": folder}
        os.environ["DATABASE_URL"] = asked.database
        import django
        from django.conf import settings
        from django.db import connection
        from django.test.utils import setup_databases, setup_test_environment, teardown_databases

        settings.DATABASES["default"]["TEST"] = {"NAME": "test_modelrisk_lists"}
        django.setup()
        setup_test_environment()
        # Not serialised: that would read a kept database as a whole.
        made = setup_databases(verbosity=0, interactive=False, keepdb=asked.keep, serialized_aliases=[])
        try:
            seconds = seeded(asked.models, asked.assessments, asked.events)
            settings.DEBUG = False
            rows = measure(asked.rounds, asked.only, asked.person or PEOPLE)
            vendor = connection.vendor
        finally:
            teardown_databases(made, verbosity=0, keepdb=asked.keep)
    show(rows)
    slow = [row for row in rows if row["ms"] >= CLAIM_MS]
    told = {"models": asked.models, "assessments": asked.assessments, "events": asked.events, "database": vendor}
    told |= {"seed_seconds": round(seconds, 1), "asked": len(rows), "worst": rows[0], "over_150_ms": len(slow)}
    most = max(row["cpu_ms"] + row["server_cpu_ms"] for row in rows)
    told |= {"most_cpu_ms": round(most, 1), "load": os.getloadavg()[0], "kept": not slow}
    print(json.dumps({"benchmark": "lists", **told}))
    return 0 if not slow else 1


if __name__ == "__main__":
    sys.exit(main())
