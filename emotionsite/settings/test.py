"""pytest: the servers' addresses are set by the root conftest before Django starts."""

from .base import *  # noqa: F403

SECRET_KEY = "only for tests, never for anything that is reachable"  # noqa: S105
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
API_KEY_PEPPERS = {1: b"a pepper that only tests ever see"}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SERVESTATIC_AUTOREFRESH = True
SERVESTATIC_USE_FINDERS = True
# Rate limits are tested where they are the subject; elsewhere they would tie tests to each other.
ACCOUNT_RATE_LIMITS = False  # type: ignore[assignment]
