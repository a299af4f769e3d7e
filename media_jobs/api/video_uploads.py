"""`/api/v1/uploads`: files that come in parts, by the tus protocol 1.0.0."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.pagination import NewestFirst
from media_jobs.video import tus, uploads

from .video_serializers import VideoUploadSerializer

VERSION_HEADER = OpenApiParameter(
    "Tus-Resumable",
    location=OpenApiParameter.HEADER,
    required=True,
    enum=[tus.VERSION],
    description="The version of the tus protocol.",
)


def number_header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, int, OpenApiParameter.HEADER, required=True, description=description)


class PartParser(BaseParser):
    """Hands the bytes of a part through as they are: they are read while they are stored."""

    media_type = tus.PART_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream


class _TusView(TeamAPIView):
    """Every answer names the version. None is kept for repetitions: where an upload stands says as much."""

    keeps_answers = False
    parser_classes = (PartParser,)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        tus.signed(response)
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204, headers=tus.abilities())


class UploadListView(_TusView):
    reads = VideoUploadSerializer
    pagination_class = NewestFirst
    problems = {
        "POST": (
            *("tus_version_unsupported", "upload_header_invalid", "video_too_large", "uploads_too_many"),
            "quota_storage",
        )
    }
    parameters = {
        "POST": [
            VERSION_HEADER,
            number_header("Upload-Length", "Bytes of the whole file."),
            OpenApiParameter(
                "Upload-Metadata",
                location=OpenApiParameter.HEADER,
                description="`filename`, a blank, and the name of the file in base64.",
            ),
        ]
    }

    @extend_schema(tags=["uploads"], summary="List uploads that are not yet videos")
    def get(self, request: Request) -> Response:
        """Newest first. An upload goes when a video is made of it, or nobody went on with it for a day."""
        return self.show_page(uploads.uploads())

    @extend_schema(
        tags=["uploads"],
        summary="Begin an upload in parts",
        request=None,
        responses={201: OpenApiResponse(description="`Location` is where its parts are sent.")},
    )
    def post(self, request: Request) -> HttpResponse:
        """By tus 1.0.0, with the extensions creation, termination and expiration. `OPTIONS` tells the largest
        file."""
        return tus.create(
            request._request,  # noqa: SLF001
            team=self.access.team,
            user=self.access.user,
            place=lambda upload_id: reverse("api_upload", args=[upload_id]),
        )


OF_A_PART = (
    *("tus_version_unsupported", "upload_header_invalid", "upload_content_type", "upload_offset_mismatch"),
    *("upload_part_too_large", "upload_past_end", "upload_too_many_parts", "quota_storage", "storage_full"),
)
OF_AN_UPLOAD = ("upload_unknown", "upload_used")


class UploadDetailView(_TusView):
    reads = VideoUploadSerializer
    problems = {
        "GET": (*OF_AN_UPLOAD, "tus_version_unsupported"),
        "PATCH": (*OF_A_PART, *OF_AN_UPLOAD, "upload_busy"),
        "POST": (*OF_A_PART, *OF_AN_UPLOAD, "upload_busy"),
        "DELETE": (*OF_AN_UPLOAD, "upload_busy", "tus_version_unsupported"),
    }
    parameters = {
        "PATCH": [VERSION_HEADER, number_header("Upload-Offset", "Where this part begins.")],
        "POST": [
            VERSION_HEADER,
            OpenApiParameter(
                tus.OVERRIDE,
                location=OpenApiParameter.HEADER,
                required=True,
                enum=["PATCH", "DELETE"],
                description="The method that is meant.",
            ),
            OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER, description="As for PATCH."),
        ],
        "DELETE": [VERSION_HEADER],
    }

    def _finished(self, response: Response) -> HttpResponse:
        # How far an upload is must be asked each time, so the answer to HEAD has no tag.
        return response.render() if self.request.method == "HEAD" else super()._finished(response)

    def head(self, request: Request, upload_id: UUID) -> HttpResponse:
        return tus.tell(request._request, upload_id=upload_id)  # noqa: SLF001

    @extend_schema(tags=["uploads"], summary="Show how much of an upload is there")
    def get(self, request: Request, upload_id: UUID) -> Response:
        """`HEAD` tells the same in the headers `Upload-Offset` and `Upload-Length`."""
        return self.show(uploads.upload_get(upload_id=upload_id))

    @extend_schema(
        tags=["uploads"],
        summary="Send a part of an upload",
        request={tus.PART_TYPE: bytes},
        responses={204: OpenApiResponse(description="`Upload-Offset` is where the next part begins.")},
    )
    def patch(self, request: Request, upload_id: UUID) -> HttpResponse:
        """Parts come in order, one at a time. Of a request that breaks off nothing is kept: ask with `HEAD`
        and go on."""
        return tus.append(request._request, upload_id=upload_id)  # noqa: SLF001

    @extend_schema(
        tags=["uploads"],
        summary="PATCH or DELETE for clients that can only POST",
        operation_id="upload_override",
        request={tus.PART_TYPE: bytes},
        responses={204: OpenApiResponse(description="As for the method that was meant.")},
    )
    def post(self, request: Request, upload_id: UUID) -> HttpResponse:
        """`X-HTTP-Method-Override` names the method."""
        return tus.overridden(request._request, upload_id=upload_id)  # noqa: SLF001

    @extend_schema(tags=["uploads"], summary="Erase an upload")
    def delete(self, request: Request, upload_id: UUID) -> HttpResponse:
        """All its bytes are gone when the answer comes."""
        return tus.terminate(request._request, upload_id=upload_id)  # noqa: SLF001
