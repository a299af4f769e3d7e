"""The picture of a request: its bytes, or an address to fetch it from."""

from collections.abc import Iterable

from django.conf import settings
from rest_framework.request import Request

from emotionsite.fetching import fetch
from media_jobs.containers import first_frame_of_gif
from media_jobs.crops import Box
from media_jobs.detect import DETECTIONS, database_release

from .bodies import JSON, Fields, media_type, read_json
from .errors import MEGABYTE, face_error

BYTES = "application/octet-stream"
LEAST_BYTES, MOST_BYTES = 1024, 6 * MEGABYTE
#: How the formats of Face API begin.
GIF = (b"GIF87a", b"GIF89a")
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", *GIF, b"BM")
#: The share of the deadline that fetching a picture may take; the rest is left for looking at it.
FETCHING = 0.8
USUAL_DETECTION = DETECTIONS[0]


def read_picture(request: Request) -> bytes:
    """1 KB to 6 MB of a JPEG, PNG, GIF (its first frame) or BMP. Raises FaceError, and Refusal of what is not
    fetched.
    """
    kind = media_type(request)
    if kind == JSON:
        return _fetched(read_json(request))
    if kind != BYTES:
        raise face_error("media_type")
    stream = request.stream
    # One byte more than may be, so that the check sees what is too large.
    content = stream.read(MOST_BYTES + 1) if stream is not None else b""
    _check_size(content)
    if not content.startswith(BEGINNINGS):
        raise face_error("image_broken")
    return _still(bytes(content))


def _still(content: bytes) -> bytes:
    """The picture with nothing but its first frame, so that the limits of animations do not concern it."""
    if not content.startswith(GIF):
        return content
    # What was sent is large enough, however little of it is the first frame.
    return first_frame_of_gif(content).ljust(LEAST_BYTES, b"\0")


def _fetched(body: Fields) -> bytes:
    url = body.text("url")
    if not url:
        raise face_error("body_invalid", why="'url' is missing.")
    database_release()
    seconds = FETCHING * settings.DETECT_DEADLINE_SECONDS
    content = fetch(url.strip(), max_bytes=MOST_BYTES, deadline=seconds).content
    _check_size(content)
    if not content.startswith(BEGINNINGS):
        raise face_error("url_format")
    return _still(content)


def _check_size(content: bytes) -> None:
    if len(content) < LEAST_BYTES:
        raise face_error("image_small")
    if len(content) > MOST_BYTES:
        raise face_error("image_large")


def detection_named(query: Fields) -> str:
    """How faces are to be found. Raises FaceError."""
    wanted = (query.text("detectionModel") or USUAL_DETECTION).lower()
    if wanted not in DETECTIONS:
        raise face_error("detection_model")
    return wanted


def target_of(query: Fields) -> Box | None:
    """'targetFace': the box of the face that is meant, in pixels. Raises FaceError."""
    text = query.text("targetFace")
    if not text:
        return None
    left, top, width, height = _four(text.split(","))
    if left < 0 or top < 0 or width < 1 or height < 1:
        raise face_error("target_invalid")
    return left, top, width, height


def _four(words: Iterable[str]) -> list[float]:
    try:
        numbers = [float(int(word)) for word in words]
    except ValueError as error:
        raise face_error("target_invalid") from error
    if len(numbers) != 4 or max(numbers) > 1e6:
        raise face_error("target_invalid")
    return numbers
