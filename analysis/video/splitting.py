"""One track as two."""

from uuid import uuid4

from analysis.models import VideoPerson, VideoTrack

from .series import Series, series_read


def divided(track: VideoTrack, at_ms: int, *, number: int, person: VideoPerson) -> VideoTrack:
    """Cut a track, which has samples before and from at_ms on: it keeps the first, the new one has the rest.

    Neither is saved. The vector, a mean over the whole, stays with both, by the share of the faces that each
    has. So does the picture, but it ranks lower than before: of which of the two it is, nobody knows.
    """
    series = series_read(track.samples)
    before, after = series.between(0, at_ms), series.between(at_ms, track.end_ms + 1)
    later = VideoTrack.objects.get(pk=track.pk)
    later.pk = uuid4()
    later.number, later.person = number, person
    share = len(before) / len(series)
    earlier_count = max(1, round(track.embedding_count * share)) if track.embedding_count else 0
    later.embedding_count = max(1, track.embedding_count - earlier_count) if track.embedding_count else 0
    track.embedding_count = earlier_count
    track.portrait_score = later.portrait_score = track.portrait_score / 2
    _hold(track, before)
    _hold(later, after)
    return later


def _hold(track: VideoTrack, series: Series) -> None:
    """Make a track one of these samples."""
    boxes = series.boxes
    track.samples = series.as_bytes()
    track.sample_count = len(series)
    track.start_ms, track.end_ms = int(series.ms[0]), int(series.ms[-1])
    track.first_box, track.last_box = boxes[0].tolist(), boxes[-1].tolist()
