"""The numbered peppers of API keys: digests, and what still depends on which.

Only the HMAC of a key's secret is stored, so nobody can make digests under a new pepper but who has the
secret: each key moves to the newest pepper when it is used (`accounts.keys`). What is left under an old
pepper after a while is not in use, or has to be revoked when that pepper goes.
"""

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from .access import across_teams, team_scope
from .audit import record
from .models import ApiKey


def current_pepper() -> tuple[int, bytes]:
    """Number and bytes of the pepper that signs. Raises ImproperlyConfigured without any."""
    if not settings.API_KEY_PEPPERS:
        raise ImproperlyConfigured("API_KEY_PEPPERS is not set, so no API key can be made or checked.")
    number = max(settings.API_KEY_PEPPERS)
    return number, settings.API_KEY_PEPPERS[number]


def digest_of(secret: str, pepper: bytes) -> str:
    """HMAC-SHA-256 of a secret, as 64 hexadecimal digits."""
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class PepperUse:
    """How many living keys of all teams need a pepper; `last_used` is the latest of them, ISO or 'never'."""

    number: int
    keys: int
    last_used: str
    #: False for a pepper that API_KEY_PEPPERS does not name: its keys are locked out.
    known: bool


def _living() -> "QuerySet[ApiKey]":
    never_expires = Q(expires_at=None)
    return ApiKey.unscoped.filter(never_expires | Q(expires_at__gt=timezone.now()), revoked_at=None)


def pepper_uses() -> list[PepperUse]:
    """Every pepper that is set or needed, by number."""
    rows = _living().values("pepper").annotate(keys=Count("pk"), last=Max("last_used_at"))
    # Across teams: a pepper belongs to the installation.
    with across_teams():
        counted = {row["pepper"]: row for row in rows}
    uses = []
    for number in sorted({*settings.API_KEY_PEPPERS, *counted}):
        row = counted.get(number)
        last = row["last"] if row else None
        uses.append(
            PepperUse(
                number=number,
                keys=row["keys"] if row else 0,
                last_used=last.isoformat(timespec="minutes") if last else "never",
                known=number in settings.API_KEY_PEPPERS,
            )
        )
    return uses


def keys_of_pepper_revoke(*, number: int) -> int:
    """Revoke every living key that still needs a pepper; returns how many. One key in one transaction."""
    with across_teams():
        waiting = list(_living().filter(pepper=number).select_related("team"))
    revoked = 0
    for key in waiting:
        with team_scope(key.team), transaction.atomic():
            # A key that was used in the meantime has moved to a newer pepper and lives on.
            changed = ApiKey.objects.filter(pk=key.pk, pepper=number, revoked_at=None).update(
                revoked_at=timezone.now()
            )
            if changed:
                record("api_key.revoked", team=key.team, obj=key, reason="pepper retired", pepper=number)
        revoked += changed
    return revoked
