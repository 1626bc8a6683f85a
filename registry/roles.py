"""The user in whose name jobs act."""

from typing import Any

from django.contrib.auth import get_user_model

SYSTEM = "system"


def system_user() -> Any:
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
