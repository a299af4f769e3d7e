"""The OpenAPI document as a whole, and the copy of it that is kept in the repository."""

import json
from functools import cache
from pathlib import Path
from threading import Lock

from django.conf import settings
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.json"
RENEW = "manage.py openapi --write"


# drf-spectacular keeps what it is doing in the views' classes: one at a time.
_making = Lock()


def _made() -> tuple[str, tuple[str, ...]]:
    with _making:
        return _make()


@cache
def _make() -> tuple[str, tuple[str, ...]]:
    with GENERATOR_STATS.silence():
        document = SchemaGenerator().get_schema(request=None, public=True)
        complaints = (*GENERATOR_STATS._error_cache, *GENERATOR_STATS._warn_cache)  # noqa: SLF001
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n", complaints


def document_text() -> str:
    """The document as JSON, made of the code once per process."""
    return _made()[0]


def document_complaints() -> tuple[str, ...]:
    """What views and serializers leave unsaid, so that the document could only guess."""
    return _made()[1]
