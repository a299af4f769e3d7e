"""Content security policy, cookies, hashing, API-key peppers."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .env import env

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        # data: for the small icons inside Bootstrap's style sheet, blob: for previews of chosen files.
        "img-src": ["'self'", "data:", "blob:"],
        # Videos come through this site even where they lie on S3: the policy names no other place.
        "media-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "emotionsite.errors.csrf_failure"


def add_static_headers(headers: Any, path: str, url: str) -> None:
    """Static files are answered before Django's security middleware, so they get their header here."""
    headers["X-Content-Type-Options"] = "nosniff"


SERVESTATIC_ADD_HEADERS_FUNCTION = add_static_headers

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]


def peppers_from_text(text: str) -> dict[int, bytes]:
    """Parse `1:hex,2:hex` into {number: pepper}; the highest number signs new keys.

    Raises ImproperlyConfigured when a part is not `number:hex` of at least 16 bytes.
    """
    peppers: dict[int, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        number, separator, value = part.partition(":")
        try:
            pepper = bytes.fromhex(value)
            key = int(number)
        except ValueError as error:
            raise ImproperlyConfigured("API_KEY_PEPPERS must look like 1:<hex>,2:<hex>.") from error
        if not separator or len(pepper) < 16:
            raise ImproperlyConfigured("Each pepper in API_KEY_PEPPERS needs at least 32 hex digits.")
        peppers[key] = pepper
    return peppers


API_KEY_PEPPERS = peppers_from_text(env.str("API_KEY_PEPPERS", default=""))
