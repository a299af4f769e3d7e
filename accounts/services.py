"""Writes of accounts: teams, first owners and API keys."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from .access import across_teams, team_scope
from .audit import record
from .models import ApiKey, Membership, Role, Scope, Team, User

KEY_PATTERN = re.compile(r"^es_([a-z2-7]{8})_([A-Za-z0-9_-]{43})$")
IDENTIFIER_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
# A busy key would otherwise write its row at every request.
LAST_USED_STEP = timedelta(minutes=1)


@transaction.atomic
def team_create(*, name: str, owner: User) -> Team:
    """Create a team with its first owner."""
    team = Team(name=name)
    team.full_clean()
    team.save()
    with team_scope(team):
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        record("team.created", team=team, obj=team)
    return team


@transaction.atomic
def user_create(*, username: str, email: str, password: str) -> User:
    """Create a user who can sign in. Raises ValidationError when name or address is taken."""
    user = User(username=username, email=email)
    user.set_password(password)
    user.full_clean()
    user.save()
    return user


def _current_pepper() -> tuple[int, bytes]:
    if not settings.API_KEY_PEPPERS:
        raise ImproperlyConfigured("API_KEY_PEPPERS is not set, so no API key can be made or checked.")
    number = max(settings.API_KEY_PEPPERS)
    return number, settings.API_KEY_PEPPERS[number]


def _digest(secret: str, pepper: bytes) -> str:
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


def api_key_create(
    *,
    team: Team,
    name: str,
    scopes: list[str],
    created_by: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return the row with the full text, which is shown once and kept nowhere."""
    number, pepper = _current_pepper()
    identifier = "".join(secrets.choice(IDENTIFIER_ALPHABET) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        team=team,
        name=name,
        identifier=identifier,
        digest=_digest(secret, pepper),
        pepper=number,
        scopes=[Scope(value).value for value in scopes],
        created_by=created_by,
        expires_at=expires_at,
    )
    with team_scope(team):
        key.full_clean()
        key.save()
        record("api_key.created", team=team, obj=key, scopes=key.scopes)
    return key, f"es_{identifier}_{secret}"


def api_key_authenticate(*, text: str) -> ApiKey | None:
    """Return the live key for the text of a header, or None for anything else.

    The digest is compared in constant time, and one is computed for an unknown identifier too, so that the
    time of the answer does not tell which identifiers exist.
    """
    match = KEY_PATTERN.match(text)
    if match is None:
        return None
    identifier, secret = match.groups()
    # Across teams: the key is what tells the team.
    with across_teams():
        key = ApiKey.unscoped.select_related("team__plan").filter(identifier=identifier).first()
    _, pepper = _current_pepper()
    if key is not None:
        pepper = settings.API_KEY_PEPPERS.get(key.pepper, pepper)
    matches = hmac.compare_digest(_digest(secret, pepper), key.digest if key else "0" * 64)
    now = timezone.now()
    if key is None or not matches or key.revoked_at or (key.expires_at and key.expires_at <= now):
        return None
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
        with team_scope(key.team):
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key
