"""`/api/v1/videos`."""

from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Team
from emotionsite.api.parsers import BoundedJSONParser
from emotionsite.pagination import NewestFirst
from media_jobs import hooks
from media_jobs.models import Video
from media_jobs.refusals import refuse
from media_jobs.video import erasure, intake
from media_jobs.video.containers import FORMATS
from media_jobs.video.delivery import video_file_response
from media_jobs.video.ending import video_cancel
from media_jobs.video.selectors import videos
from media_jobs.video.start import video_restart

from .video_serializers import (
    VideoAgainSerializer,
    VideoFilter,
    VideoFormSerializer,
    VideoRequestSerializer,
    VideoSerializer,
    VideoStartedSerializer,
)

#: Why a file is no video that can be analysed (`media_jobs.video.facts.read_facts`).
OF_A_FILE = (
    *("video_format_not_supported", "video_is_a_playlist", "video_is_a_picture", "video_codec_not_supported"),
    *("video_no_stream", "video_empty", "video_truncated", "video_damaged", "video_too_long"),
    *("video_too_many_pixels", "video_time_jumps"),
)
OF_OPTIONS = ("gallery_unknown", "gallery_holds_faces", "quota_pictures")


def video_or_404(video_id: UUID) -> Video:
    return get_object_or_404(videos(), pk=video_id)


def options_of(team: Team, data: dict[str, Any], *, live: bool = False) -> intake.VideoOptions:
    """The options that an `OptionsSerializer` has read. Raises Refusal for a gallery that cannot be asked."""
    named = data.get("gallery")
    gallery_id = hooks.gallery_find(team=team, gallery=named) if named else None
    return intake.VideoOptions(frames_per_second=data["frames_per_second"], gallery_id=gallery_id, live=live)


def started(video: Video) -> Response:
    """202 with the job to follow."""
    body = {"job_id": video.job_id, "video_id": video.pk}
    headers = {"Location": f"/api/v1/jobs/{video.job_id}"}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)


class VideoListView(TeamAPIView):
    reads = VideoSerializer
    filters = VideoFilter
    pagination_class = NewestFirst
    parser_classes = (BoundedJSONParser, MultiPartParser)
    problems = {
        "POST": (
            *OF_A_FILE,
            *OF_OPTIONS,
            *("video_missing", "quota_storage", "url_malformed", "url_not_allowed"),
            *("upload_unknown", "upload_used", "upload_incomplete", "upload_busy"),
        )
    }

    @extend_schema(tags=["videos"], summary="List videos")
    def get(self, request: Request) -> Response:
        """The team's videos, newest first."""
        return self.show_page(videos())

    @extend_schema(
        tags=["videos"],
        summary="Analyse a video",
        request={
            "application/json": VideoRequestSerializer,
            "multipart/form-data": VideoFormSerializer,
        },
        responses={202: VideoStartedSerializer},
    )
    def post(self, request: Request) -> Response:
        """A finished upload in parts, an address, or a small file in the request. Files, and uploads that are
        not large, are looked at before the answer; what is wrong with a large upload, or with an address, is
        the error of its video."""
        who: dict[str, Any] = {"team": self.access.team, "user": self.access.user}
        if request.content_type and request.content_type.startswith("multipart/form-data"):
            if "file" not in request.FILES:
                raise refuse("video_missing")
            form = VideoFormSerializer(data=request.data)
            form.is_valid(raise_exception=True)
            data = form.validated_data
            options = options_of(self.access.team, data)
            file = data["file"]
            name = data.get("name") or file.name or ""
            return started(intake.video_from_file(file=file, filename=name, options=options, **who))
        wanted = VideoRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        options = options_of(self.access.team, data)
        name = data.get("name", "")
        if "url" in data:
            return started(intake.video_from_url(url=data["url"], filename=name, options=options, **who))
        upload_id = data["upload_id"]
        return started(intake.video_from_upload(upload_id=upload_id, name=name, options=options, **who))


class VideoDetailView(TeamAPIView):
    reads = VideoSerializer

    @extend_schema(tags=["videos"], summary="Show a video and how far its analysis is")
    def get(self, request: Request, video_id: UUID) -> Response:
        """Ask every few seconds, or register a webhook for `video.completed` and `video.failed`."""
        return self.show(video_or_404(video_id))

    @extend_schema(tags=["videos"], summary="Erase a video")
    def delete(self, request: Request, video_id: UUID) -> Response:
        """The video, its people and its files are gone when the answer comes; work on it is cancelled."""
        video_or_404(video_id)
        erasure.video_delete(video_id=video_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class VideoCancelView(TeamAPIView):
    problems = {"POST": ("not_found",)}

    @extend_schema(
        tags=["videos"],
        summary="Cancel the analysis of a video",
        operation_id="video_cancel",
        request=None,
        responses=VideoSerializer,
    )
    def post(self, request: Request, video_id: UUID) -> Response:
        """What no worker has begun is not analysed and is given back to the month's pictures. The video stays
        and can be analysed again; one that is over is left as it is."""
        video_cancel(video=video_or_404(video_id))
        return Response(VideoSerializer(video_or_404(video_id)).data)


class VideoAnalyzeView(TeamAPIView):
    problems = {
        "POST": ("not_found", "video_running", "video_not_analyzable", "pictures_erased", *OF_OPTIONS)
    }

    @extend_schema(
        tags=["videos"],
        summary="Analyse a video again",
        operation_id="video_analyze",
        request=VideoAgainSerializer,
        responses={202: VideoStartedSerializer},
    )
    def post(self, request: Request, video_id: UUID) -> Response:
        """With other options, once it is over. Its results are replaced, and its frames count again."""
        video = video_or_404(video_id)
        wanted = VideoAgainSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        options = options_of(self.access.team, wanted.validated_data, live=video.live)
        return started(video_restart(video=video, options=options, user=self.access.user))


VIDEO_TYPES = tuple(dict.fromkeys(form.content_type for form in FORMATS))


class VideoFileView(TeamAPIView):
    problems = {
        "GET": (
            *("pictures_erased", "video_not_stored", "video_preview_not_ready", "video_preview_failed"),
            "range_not_satisfiable",
        )
    }
    parameters = {
        "GET": [
            OpenApiParameter(
                "Range", location=OpenApiParameter.HEADER, description="One range of bytes: `bytes=0-1023`."
            )
        ]
    }

    @extend_schema(
        tags=["videos"],
        summary="Fetch a file of a video",
        operation_id="video_file",
        responses={
            **{(200, kind): OpenApiTypes.BINARY for kind in (*VIDEO_TYPES, "image/jpeg")},
            **{(206, kind): OpenApiTypes.BINARY for kind in VIDEO_TYPES},
            302: OpenApiResponse(description="The original is kept on S3; fetch it there, without your key."),
            304: OpenApiResponse(description="What you have is still the same."),
        },
    )
    def get(self, request: Request, video_id: UUID, part: str) -> HttpResponseBase:
        """The original as it was sent (`file`), what browsers can show (`preview`), or a JPEG of its
        beginning (`poster`). `Range` fetches a part of a video."""
        return video_file_response(request._request, video_or_404(video_id), part, redirect=True)  # noqa: SLF001

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """A player accepts videos only; errors are JSON as everywhere."""
        return JSONRenderer(), JSONRenderer.media_type
