"""Pictures of single faces, cut out of a stored photo when somebody looks: nothing of them is kept here."""

import io

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from PIL import Image, ImageOps

from analysis.models import Face
from media_jobs import files
from media_jobs.intake import decode_original
from media_jobs.models import Media
from media_jobs.responses import JPEG

#: Side of the picture in pixels, and how much of the face's larger side is shown around it on each side.
SIDE = 192
MARGIN = 0.35
QUALITY = 85


def photo_face_response(request: HttpRequest, face: Face) -> HttpResponse:
    """A face (read with its photo) as a square JPEG of at most `SIDE` pixels.

    Raises Http404 without a picture.
    """
    photo = face.media
    if photo.pictures_erased_at is not None:
        raise Http404("The picture of this face was erased.")
    # A photo that is analysed again keeps the ids of its faces, but their boxes may move a little.
    tag = f'"{face.pk.hex}-{face.left:.0f}-{face.top:.0f}-{face.width:.0f}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    try:
        content = files.fetch(photo.preview or photo.original)
    except FileNotFoundError as error:
        raise Http404("The file of this photo is gone.") from error
    # Kept by the browser only, and asked for again: an erased face must not live on in a cache.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Disposition": "inline"}
    return HttpResponse(face_cut(content, photo, face), content_type=JPEG, headers=headers)


def face_cut(content: io.BytesIO, photo: Media, face: Face) -> bytes:
    """Cut a face out of the preview of its photo (at most 1600 pixels wide and high); a JPEG."""
    with _opened(content, face, photo) as picture:
        scale = picture.width / photo.width
        side = min(max(face.width, face.height) * (1 + 2 * MARGIN) * scale, picture.width, picture.height)
        left = _within((face.left + face.width / 2) * scale - side / 2, picture.width - side)
        top = _within((face.top + face.height / 2) * scale - side / 2, picture.height - side)
        shown = max(1, min(SIDE, round(side)))
        cut = picture.resize((shown, shown), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    result = io.BytesIO()
    cut.convert("RGB").save(result, "JPEG", quality=QUALITY)
    return result.getvalue()


def _opened(content: io.BytesIO, face: Face, photo: Media) -> Image.Image:
    """The upright picture; a JPEG of a large face is decoded at the size that is needed, which is faster."""
    if not photo.preview:
        return decode_original(content)
    picture = Image.open(content)
    side = max(face.width, face.height) * picture.width / photo.width
    if side > 2 * SIDE:
        picture.draft("RGB", (round(picture.width * SIDE / side), round(picture.height * SIDE / side)))
    return ImageOps.exif_transpose(picture)


def _within(value: float, highest: float) -> float:
    return min(max(0.0, value), max(0.0, highest))
