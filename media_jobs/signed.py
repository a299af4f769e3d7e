"""Links that work without a sign-in, for who has lost the account or the team they belong to.

A link names one export or one removal, is signed with SECRET_KEY, and expires.
"""

from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.http import Http404

VALID_FOR = timedelta(days=7)


def token_of(kind: str, pk: UUID) -> str:
    """A token for the `kind` ('export' or 'removal') with this id, for a week from now."""
    return signing.dumps(pk.hex, salt=f"media_jobs.{kind}")


def pk_of(kind: str, token: str) -> UUID:
    """The id in a token. Raises Http404 for one that was changed, is of another kind or has expired."""
    try:
        return UUID(signing.loads(token, salt=f"media_jobs.{kind}", max_age=VALID_FOR))
    except signing.BadSignature as error:
        raise Http404("This link is wrong or has expired.") from error
