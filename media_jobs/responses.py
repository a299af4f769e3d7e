"""Files of photos as answers of a view that has already checked the team."""

from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect

from . import files
from .models import Media
from .refusals import refuse

PARTS = ("original", "preview", "thumbnail")
JPEG = "image/jpeg"


class PartConverter:
    """URL converter for the three files of a photo."""

    regex = "|".join(PARTS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


def file_response(request: HttpRequest, photo: Media, part: str) -> HttpResponse:
    """Send a file of a photo. Raises Http404 when the storage has lost it, Refusal `pictures_erased` when
    retention has erased it.

    An original on S3 is answered with a signed address of two minutes. Everything else goes through here:
    the small pictures of pages stay within the pages' content policy, wherever they are stored.
    """
    if photo.pictures_erased_at is not None:
        raise refuse("pictures_erased")
    name = {
        "original": photo.original,
        "preview": photo.preview or photo.original,
        "thumbnail": photo.thumbnail,
    }[part]
    content_type = photo.content_type if name == photo.original else JPEG
    disposition = f"inline; filename*=UTF-8''{quote(photo.filename)}" if part == "original" else "inline"
    if part == "original" and (address := files.signed_address(name, content_type, disposition)):
        return HttpResponseRedirect(address)
    # A stored file never changes under its name, so its name is its validator.
    tag = f'"{photo.pk.hex}-{part}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    try:
        content = files.fetch(name).getvalue()
    except FileNotFoundError as error:
        raise Http404("The file of this photo is gone.") from error
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": disposition,
            "ETag": tag,
            # Kept by the browser only, and asked for again: a deleted photo must not live on in a cache.
            "Cache-Control": "private, no-cache",
        },
    )
