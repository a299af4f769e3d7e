"""Kept pictures of enrolled faces: writing one, and answering with it once the row was checked."""

from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from media_jobs import files
from media_jobs.responses import JPEG

from .models import EnrolledFace
from .refusals import refuse


def crop_store(*, team_id: UUID, content: bytes) -> str:
    """Write a JPEG and return its name in the storage, which holds ids only; Refusal `storage_full`."""
    return files.store(f"teams/{team_id}/galleries/{uuid4()}.jpg", content)


def crop_response(request: HttpRequest, face: EnrolledFace) -> HttpResponse:
    """The kept picture of a face, wherever it is stored: it always comes through here, never from an address
    of the storage. Raises Refusal `crop_not_kept`.
    """
    if not face.crop:
        raise refuse("crop_not_kept")
    # A crop never changes under its name.
    tag = f'"{face.pk.hex}-crop"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    try:
        content = files.fetch(face.crop).getvalue()
    except FileNotFoundError as error:
        raise refuse("crop_not_kept") from error
    # Kept by the browser only, and asked for again: an erased face must not live on in a cache.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Disposition": "inline"}
    return HttpResponse(content, content_type=JPEG, headers=headers)
