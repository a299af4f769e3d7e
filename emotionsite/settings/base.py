"""Settings that are the same everywhere. `development`, `production` and `test` start from here."""

from .admin import *  # noqa: F403

# With `as`, because these two are settings themselves.
from .env import BASE_DIR as BASE_DIR
from .env import DATA_DIR as DATA_DIR
from .env import env
from .limits import *  # noqa: F403
from .logs import *  # noqa: F403
from .openapi import *  # noqa: F403
from .security import *  # noqa: F403
from .services import *  # noqa: F403
from .sign_in import *  # noqa: F403

SECRET_KEY = env.str("SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# How many proxies of our own write X-Forwarded-For; 0 believes nobody's.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")

INSTALLED_APPS = [
    # Templates of the panel come before those of Django's admin.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "emotionsite.admin_config.EmotionSiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_structlog",
    "emotionsite",
    "accounts",
    "analysis",
    "media_jobs",
    "galleries",
    "compat",
]

MIDDLEWARE = [
    # The only asynchronous one comes first: each change between the two worlds costs a hop of threads.
    "servestatic.middleware.ServeStaticMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "emotionsite.middleware.permissions_middleware",
    "emotionsite.middleware.request_id_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "emotionsite.middleware.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.team_middleware",
]

ROOT_URLCONF = "emotionsite.urls"
ASGI_APPLICATION = "emotionsite.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.team",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.path("STATIC_ROOT", default=str(DATA_DIR / "static"))()

# --- Accounts -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "photo_list"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm", "login": "accounts.forms.LoginForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNT_EMAIL_VERIFICATION", default="optional")
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_USERNAME_MIN_LENGTH = 2
# None: the box 'remember me' on the sign-in page decides.
ACCOUNT_SESSION_REMEMBER = None
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
# Taken names and addresses are said openly ('User already exists'), as the product asks.
ACCOUNT_PREVENT_ENUMERATION = False
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="EmotionSite <emotionsite@localhost>")

# --- Recognition ----------------------------------------------------------------------------------
# The model that photos and new galleries use: a name that `manage.py recognition_models` lists, or nothing
# for ours.
RECOGNITION_MODEL = env.str("RECOGNITION_MODEL", default="")
# Where further models lie (`manage.py fetch_weights`, `manage.py add_recognition_model`).
RECOGNITION_MODELS_DIR = env.path("RECOGNITION_MODELS_DIR", default=str(DATA_DIR / "models"))()

# --- Uploads --------------------------------------------------------------------------------------
MAX_UPLOAD_BYTES = int(env.float("MAX_UPLOAD_MB", default=25.0) * 1024 * 1024)
MIN_UPLOAD_BYTES = 1024
MAX_IMAGE_PIXELS = int(env.float("MAX_MEGAPIXELS", default=50.0) * 1_000_000)
# Room for the form around the file; the ASGI guard cuts a longer body off while it arrives.
MAX_REQUEST_BYTES = MAX_UPLOAD_BYTES + 256 * 1024
# A ZIP archive of pictures may be larger than one picture; only the addresses that take one let it in.
MAX_ARCHIVE_BYTES = int(env.float("MAX_ARCHIVE_MB", default=500.0) * 1024 * 1024)
MAX_ARCHIVE_REQUEST_BYTES = max(MAX_REQUEST_BYTES, MAX_ARCHIVE_BYTES + 256 * 1024)
# Patterns of whole paths.
ARCHIVE_PATHS = frozenset(
    {
        *("/api/v1/batches", "/team/batches/new"),
        *(r"/api/v1/galleries/([0-9a-f-]{36}/)?import", r"/team/galleries/([0-9a-f-]{36}/)?import"),
    }
)
# A video comes in parts (tus 1.0) or is fetched. A part is one request, so it is spooled while it arrives.
MAX_VIDEO_BYTES = int(env.float("MAX_VIDEO_GB", default=4.0) * 1024**3)
VIDEO_PART_BYTES = int(env.float("VIDEO_PART_MB", default=32.0) * 1024 * 1024)
VIDEO_PART_PATHS = frozenset({r"/api/v1/uploads/[0-9a-f-]{36}", r"/team/videos/uploads/[0-9a-f-]{36}"})
# Some room, so that a part that is a little too large is told so by the view.
MAX_VIDEO_PART_REQUEST_BYTES = max(MAX_REQUEST_BYTES, VIDEO_PART_BYTES + 256 * 1024)
# A larger upload is looked at by a worker: all of it is read, and nobody should wait for that.
VIDEO_LOOK_BYTES = int(env.float("VIDEO_LOOK_MB", default=256.0) * 1024 * 1024)
# An upload that nobody went on with for so long is erased.
VIDEO_UPLOAD_HOURS = env.float("VIDEO_UPLOAD_HOURS", default=24.0)
# Seconds in which a video must have come from its address.
VIDEO_FETCH_SECONDS = env.float("VIDEO_FETCH_SECONDS", default=3600.0)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# A question about faces may name a thousand of them beside its options.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_TEMP_DIR = env.str("UPLOAD_TEMP_DIR", default="") or None

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.TeamScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    # Views that take files name the parser of forms themselves.
    "DEFAULT_PARSER_CLASSES": ["emotionsite.api.parsers.BoundedJSONParser"],
    "EXCEPTION_HANDLER": "emotionsite.api_errors.problem_exception_handler",
    "DEFAULT_PAGINATION_CLASS": "emotionsite.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "emotionsite.api.schema.ApiSchema",
    # `format` is a parameter of ours, and OPTIONS tells nothing that the OpenAPI document does not.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}
