"""Give one of the first people of an installation a role. Afterwards roles are asked for and granted on /people/.

Recorded as done by the system; refused once two people can grant roles (MRM lead or admin), for then there is a second
person. Exit code 1, with the reason, where it is refused.
"""

import argparse
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from registry import access, people
from registry.refusals import BadInput, Conflict, Refused


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("user", help="the username")
        parser.add_argument("role", help=f"one of {', '.join(access.ROLES)}")

    def handle(self, *args: Any, user: str, role: str, **options: Any) -> None:
        found = get_user_model().objects.filter(username=user).first()
        if found is None:
            raise CommandError(f"There is no account {user}. Make it with createsuperuser or at /admin/.")
        try:
            grant = people.grant_first(found, actor=people.system_user(), role=role)
        except BadInput as error:
            raise CommandError(error.text) from error
        except (Refused, Conflict) as error:
            raise CommandError(error.reason) from error
        self.stdout.write(f"{user} has the role {grant.get_role_display()} now.")
