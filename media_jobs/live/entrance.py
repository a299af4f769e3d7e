"""Who may send frames: the rules of `accounts.pages.team_page`, for a socket instead of a request."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.http import is_same_domain

from accounts import refusals as of_accounts
from accounts.access import Access, access_of_member
from accounts.audit import Actor
from accounts.models import Scope
from emotionsite.client_address import client_address

from .refusals import refuse


@dataclass(frozen=True)
class Entrance:
    """Whoever came in: the access to the team, and the name under which deeds are recorded."""

    access: Access
    actor: Actor


def enter(scope: Mapping[str, Any]) -> Entrance:
    """Let the sender of an ASGI `websocket` scope in, or raise Refusal. Asks the database; blocks.

    A browser sends cookies with sockets that other sites open too, and CSRF tokens with none: that the
    Origin is ours is what keeps other sites out.
    """
    request = request_of(scope)
    if not origin_is_ours(request):
        raise refuse("live_origin", origin=request.headers.get("Origin", "none was named")[:200])
    access = access_of_member(request)
    if not request.user.is_authenticated:
        raise refuse("live_signed_out")
    if access is None:
        raise refuse("live_no_team")
    if access.team.deleting_at is not None:
        raise of_accounts.refuse("team_is_being_deleted", team=access.team)
    if access.mfa_missing:
        raise of_accounts.refuse("mfa_required", team=access.team)
    if not access.allows(Scope.ANALYZE):
        raise refuse("live_role", team=access.team)
    actor = Actor(user_id=request.user.pk, name=request.user.get_username(), address=client_address(request))
    return Entrance(access, actor)


def enter_again(scope: Mapping[str, Any], before: Entrance) -> Entrance:
    """The same while the socket is open: raises Refusal for whoever would not be let in now.

    Who has left the team, or has chosen another one since, is not moved there unawares.
    """
    now = enter(scope)
    if now.access.team.pk != before.access.team.pk:
        raise refuse("live_other_team", team=before.access.team)
    return now


def request_of(scope: Mapping[str, Any]) -> HttpRequest:
    """The request that a socket was opened with, with session and user as in a view of a page."""
    scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "ws"), "http")
    request = ASGIRequest({**scope, "method": "GET", "scheme": scheme}, io.BytesIO())
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return request


def origin_is_ours(request: HttpRequest) -> bool:
    """Whether the page that opened the socket is of this site, as Django judges forms that are sent."""
    origin = request.headers.get("Origin", "")
    try:
        if origin == f"{request.scheme}://{request.get_host()}":
            return True
    except DisallowedHost:
        return False
    return any(_matches(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def _matches(origin: str, trusted: str) -> bool:
    """Whether an origin is `trusted`, of CSRF_TRUSTED_ORIGINS; `https://*.example.org` is any subdomain."""
    if "*" not in trusted:
        return origin == trusted
    try:
        given = urlsplit(origin)
    except ValueError:
        return False
    pattern = urlsplit(trusted)
    return given.scheme == pattern.scheme and is_same_domain(given.netloc, pattern.netloc.lstrip("*"))
