"""The groups that carry the roles, and the user in whose name jobs act."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from registry import access

SYSTEM = "system"


def ensure_roles(**_) -> None:
    """Make the groups; called after each migrate."""
    for role in access.ROLES:
        Group.objects.get_or_create(name=role)


def system_user():
    """Who a job acts as. Inactive and without a password: nobody can sign in with it."""
    users = get_user_model()
    user, made = users.objects.get_or_create(username=SYSTEM, defaults={"is_active": False})
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def is_system(user) -> bool:
    """Whether a job asks, and no person."""
    return user.get_username() == SYSTEM and not user.is_active
