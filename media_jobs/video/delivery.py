"""Files of videos as answers of a view that has already checked the team: whole, or ranges of them.

Players ask for ranges (RFC 9110, section 14): without them nobody could jump in a video of an hour. Memory
holds a piece at a time.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotModified,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase

from emotionsite.streaming import in_pieces
from media_jobs import files
from media_jobs.models import Video, VideoPreview
from media_jobs.refusals import refuse

from .parts import Parts, open_parts, parts_size

FILES = ("file", "preview", "poster")
PIECE = 512 * 1024
JPEG = "image/jpeg"
WEBM = "video/webm"
# One range; whoever asks for several gets the whole, as the standard allows.
_RANGE = re.compile(r"bytes=([0-9]{1,19})?-([0-9]{1,19})?")


class VideoFileConverter:
    """URL converter for the three files of a video."""

    regex = "|".join(FILES)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class _File:
    parts: Parts
    content_type: str
    #: Strong: a stored file never changes under its names.
    tag: str
    disposition: str

    @property
    def size(self) -> int:
        return parts_size(self.parts)


def video_file_response(
    request: HttpRequest, video: Video, part: str, *, redirect: bool = False
) -> HttpResponseBase:
    """Send a file of a video: the original (`file`), the copy for browsers (`preview`), or the poster.

    With `redirect`, an original that lies on S3 in one part is answered with a signed address of two minutes;
    pages never ask for that, because their content policy names no other place. Raises Refusal
    `pictures_erased`, `video_not_stored`, `video_preview_not_ready`, `video_preview_failed` and
    `range_not_satisfiable`, and Http404 when the storage has lost the file.
    """
    if part == "poster":
        return _poster(request, video)
    file = _original(video) if part == "file" else _preview(video)
    if redirect and part == "file" and len(file.parts) == 1:
        address = files.signed_address(str(file.parts[0][0]), file.content_type, file.disposition)
        if address:
            return HttpResponseRedirect(address)
    return _sent(request, file)


def preview_state(video: Video) -> str | None:
    """What browsers can show of a video: its `original`, a copy that is `queued`, `ready` or `failed`; None
    where there is nothing (any more)."""
    # Its bytes tell whether there is a file: lists leave its parts out.
    if video.pictures_erased_at is not None or not video.stored_bytes:
        return None
    if video.shown_by_browsers:
        return "original"
    row: VideoPreview | None = getattr(video, "preview", None)
    return row.status if row else None


def _original(video: Video) -> _File:
    _check_stored(video)
    disposition = f"inline; filename*=UTF-8''{quote(video.filename)}"
    return _File(video.parts, video.content_type, f'"{video.pk.hex}-file"', disposition)


def _preview(video: Video) -> _File:
    _check_stored(video)
    state = preview_state(video)
    if state == "original":
        return _original(video)
    if state == VideoPreview.Status.FAILED:
        raise refuse("video_preview_failed")
    if state != VideoPreview.Status.READY:
        raise refuse("video_preview_not_ready")
    row = video.preview
    # Should it be made again, its parts have other names.
    tag = str(row.parts[0][0]).rpartition("-")[2]
    return _File(row.parts, WEBM, f'"{video.pk.hex}-preview-{tag}"', "inline")


def _check_stored(video: Video) -> None:
    if video.pictures_erased_at is not None:
        raise refuse("pictures_erased")
    if not video.parts:
        raise refuse("video_not_stored")


def _poster(request: HttpRequest, video: Video) -> HttpResponse:
    if not video.poster:
        _check_stored(video)
        raise Http404("This video has no poster.")
    tag = f'"{video.pk.hex}-poster"'
    headers = _headers(tag, "inline")
    if _is_known(request, tag):
        return HttpResponseNotModified(headers=headers)
    try:
        content = files.fetch(video.poster).getvalue()
    except FileNotFoundError as error:
        raise Http404("The poster of this video is gone.") from error
    return HttpResponse(content, content_type=JPEG, headers=headers)


def _sent(request: HttpRequest, file: _File) -> HttpResponseBase:
    headers = {**_headers(file.tag, file.disposition), "Accept-Ranges": "bytes"}
    if _is_known(request, file.tag):
        return HttpResponseNotModified(headers=headers)
    # A range of a file that has changed would not fit to what the player has of it.
    applies = request.headers.get("If-Range", file.tag) == file.tag
    wanted = _range(request.headers.get("Range", "") if applies else "", file.size)
    first, last = wanted or (0, file.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    status = 206 if wanted else 200
    if request.method == "HEAD":
        return HttpResponse(status=status, content_type=file.content_type, headers=headers)
    pieces = _begun(file.parts, first, last)
    return StreamingHttpResponse(
        in_pieces(lambda: pieces), status=status, content_type=file.content_type, headers=headers
    )


def _headers(tag: str, disposition: str) -> dict[str, str]:
    return {
        "ETag": tag,
        "Content-Disposition": disposition,
        # Kept by the browser only, and asked for again: a deleted video must not live on in a cache.
        "Cache-Control": "private, no-cache",
    }


def _is_known(request: HttpRequest, tag: str) -> bool:
    known = [item.strip().removeprefix("W/") for item in request.headers.get("If-None-Match", "").split(",")]
    return tag in known or "*" in known


def _range(header: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte of a range; None for all of it. Raises Refusal `range_not_satisfiable`."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == (None, None):
        return None
    begin, end = (None if text is None else int(text) for text in match.groups())
    if begin is not None and end is not None and begin > end:
        return None
    first, last = (max(0, size - (end or 0)), size - 1) if begin is None else (begin, end)
    last = size - 1 if last is None else min(last, size - 1)
    if first > last:
        headers = {"Content-Range": f"bytes */{size}"}
        raise refuse("range_not_satisfiable", headers=headers, size=size)
    return first, last


def _begun(parts: Parts, first: int, last: int) -> Iterator[bytes]:
    """The bytes from `first` to `last`, of which some are read already: a lost file is a 404, not half an
    answer."""
    pieces = _pieces(parts, first, last)
    try:
        head = next(pieces, b"")
    except FileNotFoundError as error:
        raise Http404("The file of this video is gone.") from error
    return itertools.chain([head] if head else [], pieces)


def _pieces(parts: Parts, first: int, last: int) -> Iterator[bytes]:
    with open_parts(parts) as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
