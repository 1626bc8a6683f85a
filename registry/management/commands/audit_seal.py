"""`manage.py audit_seal [--checkpoint]`: seal the audit trail now, and sign where it stands."""

from django.core.management.base import BaseCommand, CommandError

from registry.audit import checkpoints, sealing
from registry.models import AuditSeal
from registry.refusals import BadInput, Unavailable
from registry.roles import system_user


class Command(BaseCommand):
    help = "Seal every event of the audit trail that no seal holds yet. The worker does it each minute."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--checkpoint", action="store_true", help="sign a checkpoint too, and put it outside")

    def handle(self, *args, checkpoint: bool, **options) -> None:
        count = sealing.seal(full=True)
        head = AuditSeal.objects.first()
        stands = f"seal {head.number}, {head.last_serial} events, head {head.hash}" if head else "nothing is recorded"
        self.stdout.write(f"Sealed {count} events: {stands}.")
        if not checkpoint:
            return
        try:
            made = checkpoints.make(actor=system_user())
        except (BadInput, Unavailable) as error:
            raise CommandError(getattr(error, "text", None) or error.reason) from error
        self.stdout.write(f"{made} is in {made.place}." if made else "Nothing was added since the last checkpoint.")
