"""How often one person or key may send invitations and make teams (`ACCOUNT_RATE_LIMITS`)."""

from allauth.core import ratelimit
from django.http import HttpRequest

from .access import Access
from .refusals import refuse


def invitation_allowed(request: HttpRequest, access: Access) -> None:
    """Count one message. Raises Refusal `too_many_invitations` when the sender has sent too many."""
    sender = f"user-{access.user.pk}" if access.user else f"key-{access.api_key_id}"
    if not ratelimit.consume(request, action="invitation", key=sender):
        raise refuse("too_many_invitations", headers={"Retry-After": "3600"})


def new_team_allowed(request: HttpRequest) -> bool:
    """Count one new team of the signed-in user; False when they have made too many."""
    return bool(ratelimit.consume(request, action="new_team"))
