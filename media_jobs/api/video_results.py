"""`/api/v1/videos/{id}/...`: what was found in a video."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import current_team
from accounts.api import TeamAPIView
from analysis.models import VideoPerson
from analysis.refusals import refuse
from analysis.video import selectors
from analysis.video.exports import FORMATS, results_response
from analysis.video.tables import TABLES, frames_between, last_ms
from analysis.video.timelines import (
    LEAST_POINTS,
    METRICS,
    MOST_POINTS,
    USUAL_POINTS,
    timelines_of_all,
    timelines_of_person,
    timelines_side_by_side,
)
from emotionsite.api.query import check_names, names_of
from media_jobs.models import Video
from media_jobs.video.clip_delivery import clip_response
from media_jobs.video.clips import CONTENT_TYPE

from .video_people import person_or_404, ready_video
from .video_people_serializers import FIGURES, MomentsSerializer, VideoSummarySerializer
from .video_result_serializers import (
    ComparisonSerializer,
    FramesSerializer,
    TimelineSerializer,
    face_of_row,
)

#: Milliseconds of frames in an answer.
FRAMES_MS = 5000
MOST_COMPARED = 10
#: Of a comparison, where nobody says which.
USUAL_METRICS = ("valence", "activation", "engagement", "attention")
_LAST = 2**31 - 1


# --- Query parameters -------------------------------------------------------------------------------------
def _whole(request: Request, name: str, default: int | None, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    # Not int(): it takes signs, blanks, underscores and the digits of every script.
    if not (text and text.isascii() and text.isdigit() and len(text) < 11 and least <= int(text) <= most):
        raise ValidationError({name: [f"Send a whole number from {least} to {most}."]})
    return int(text)


def _metrics(request: Request, default: Sequence[str]) -> list[str]:
    text = request.query_params.get("metric")
    names = list(default) if text is None else list(dict.fromkeys(text.split(",")))
    if not set(names) <= METRICS.keys():
        raise ValidationError({"metric": [f"Choose some of {', '.join(METRICS)}, with a comma between two."]})
    return names


def _ids(request: Request, name: str) -> list[UUID]:
    try:
        return list(dict.fromkeys(UUID(text) for text in request.query_params.get(name, "").split(",")))
    except ValueError as error:
        raise ValidationError({name: ["Send ids of people, with a comma between two."]}) from error


def _number_parameter(
    name: str, description: str, least: int, most: int, default: int | None = None, *, required: bool = False
) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": least, "maximum": most}
    if default is not None:
        schema["default"] = default
    return OpenApiParameter(name, schema, description=description, required=required)


_METRIC = OpenApiParameter(
    "metric",
    {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(METRICS)}},
    description="Which curves, with a comma between two.",
    explode=False,
    style="form",
)
_POINTS = _number_parameter("points", "Points of a curve at most.", LEAST_POINTS, MOST_POINTS, USUAL_POINTS)
_PERSON = OpenApiParameter("person", OpenApiTypes.UUID, description="Of whom; without, of all together.")


# --- The whole video --------------------------------------------------------------------------------------
class VideoSummaryView(TeamAPIView):
    reads = VideoSummarySerializer
    problems = {"GET": ("not_found", "video_not_ready")}

    @extend_schema(
        tags=["videos"], summary="Show what is said of a whole video", operation_id="video_summary"
    )
    def get(self, request: Request, video_id: UUID) -> Response:
        """How many people of which kind, means over them, and moments."""
        found = selectors.summary_shown(ready_video(video_id).summary, current_team())
        empty = {"people": 0, "excluded": 0, "samples": 0, "genders": {}, "age_groups": {}, "moments": []}
        known = {"identification": None, **empty, **found}
        known["means"] = {name: found.get("means", {}).get(name) for name in FIGURES}
        return self.show(known)


class VideoMomentsView(TeamAPIView):
    reads = MomentsSerializer
    problems = {"GET": ("not_found", "video_not_ready", "invalid")}
    parameters = {"GET": [_PERSON]}

    @extend_schema(tags=["videos"], summary="List the moments of a video", operation_id="video_moments")
    def get(self, request: Request, video_id: UUID) -> Response:
        """Peaks of emotions, points of rejection and the most engaging seconds, in the order of time."""
        video = ready_video(video_id)
        person = _chosen(request, video)
        stored = video.summary if person is None else person.metrics
        moments = selectors.metrics_shown(stored, current_team()).get("moments") or []
        return self.show({"person_id": person.pk if person else None, "moments": moments})


class VideoTimelineView(TeamAPIView):
    reads = TimelineSerializer
    problems = {"GET": ("not_found", "video_not_ready", "invalid")}
    parameters = {"GET": [_METRIC, _PERSON, _POINTS]}

    @extend_schema(tags=["videos"], summary="Show metrics over time", operation_id="video_timeline")
    def get(self, request: Request, video_id: UUID) -> Response:
        """Of one person the highs, lows and breaks of each curve; of all together means in bins. Valence
        without a `metric`."""
        video = ready_video(video_id)
        names = _metrics(request, ["valence"])
        points = _whole(request, "points", USUAL_POINTS, LEAST_POINTS, MOST_POINTS)
        person = _chosen(request, video)
        if person is not None:
            curves = timelines_of_person(video, person, names=names, points=points)
        else:
            included = selectors.people().filter(video=video, excluded=False)
            curves = timelines_of_all(video, people=included, names=names, points=points)
        shown = {"interval_ms": selectors.interval_of(video), "curves": curves}
        return self.show({"person_id": person.pk if person else None, **shown})


def _chosen(request: Request, video: Video) -> VideoPerson | None:
    """The person whom the query names. Raises Http404 for one that is not in the video."""
    if "person" not in request.query_params:
        return None
    ids = _ids(request, "person")
    if len(ids) > 1:
        raise ValidationError({"person": ["Send the id of one person."]})
    return person_or_404(video, ids[0])


class VideoComparisonView(TeamAPIView):
    reads = ComparisonSerializer
    problems = {"GET": ("not_found", "video_not_ready", "people_unknown", "invalid")}
    parameters = {
        "GET": [
            OpenApiParameter(
                "people",
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST_COMPARED,
                    "items": {"type": "string", "format": "uuid"},
                },
                description="Ids of people, with a comma between two.",
                required=True,
                explode=False,
                style="form",
            ),
            _METRIC,
            _POINTS,
        ]
    }

    @extend_schema(tags=["videos"], summary="Compare people of a video", operation_id="video_comparison")
    def get(self, request: Request, video_id: UUID) -> Response:
        """What is said of each, and their curves at the same moments, in the order of the question."""
        video = ready_video(video_id)
        names = _metrics(request, USUAL_METRICS)
        points = _whole(request, "points", USUAL_POINTS, LEAST_POINTS, MOST_POINTS)
        ids = _ids(request, "people")
        if len(ids) > MOST_COMPARED:
            raise ValidationError({"people": [f"Send at most {MOST_COMPARED} people."]})
        found = selectors.people().filter(video=video).in_bulk(ids)
        if len(found) < len(ids):
            raise refuse("people_unknown")
        people = [found[pk] for pk in ids]
        ms, curves = timelines_side_by_side(video, people=people, names=names, points=points)
        rows = [{"person": one, "curves": own} for one, own in zip(people, curves, strict=True)]
        return self.show({"ms": ms, "people": rows})


# --- Frames and files -------------------------------------------------------------------------------------
class VideoFramesView(TeamAPIView):
    reads = FramesSerializer
    problems = {"GET": ("not_found", "video_not_ready", "invalid")}
    parameters = {
        "GET": [
            _number_parameter("from_ms", "The first moment.", 0, _LAST, 0),
            _number_parameter("to_ms", "The moment before which it ends; without, the end.", 0, _LAST),
        ]
    }

    @extend_schema(tags=["videos"], summary="Show frame by frame who is there", operation_id="video_frames")
    def get(self, request: Request, video_id: UUID) -> Response:
        """Five seconds at a time; follow `next`. Frames without anybody are there, people who are excluded
        are not."""
        video = ready_video(video_id)
        end = last_ms(video) + 1
        start = _whole(request, "from_ms", 0, 0, _LAST)
        wanted = _whole(request, "to_ms", max(end, start), 0, _LAST)
        if wanted < start:
            raise ValidationError({"to_ms": ["Send a moment that is not before from_ms."]})
        stop = min(wanted, start + FRAMES_MS)
        people = [one for one in selectors.people_of(video.pk) if not one.excluded]
        page = frames_between(video, people, start, stop)
        shown = {"from_ms": start, "to_ms": stop, "frames": _frames(page)}
        return self.show({**shown, "next": self._next(request, stop) if stop < min(wanted, end) else None})

    def _next(self, request: Request, start: int) -> str:
        query = request.query_params.copy()
        query["from_ms"] = str(start)
        return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _frames(page: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Rows of the table by frame."""
    frames: dict[int, list[Any]] = {}
    for values in zip(*page.values(), strict=True):
        row = dict(zip(page, values, strict=True))
        faces = frames.setdefault(row["ms"], [])
        if row["person_id"] is not None:
            faces.append(face_of_row(row))
    return [{"ms": ms, "faces": faces} for ms, faces in frames.items()]


class VideoResultsView(TeamAPIView):
    problems = {"GET": ("not_found", "video_not_ready", "invalid")}
    parameters = {
        "GET": [
            OpenApiParameter(
                "table",
                enum=list(TABLES),
                default="frames",
                description="A row per frame and person, per person, or per moment.",
            ),
            OpenApiParameter("format", enum=list(FORMATS), default="csv", description="Form of the file."),
        ]
    }

    @extend_schema(
        tags=["videos"],
        summary="Fetch the results of a video",
        operation_id="video_results",
        responses={(200, form.content_type): OpenApiTypes.BINARY for form in FORMATS.values()},
    )
    def get(self, request: Request, video_id: UUID) -> StreamingHttpResponse:
        """A file that begins to arrive at once, however long the video is."""
        check_names(request.query_params, known=names_of(self, "GET"))
        table = _one_of(request, "table", list(TABLES), "frames")
        form = _one_of(request, "format", list(FORMATS), "csv")
        video = ready_video(video_id)
        return results_response(team=self.access.team, video=video, table=table, form=form)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """The parameter says which form is wanted, whatever `Accept` says; errors are JSON as everywhere."""
        return JSONRenderer(), JSONRenderer.media_type


def _one_of(request: Request, name: str, known: Sequence[str], default: str) -> str:
    found = request.query_params.get(name, default)
    if found not in known:
        raise ValidationError({name: [f"Choose one of {', '.join(known)}."]})
    return found


class VideoClipView(TeamAPIView):
    problems = {
        "GET": (
            *("not_found", "video_not_ready", "invalid", "pictures_erased", "video_not_stored"),
            *("clip_too_long", "clip_empty", "video_damaged"),
        )
    }
    parameters = {
        "GET": [
            _number_parameter("from_ms", "The first moment.", 0, _LAST, required=True),
            _number_parameter("to_ms", "The moment before which it ends.", 0, _LAST, required=True),
        ]
    }

    @extend_schema(
        tags=["videos"],
        summary="Fetch a part of a video",
        operation_id="video_clip",
        responses={(200, CONTENT_TYPE): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, video_id: UUID) -> StreamingHttpResponse:
        """At most five minutes with their sound, as WebM, made while it is sent."""
        start = _whole(request, "from_ms", None, 0, _LAST)
        end = _whole(request, "to_ms", None, 0, _LAST)
        return clip_response(ready_video(video_id), start_ms=start, end_ms=end)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """It is a video whatever `Accept` says; errors are JSON as everywhere."""
        return JSONRenderer(), JSONRenderer.media_type
