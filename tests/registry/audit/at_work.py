"""Run in a process of its own on the database of a test: writes events, or seals them.

python -m tests.registry.audit.at_work write DATABASE NAME COUNT USER
python -m tests.registry.audit.at_work seal DATABASE

It says "ready", and begins when a line comes in. A writer rolls every tenth event back; a sealer goes on until its
input ends.
"""

import os
import select
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    act, database, *given = sys.argv[1:]
    import django
    from django.db import connections

    django.setup()
    connections["default"].settings_dict["NAME"] = database
    connections["default"].ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    {"write": write, "seal": seal}[act](*given)


def write(name: str, count: str, user: str) -> None:
    from django.contrib.auth import get_user_model
    from django.db import transaction

    from registry import audit

    actor = get_user_model().objects.get(username=user)
    for number in range(int(count)):
        with transaction.atomic():
            audit.record(actor=actor, action="note.write", obj=actor, summary=f"{name}-{number}")
            if number % 10 == 9:
                transaction.set_rollback(True)


def seal() -> None:
    from registry.audit import sealing

    while not select.select([sys.stdin], [], [], 0.05)[0]:
        sealing.seal()


if __name__ == "__main__":
    main()
