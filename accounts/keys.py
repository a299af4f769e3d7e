"""API keys: made, checked and revoked. Only the HMAC of a key's secret is stored."""

import hmac
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from emotionsite.database import together

from .access import Access, across_teams, team_scope
from .audit import record
from .models import ApiKey, Plan, Scope, Team, User
from .networks import address_is_in, networks_normalised
from .peppers import current_pepper, digest_of
from .refusals import refuse

logger = structlog.get_logger(__name__)
Row = TypeVar("Row", bound=Model)

KEY_PATTERN = re.compile(r"^es_([a-z2-7]{8})_([A-Za-z0-9_-]{43})$")
IDENTIFIER_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
# A busy key would otherwise write its row at every request.
LAST_USED_STEP = timedelta(minutes=1)


@transaction.atomic
def api_key_create(
    *,
    team: Team,
    name: str,
    scopes: Sequence[str],
    created_by: User | None = None,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
) -> tuple[ApiKey, str]:
    """Create a key and return the row with the full text, which is shown once and kept nowhere.

    Raises ValueError for a scope that does not exist, and ValidationError for a name, an end or networks that
    cannot be.
    """
    number, pepper = current_pepper()
    identifier = "".join(secrets.choice(IDENTIFIER_ALPHABET) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    wanted = {Scope(value).value for value in scopes}
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": "The key would be over before it was made. Choose a later end."})
    key = ApiKey(
        team=team,
        name=name.strip(),
        identifier=identifier,
        digest=digest_of(secret, pepper),
        pepper=number,
        scopes=[scope for scope in Scope.values if scope in wanted],
        networks=networks_normalised(networks),
        created_by=created_by,
        expires_at=expires_at,
    )
    with team_scope(team):
        key.full_clean()
        key.save()
        record(
            "api_key.created",
            team=team,
            obj=key,
            scopes=key.scopes,
            networks=key.networks,
            expires_at=expires_at.isoformat() if expires_at else None,
        )
    return key, f"es_{identifier}_{secret}"


def scopes_check(*, access: Access, scopes: Sequence[str]) -> None:
    """Raises Refusal `key_scope_missing` when the caller would give a key a right it lacks itself."""
    if missing := sorted(set(scopes) - access.scopes):
        raise refuse("key_scope_missing", missing=" and ".join(missing))


@transaction.atomic
def api_key_revoke(*, key: ApiKey) -> None:
    """Revoke a key, for good and from the next request on. Once more changes nothing."""
    now = timezone.now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        key.revoked_at = now
        record("api_key.revoked", team=key.team, obj=key)


def api_key_authenticate(*, text: str, address: str | None = None) -> ApiKey | None:
    """Return the live key for the text of a header, or None for anything else.

    The digest is compared in constant time, and one is computed for an unknown identifier too, so that the
    time of the answer does not tell which identifiers exist. Raises Refusal `address_not_allowed` for a right
    key that comes from outside its networks; `address` None, which is not known, lies in no network.
    """
    match = KEY_PATTERN.match(text)
    if match is None:
        return None
    identifier, secret = match.groups()
    key = _key_of(identifier)
    _, pepper = current_pepper()
    if key is not None:
        pepper = settings.API_KEY_PEPPERS.get(key.pepper, pepper)
    matches = hmac.compare_digest(digest_of(secret, pepper), key.digest if key else "0" * 64)
    if key is None or not matches or key.state != "active":
        return None
    if key.networks and not address_is_in(address, key.networks):
        logger.warning("api_key_from_foreign_address", api_key=identifier)
        raise refuse("address_not_allowed", address=address or "an address that is not known")
    _note_use(key, secret)
    return key


def _columns(model: type[Model], table: str) -> str:
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)  # noqa: SLF001


@cache
def _find() -> str:
    """A key with its team and plan. Written out, because every request of a program begins with it: to make
    this statement from a queryset takes as long as to run it.
    """
    return (
        f"SELECT {_columns(ApiKey, 'k')}, {_columns(Team, 't')}, {_columns(Plan, 'p')}"  # noqa: S608
        " FROM accounts_apikey k JOIN accounts_team t ON t.id = k.team_id"
        " LEFT JOIN accounts_plan p ON p.id = t.plan_id WHERE k.identifier = %s"
    )


def _key_of(identifier: str) -> ApiKey | None:
    """The key of this identifier, with its team and plan; None when there is none."""
    # Across teams: the key is what tells the team.
    with across_teams(), connection.cursor() as cursor, together():
        cursor.execute(_find(), [identifier])
        row = cursor.fetchone()
    if row is None:
        return None
    left = iter(row)
    key, team, plan = _instance(ApiKey, left), _instance(Team, left), _instance(Plan, left)
    team.plan = plan if team.plan_id is not None else None
    key.team = team
    return key


@cache
def _names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001


def _instance(model: type[Row], values: Iterator[Any]) -> Row:
    """An instance as if the database had been asked for it, of the next values."""
    names = _names(model)
    return model.from_db(connection.alias, names, list(islice(values, len(names))))


def _note_use(key: ApiKey, secret: str) -> None:
    """Write down that a key was used; one of an older pepper moves to the newest at this occasion."""
    now = timezone.now()
    changes: dict[str, object] = {}
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
        changes["last_used_at"] = now
    number, pepper = current_pepper()
    if key.pepper != number:
        changes |= {"pepper": number, "digest": digest_of(secret, pepper)}
    if changes:
        with team_scope(key.team):
            # Of the row as it was read: while peppers change, one process may know a newer one than another.
            ApiKey.objects.filter(pk=key.pk, pepper=key.pepper).update(**changes)
