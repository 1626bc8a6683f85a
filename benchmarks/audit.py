"""How fast the audit trail is sealed, verified and listed; the last line is JSON.

    python -m benchmarks.audit [--events 100000] [--list 0]

A log of `--events` is written and sealed in a database of its own (SQLite in a temporary folder, or the PostgreSQL of
DATABASE_URL, in a test database that is removed again), then verified as a whole. With `--list 1000000` the log is
filled up to so many events, and the pages of the global log are timed through the view. What we claim: 100,000 events
verify in under 3 s, and no page of the list takes more than 150 ms.
"""

import argparse
import json
import os
import sys
import tempfile
import time

CLAIM_SECONDS = 3.0  # for 100,000 events
CLAIM_LIST_MS = 150.0
BLOCK = 10_000


def write(count: int, people: list) -> None:
    """Events as actions write them, in bulk."""
    from registry.models import AuditEvent

    acts = ["version.upload", "dataset.edit_columns", "approval.request", "approval.decide", "assessment.finish"]
    for start in range(0, count, BLOCK):
        AuditEvent.objects.bulk_create(
            AuditEvent(
                actor=people[n % len(people)],
                actor_name=people[n % len(people)].username,
                action=acts[n % len(acts)],
                refused=n % 50 == 0,
                object_type="registry.modelversion",
                object_id=str(n % 20_000),
                object_label=f"Income {n % 2000} v{n % 10}",
                summary=f"Decided on Income {n % 2000} v{n % 10}",
                detail={"note": "The evidence is complete.", "sha256": f"{n:064x}"},
                changes=[
                    {
                        "type": "registry.modelversion",
                        "id": str(n % 20_000),
                        "label": f"Income {n % 2000}",
                        "change": "changed",
                        "fields": {"approval_status": ["pending_approval", "approved"]},
                    }
                ],
                request_id=f"{n:032x}",
            )
            for n in range(start, min(count, start + BLOCK))
        )


def fill_up(count: int) -> None:
    """The log copied onto itself until it has `count` events, none of them sealed."""
    from django.db import connection

    from registry.models import AuditEvent

    table = AuditEvent._meta.db_table
    names = ", ".join(field.column for field in AuditEvent._meta.concrete_fields if not field.primary_key)
    with connection.cursor() as cursor:
        while (missing := count - AuditEvent.objects.count()) > 0:
            cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} ORDER BY id LIMIT {missing}")


def timed(act) -> tuple[float, float, object]:
    """(seconds, CPU seconds, what it returned)"""
    wall, cpu = time.perf_counter(), time.process_time()
    found = act()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def list_times(auditor) -> tuple[dict[str, float], float]:
    """(milliseconds for each page, the best of three; the most CPU milliseconds of ours that one of them took)"""
    from django.test import Client

    from registry.models import AuditEvent

    client = Client()
    client.force_login(auditor)
    middle = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).first() + AuditEvent.objects.count() // 2
    asked = {
        "first": "",
        "deep": f"?before={middle}",
        "who": "?actor=person3",
        "act": "?action=approval.decide",
        "refused": "?refused=1",
        "object": "?object=Income+77+v7",
        "who_and_act": "?actor=person3&action=version.upload",
        "none": "?actor=nobody",
        "dates": "?from=2020-01-01&to=2020-01-02",
    }
    client.get("/audit/")
    times, cpu = {}, 0.0
    for name, query in asked.items():
        took = [timed(lambda query=query: client.get(f"/audit/{query}"))[:2] for _ in range(3)]
        times[name] = round(min(wall for wall, _cpu in took) * 1000, 1)
        cpu = max(cpu, min(spent for _wall, spent in took) * 1000)
    return times, round(cpu, 1)


def measure(events: int, listed: int) -> dict:
    from django.contrib.auth.models import Group, User
    from django.db import connection

    from registry.audit import sealing, verifying
    from registry.models import AuditEvent

    people = [User.objects.create(username=f"person{n}") for n in range(20)]
    before = AuditEvent.objects.count()  # migrations record too
    write(events, people)
    seal_wall, seal_cpu, sealed = timed(lambda: sealing.seal(full=True))
    wall, cpu, report = timed(lambda: verifying.verify([]))
    if not report.holds or {report.events, sealed} != {before + events}:
        raise SystemExit(f"the log does not hold: {report.as_dict()}")
    found = {
        "database": connection.vendor,
        "events": events,
        "seal_seconds": round(seal_wall, 2),
        "seal_cpu_seconds": round(seal_cpu, 2),
        "verify_seconds": round(wall, 2),
        "verify_cpu_seconds": round(cpu, 2),
        "kept": wall * 100_000 / events < CLAIM_SECONDS,
    }
    if listed:
        people[0].groups.add(Group.objects.get(name="auditor"))
        fill_up(listed)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE registry_auditevent")
        times, cpu_ms = list_times(people[0])
        found |= {
            "listed": listed,
            "list_ms": times,
            "list_cpu_ms": cpu_ms,
            "kept": found["kept"] and max(times.values()) < CLAIM_LIST_MS,
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--list", type=int, default=0, help="time the pages at so many events")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelrisk-bench-") as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "tests.settings", "MODELRISK_STATE_DIR": folder}
        import django
        from django.test.utils import setup_databases, setup_test_environment, teardown_databases

        django.setup()
        setup_test_environment()
        made = setup_databases(verbosity=0, interactive=False)
        try:
            found = measure(asked.events, asked.list)
        finally:
            teardown_databases(made, verbosity=0)
    print(json.dumps({"benchmark": "audit", **found}))
    return 0 if found["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
