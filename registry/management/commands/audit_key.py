"""`manage.py audit_key [--rotate]`: the public key of the audit trail's checkpoints, to be kept by those who verify."""

from django.core.management.base import BaseCommand, CommandError

from registry.audit import keys
from registry.refusals import BadInput
from registry.roles import system_user


class Command(BaseCommand):
    help = "Print the public key that checkpoints are signed with. Give it to auditors by other means than this system."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--rotate", action="store_true", help="make a new key, signed by the one before")

    def handle(self, *args, rotate: bool, **options) -> None:
        try:
            row = keys.rotate(actor=system_user()) if rotate else None
            public = row.public_key if row else keys.public_of(keys.signing_key())
        except BadInput as error:
            raise CommandError(error.text) from error
        self.stdout.write(public)
