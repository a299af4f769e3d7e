"""What django-allauth tells of second factors goes into the record of the installation.

Signals are the only place it offers; they come right after the change.
"""

from typing import Any

from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from django.dispatch import receiver

from .audit import record
from .models import User


@receiver(signals.authenticator_added, dispatch_uid="second_factor_on")
def second_factor_on(user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        record("user.second_factor_on", team=None, obj=user, name=user.username)


@receiver(signals.authenticator_removed, dispatch_uid="second_factor_off")
def second_factor_off(user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        record("user.second_factor_off", team=None, obj=user, name=user.username)


@receiver(signals.authenticator_reset, dispatch_uid="second_factor_reset")
def second_factor_reset(user: User, **_: Any) -> None:
    record("user.second_factor_reset", team=None, obj=user, name=user.username)
