"""Whether people of a video are to be seen at the same moment."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from analysis.models import VideoTrack

from .series import series_read


@dataclass(frozen=True)
class Together:
    """Two people who are in one frame, `ms` milliseconds from the first one of the video."""

    people: tuple[UUID, UUID]
    ms: int


def moment_together(people: Collection[UUID]) -> Together | None:
    """The first frame with two of some people in it; None where there is none.

    Reads the samples of tracks that overlap in time and of no others, which for people who were told apart
    by mistake are few.
    """
    spans = list(
        VideoTrack.objects.filter(person__in=people)
        .order_by("start_ms", "end_ms")
        .values_list("start_ms", "end_ms", "pk", "person_id")
    )
    candidates: set[UUID] = set()
    # Tracks that have not ended where the next one begins.
    running: list[tuple[int, UUID, UUID | None]] = []
    for start, end, pk, person in spans:
        running = [one for one in running if one[0] >= start]
        beside = [other for _, other, whose in running if whose != person]
        if beside:
            candidates |= {pk, *beside}
        running.append((end, pk, person))
    return _first_shared(candidates) if candidates else None


def _first_shared(tracks: Collection[UUID]) -> Together | None:
    seen: dict[int, UUID] = {}
    first: Together | None = None
    rows = VideoTrack.objects.filter(pk__in=tracks).order_by("start_ms").values_list("person_id", "samples")
    for person, samples in rows.iterator(chunk_size=200):
        if person is None:
            continue
        for ms in series_read(samples, landmarks=False).ms.tolist():
            other = seen.setdefault(ms, person)
            if other != person and (first is None or ms < first.ms):
                first = Together((other, person), ms)
    return first
