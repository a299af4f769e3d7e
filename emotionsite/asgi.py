"""ASGI entry point: `uvicorn emotionsite.asgi:application`.

ASGI rather than WSGI: official clients stream uploads chunked, which WSGI servers hand to Django as an
empty body.
"""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emotionsite.settings.development")
_django = get_asgi_application()

from django.conf import settings  # noqa: E402

from .body_guard import BodyGuard  # noqa: E402

application = BodyGuard(_django, limit=settings.MAX_REQUEST_BYTES)
