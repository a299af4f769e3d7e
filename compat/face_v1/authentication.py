"""`Ocp-Apim-Subscription-Key` is a key of the team."""

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from accounts.authentication import ApiKeyAuthentication
from accounts.models import ApiKey

HEADER = "Ocp-Apim-Subscription-Key"


class SubscriptionKeyAuthentication(ApiKeyAuthentication):
    """Nothing but a key lets anybody in: who is signed in with a browser is not meant here."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey]:
        found = super().authenticate(request)
        if found is None:
            raise NotAuthenticated
        return found

    def key_text(self, request: Request) -> str | None:
        text = request.headers.get(HEADER)
        return None if text is None else text.strip()

    def authenticate_header(self, request: Request) -> str:
        return f'ApiKey realm="EmotionSite", header="{HEADER}"'
