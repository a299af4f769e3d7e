"""What the scripts of a video's page ask for: boxes, curves, pictures of people."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotModified,
    JsonResponse,
)
from django.views.decorators.http import require_GET

from accounts.models import Scope
from accounts.pages import team_page
from analysis.models import VideoPerson
from analysis.switches import hidden_columns
from analysis.video.selectors import people, portrait_of, series_between
from emotionsite.problems import problem_response
from media_jobs.models import Video

from .common import person_or_404, video_or_404
from .curves import LEAST_POINTS, MOST_POINTS, curves_between

#: The longest stretch of boxes that one request may ask for (milliseconds).
MOST_BOXES_MS = 60_000
#: People whose curves one request may ask for.
MOST_PEOPLE = 12
#: Kept by the browser only, and asked for again: what was erased must not live on in a cache.
PRIVATE = "private, no-cache"


class _Wrong(ValueError):
    """A question that nobody can answer, with a sentence."""


@require_GET
@team_page(Scope.READ)
def team_video_boxes(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """`?from=0&to=30000`: where everybody is from a moment on and before another, and what they show most."""
    video = video_or_404(video_id)
    try:
        start, end = _range(request, video)
        if end - start > MOST_BOXES_MS:
            raise _Wrong(f"Ask for at most {MOST_BOXES_MS // 1000} seconds of boxes at once.")
    except _Wrong as wrong:
        return problem_response(status=400, code="invalid", detail=str(wrong))
    ids = list(VideoPerson.objects.filter(video_id=video.pk).order_by("number").values_list("pk", flat=True))
    found = series_between(ids, start, end, landmarks=False) if ids else {}
    answer = JsonResponse({"people": [_track(pk, found[pk]) for pk in ids if pk in found]})
    answer["Cache-Control"] = PRIVATE
    return answer


def _track(person: UUID, series: Any) -> dict[str, Any]:
    """The boxes of one person; `strongest` are indices of emotions, None where they are not known."""
    emotions = series.emotions
    known = (emotions == emotions).all(axis=1)
    places = [int(row.argmax()) if sure else None for row, sure in zip(emotions, known, strict=True)]
    return {
        "person": person,
        "ms": series.ms.tolist(),
        "boxes": [[round(value, 1) for value in box] for box in series.boxes.tolist()],
        "strongest": places,
        "share": [
            None if place is None else round(float(row[place]), 3)
            for row, place in zip(emotions, places, strict=True)
        ],
    }


@require_GET
@team_page(Scope.READ)
def team_video_timeline(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """`?person=..&person=..&from=0&to=60000&points=800`: the curves of people, in as many points."""
    video = video_or_404(video_id)
    try:
        start, end = _range(request, video)
        some = _people(request, video)
        points = min(MOST_POINTS, max(LEAST_POINTS, _whole(request.GET.get("points", "800"), "points")))
    except _Wrong as wrong:
        return problem_response(status=400, code="invalid", detail=str(wrong))
    tag = _tag(video, some, start, end, points)
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    answer = JsonResponse(curves_between(video, some, start_ms=start, end_ms=end, points=points))
    answer["ETag"], answer["Cache-Control"] = tag, PRIVATE
    return answer


def _tag(video: Video, some: Sequence[VideoPerson], *asked: int) -> str:
    """Changes with whatever changes a curve: a new analysis, a merge, a split, a switch."""
    known = [(person.pk.hex, person.sample_count, person.first_ms, person.last_ms) for person in some]
    state = (video.job_id, video.faces_erased_at, sorted(hidden_columns(video.team)), known, asked)
    return f'"{hashlib.sha256(repr(state).encode()).hexdigest()[:32]}"'


def _people(request: HttpRequest, video: Video) -> list[VideoPerson]:
    """Those who are asked for, in the order of the question."""
    try:
        ids = [UUID(text) for text in request.GET.getlist("person")]
    except ValueError as error:
        raise _Wrong("Each 'person' must be the id of somebody in the video.") from error
    if not 1 <= len(ids) <= MOST_PEOPLE:
        raise _Wrong(f"Ask for one to {MOST_PEOPLE} people at once.")
    found = {person.pk: person for person in people().filter(video_id=video.pk, pk__in=ids)}
    return [found[pk] for pk in dict.fromkeys(ids) if pk in found]


def _range(request: HttpRequest, video: Video) -> tuple[int, int]:
    """`from` and `to` in milliseconds, within the video."""
    start = _whole(request.GET.get("from", "0"), "from")
    end = _whole(request.GET.get("to", str(video.duration_ms)), "to")
    # Frames that are shown at the very end of a video may be later than its duration says.
    if not 0 <= start < end:
        raise _Wrong("'from' must be 0 or more, and 'to' greater.")
    return start, end


def _whole(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise _Wrong(f"'{name}' must be a whole number of milliseconds, or of points.")
    return int(text)


@require_GET
@team_page(Scope.READ)
def team_video_portrait(request: HttpRequest, video_id: UUID, person_id: UUID) -> HttpResponse:
    """The picture of somebody in a video."""
    person = person_or_404(video_id, person_id)
    content = portrait_of(person.pk)
    if content is None:
        raise Http404("There is no picture of this person.")
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    return HttpResponse(content, content_type="image/jpeg", headers={"ETag": tag, "Cache-Control": PRIVATE})
