"""ASGI entry point: `uvicorn emotionsite.asgi:application`.

ASGI rather than WSGI: official clients stream uploads chunked, which WSGI servers hand to Django as an
empty body.
"""

import gc
import os
from typing import cast

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emotionsite.settings.development")
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from media_jobs.live.routing import sockets  # noqa: E402

from .asgi_handler import StreamedBodyHandler  # noqa: E402
from .body_guard import App, BodyGuard  # noqa: E402

# Django's annotation names narrower mappings than the ASGI specification does.
requests = BodyGuard(
    cast(App, StreamedBodyHandler()),
    limit=settings.MAX_REQUEST_BYTES,
    larger={
        **dict.fromkeys(settings.ARCHIVE_PATHS, settings.MAX_ARCHIVE_REQUEST_BYTES),
        **dict.fromkeys(settings.VIDEO_PART_PATHS, settings.MAX_VIDEO_PART_REQUEST_BYTES),
    },
)
application = ProtocolTypeRouter({"http": requests, "websocket": sockets})
# What is loaded by now stays: no need to look through it for garbage again and again while clients wait.
gc.collect()
gc.freeze()
