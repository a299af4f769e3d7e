"""Containers and servers: everything comes from the environment, and what is missing is refused."""

from django.core.exceptions import ImproperlyConfigured

from .base import *  # noqa: F403
from .base import API_KEY_PEPPERS, STORAGES
from .env import env

REQUIRED = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "API_KEY_PEPPERS", "PUBLIC_URL")
_missing = [name for name in REQUIRED if not env.str(name, default="")]
if _missing or not API_KEY_PEPPERS:
    raise ImproperlyConfigured(
        f"Set {', '.join(_missing) or 'API_KEY_PEPPERS'} in the environment; README.md, 'Real servers', "
        "says what each is."
    )

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))

_https = env.str("PUBLIC_URL").startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000 if _https else 0)
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "emotionsite.static_files.HashedStaticFilesStorage"},
}
