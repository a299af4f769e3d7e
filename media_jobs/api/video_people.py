"""`/api/v1/videos/{id}/people`: who was found in a video."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from analysis.models import VideoPerson
from analysis.refusals import refuse
from analysis.video import people as corrections
from analysis.video import selectors
from emotionsite.pagination import NewestFirst
from media_jobs.models import Video

from .video_people_serializers import (
    PeopleMergeSerializer,
    PersonChangeSerializer,
    PersonSplitSerializer,
    VideoPersonSerializer,
)
from .videos import video_or_404


class ByNumber(NewestFirst):
    """Pages in the order in which people appear."""

    ordering = ("number",)


def ready_video(video_id: UUID) -> Video:
    """A video of the team that has results. Raises Http404, and Refusal `video_not_ready`."""
    video = video_or_404(video_id)
    if video.status != Video.Status.READY:
        raise refuse("video_not_ready")
    return video


def person_or_404(video: Video, person_id: UUID) -> VideoPerson:
    return get_object_or_404(selectors.people().filter(video=video), pk=person_id)


class VideoPeopleView(TeamAPIView):
    reads = VideoPersonSerializer
    pagination_class = ByNumber
    problems = {"GET": ("not_found", "video_not_ready")}

    @extend_schema(tags=["videos"], summary="List the people of a video", operation_id="video_people")
    def get(self, request: Request, video_id: UUID) -> Response:
        """Everybody by number, in the order in which they appear, with what is said of them."""
        return self.show_page(self._people(ready_video(video_id)))

    def _people(self, video: Video) -> Any:
        return selectors.people().filter(video=video)


class VideoPersonView(TeamAPIView):
    reads = VideoPersonSerializer
    problems = {
        "GET": ("not_found", "video_not_ready"),
        "PATCH": ("not_found", "video_not_ready", "people_unknown"),
    }

    @extend_schema(tags=["videos"], summary="Show somebody in a video", operation_id="video_person")
    def get(self, request: Request, video_id: UUID, person_id: UUID) -> Response:
        """One person, with what is said of them."""
        return self.show(person_or_404(ready_video(video_id), person_id))

    @extend_schema(
        tags=["videos"],
        summary="Name somebody in a video, or leave them out",
        operation_id="video_person_change",
        request=PersonChangeSerializer,
        responses=VideoPersonSerializer,
    )
    def patch(self, request: Request, video_id: UUID, person_id: UUID) -> Response:
        """An empty `name` takes the name away. Whoever is `excluded` does not count for the whole video and
        is not in its frames and moments; their own figures stay."""
        video = ready_video(video_id)
        person = person_or_404(video, person_id)
        wanted = PersonChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        corrections.person_change(person=person, **wanted.validated_data)
        return Response(VideoPersonSerializer(person_or_404(video, person_id)).data)


class VideoPeopleMergeView(TeamAPIView):
    problems = {
        "POST": (
            *("not_found", "video_not_ready", "people_unknown", "people_of_one"),
            "people_in_one_picture",
        )
    }

    @extend_schema(
        tags=["videos"],
        summary="Merge people of a video",
        operation_id="video_people_merge",
        request=PeopleMergeSerializer,
        responses=VideoPersonSerializer,
    )
    def post(self, request: Request, video_id: UUID) -> Response:
        """The answer is who stays. People who are in one picture at any moment are not merged."""
        video = ready_video(video_id)
        wanted = PeopleMergeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        into, others = wanted.validated_data["into"], wanted.validated_data["people"]
        found = selectors.people().filter(video=video).in_bulk([into, *others])
        if len(found) < len({into, *others}):
            raise refuse("people_unknown")
        corrections.people_merge(people=[found[pk] for pk in others], into=found[into])
        return Response(VideoPersonSerializer(person_or_404(video, into)).data)


class VideoPersonSplitView(TeamAPIView):
    problems = {"POST": ("not_found", "video_not_ready", "people_unknown", "split_leaves_nothing")}

    @extend_schema(
        tags=["videos"],
        summary="Split somebody in a video",
        operation_id="video_person_split",
        request=PersonSplitSerializer,
        responses=VideoPersonSerializer,
    )
    def post(self, request: Request, video_id: UUID, person_id: UUID) -> Response:
        """Whoever is seen from `at_ms` on is a new person, who is the answer."""
        video = ready_video(video_id)
        person = person_or_404(video, person_id)
        wanted = PersonSplitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        new = corrections.person_split(person=person, at_ms=wanted.validated_data["at_ms"])
        return Response(VideoPersonSerializer(person_or_404(video, new.pk)).data)


class VideoPortraitView(TeamAPIView):
    problems = {"GET": ("not_found", "video_not_ready")}

    @extend_schema(
        tags=["videos"],
        summary="Fetch the picture of somebody in a video",
        operation_id="video_portrait",
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, video_id: UUID, person_id: UUID) -> HttpResponse:
        """A small JPEG of their best moment; 404 where there is none, or it was erased."""
        person = person_or_404(ready_video(video_id), person_id)
        content = selectors.portrait_of(person.pk)
        if content is None:
            raise Http404
        headers = {"Cache-Control": "private, no-cache"}
        return HttpResponse(content, content_type="image/jpeg", headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """It is a JPEG whatever `Accept` says; errors are JSON as everywhere."""
        return JSONRenderer(), JSONRenderer.media_type
