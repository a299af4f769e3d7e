"""What the pages say and hand on about pictures that are dropped on them."""

from math import isfinite
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest

from accounts.access import require_access
from accounts.limits import file_size_check
from media_jobs.crops import Box
from media_jobs.refusals import refuse


def upload_limits() -> dict[str, Any]:
    """Sizes that a picture may have, in bytes and in words."""
    return {
        "min_bytes": settings.MIN_UPLOAD_BYTES,
        "max_bytes": settings.MAX_UPLOAD_BYTES,
        "megabytes": f"{settings.MAX_UPLOAD_BYTES / 1024**2:g}",
    }


def picture_of(request: HttpRequest) -> bytes:
    """The picture that a script sent as `file`. Raises Refusal when there is none or it is too large."""
    file = request.FILES.get("file")
    if file is None:
        raise refuse("file_missing")
    file_size_check(team=require_access(request).team, size=file.size or 0)
    return bytes(file.read())


def box_of(request: HttpRequest) -> Box | None:
    """The face that is meant, as a script sent it (`box`: left,top,width,height in pixels); None for any.

    Raises Http404 for anything else.
    """
    text = request.POST.get("box", "")
    if not text:
        return None
    parts = text.split(",")
    try:
        left, top, width, height = (float(part) for part in parts)
    except ValueError as error:
        raise Http404("This is not a box.") from error
    if not all(isfinite(value) for value in (left, top, width, height)) or width <= 0 or height <= 0:
        raise Http404("This is not a box.")
    return left, top, width, height
