"""The invitation whose link a browser has opened, kept while its reader signs in or up.

Of the link's token only the digest is kept, because sessions are stored as they are.
"""

from django.http import HttpRequest

from emotionsite.problems import Refusal

from .invitations import invitation_of_digest, token_digest
from .models import Invitation

SESSION_INVITATION = "invitation"


def invitation_remember(request: HttpRequest, token: str) -> None:
    """Note that this browser came by the link with `token`."""
    request.session[SESSION_INVITATION] = token_digest(token)


def remembered_digest(request: HttpRequest) -> str | None:
    """The digest of the link this browser came by; None when it came by none."""
    return request.session.get(SESSION_INVITATION)


def invitation_forget(request: HttpRequest) -> None:
    """The reader has accepted, or does not want to."""
    request.session.pop(SESSION_INVITATION, None)


def pending_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation this browser came by, as long as it can be accepted."""
    digest = remembered_digest(request)
    if digest is None:
        return None
    try:
        return invitation_of_digest(digest)
    except Refusal:
        # Its page says why to whoever opens the link; signing in and up go on as without it.
        return None
