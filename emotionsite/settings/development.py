"""One machine, started by `make run`: mail goes to a folder, cookies travel over http."""

from .base import *  # noqa: F403
from .env import DATA_DIR, env

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
# Static files come straight from the folders they are kept in, with no collecting step.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = True
