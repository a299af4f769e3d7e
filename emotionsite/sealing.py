"""Secrets that have to be read again (of webhooks, of buckets): encrypted in the database.

Keys and passwords of people are not among them: those are hashed.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBroken(ValueError):
    """The text was not sealed with this SECRET_KEY or one of SECRET_KEY_FALLBACKS."""


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(secret: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"emotionsite sealed text").derive(secret.encode())
    return base64.urlsafe_b64encode(derived)


def seal(text: str) -> str:
    """Encrypt a text with the SECRET_KEY; each call gives another answer."""
    return _fernet().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text that was sealed. Raises SealBroken when the SECRET_KEY is another one."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealBroken(
            "A stored secret cannot be read, because SECRET_KEY has changed. Put the old key into "
            "SECRET_KEY_FALLBACKS, or enter the secret again."
        ) from error
