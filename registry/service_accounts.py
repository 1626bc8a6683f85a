"""Accounts of pipelines: made for a person who answers for them, granted like any role, acting by tokens alone."""

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError

from registry import access, people
from registry.action import Done, action
from registry.models import ServiceAccount
from registry.refusals import BadInput

MAKERS = frozenset({access.OWNER, access.DEVELOPER, access.VALIDATOR, access.MRM_LEAD, access.ADMIN})


class SignsIn(ModelBackend):
    """Username and password, for people: a service account has a session at no door, whatever its password."""

    def user_can_authenticate(self, user) -> bool:
        program = access.SERVICE_ACCOUNT in access.roles_of(user) or ServiceAccount.objects.filter(account=user.pk)
        return super().user_can_authenticate(user) and not program


def may_make(_kind, actor, **_) -> str | None:
    if access.roles_of(actor) & MAKERS:
        return None
    roles = ", ".join(sorted(role.replace("_", " ") for role in MAKERS))
    return f"A service account is made by the person who answers for it, in one of these roles: {roles}."


@action("service_account.make", rule=may_make)
def make(_kind: type[ServiceAccount], *, actor, name: str, purpose: str) -> Done:
    """Make an account that the actor answers for, and ask for its role. It can do nothing until that is granted."""
    User = get_user_model()
    name = name.strip()
    try:
        User.username_validator(name)
    except ValidationError as error:
        raise BadInput(f"{name!r} cannot be a username. {error.messages[0]}", field="name") from error
    if not name.isascii():  # a letter that only looks like another would let it pass for somebody else in the trail
        raise BadInput(f"The name {name!r} has letters beyond ASCII.", hint="Choose another one.", field="name")
    if not name or len(name) > 150 or User.objects.filter(username__iexact=name).exists():
        raise BadInput(f"The name {name!r} is taken or cannot be used.", hint="Choose another one.", field="name")
    account = User(username=name)
    account.set_unusable_password()
    account.save()
    made = ServiceAccount.objects.create(account=account, owner=actor, purpose=purpose.strip())
    people.ask_for_service_account(account, actor, purpose)
    return Done(made, summary=f"Made the service account {name}", detail={"purpose": purpose.strip()})


def person_behind(user):
    """Who answers for what this account does: its owner, for a service account; for a person, themselves."""
    if access.SERVICE_ACCOUNT not in access.roles_of(user):
        return user
    found = ServiceAccount.objects.select_related("owner").filter(account=user.pk).first()
    return found.owner if found else user
