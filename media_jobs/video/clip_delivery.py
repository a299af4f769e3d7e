"""A part of a stored video as an answer of a view that has already checked the team."""

from collections.abc import Iterator
from typing import IO

from django.http import Http404, StreamingHttpResponse

from emotionsite.streaming import streamed
from media_jobs.models import Video
from media_jobs.refusals import refuse

from .clips import CONTENT_TYPE, write_clip
from .facts import VideoFacts
from .parts import open_parts


def clip_response(video: Video, *, start_ms: int, end_ms: int) -> StreamingHttpResponse:
    """The part from start_ms on and before end_ms with its sound, made while it is sent.

    Raises Refusal `pictures_erased`, `video_not_stored`, `clip_too_long`, `clip_empty` and `video_damaged`,
    and Http404 when the storage has lost the file.
    """
    if video.pictures_erased_at is not None:
        raise refuse("pictures_erased")
    if not video.parts or not video.facts:
        raise refuse("video_not_stored")
    file = open_parts(video)
    try:
        # Decodes the first frame, so that what cannot be done is refused before anything is sent.
        pieces = write_clip(file, VideoFacts.from_json(video.facts), start_ms=start_ms, end_ms=end_ms)
    except FileNotFoundError as error:
        file.close()
        raise Http404("The file of this video is gone.") from error
    except BaseException:
        file.close()
        raise
    name = f"clip-{video.pk}-{start_ms}-{end_ms}.webm"
    return streamed(lambda: _and_close(file, pieces), content_type=CONTENT_TYPE, filename=name)


def _and_close(file: IO[bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
    with file:
        yield from pieces
