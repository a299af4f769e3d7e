"""`Authorization: Bearer es_...` for the API."""

from dataclasses import replace
from typing import Any

import structlog
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from emotionsite.client_address import client_address

from .access import Access, set_access
from .audit import current_actor, name_actor
from .keys import api_key_authenticate
from .models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """Turns a key into an `Access`; a wrong key is refused even when a session would do."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        text = self.key_text(request)
        if text is None:
            return None
        address = client_address(request._request)  # noqa: SLF001
        key = api_key_authenticate(text=text, address=address)
        if key is None:
            raise AuthenticationFailed(
                "This API key is unknown, revoked or expired. Send 'Authorization: Bearer es_...' "
                "with a key of your team.",
                code="key_invalid",
            )
        access = Access(team=key.team, scopes=frozenset(key.scopes), api_key_id=key.pk)
        set_access(request._request, access)  # noqa: SLF001
        name_actor(replace(current_actor(), user_id=None, name=key.name, api_key=key.identifier))
        structlog.contextvars.bind_contextvars(team_id=str(key.team_id), api_key=key.identifier)
        return AnonymousUser(), key

    def key_text(self, request: Request) -> str | None:
        """What was sent as a key; None when nothing was."""
        words = get_authorization_header(request).decode("latin-1").split()
        if not words or words[0].lower() != "bearer":
            return None
        return words[1] if len(words) == 2 else ""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="EmotionSite"'
