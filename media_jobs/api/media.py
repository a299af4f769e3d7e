"""`/api/v1/media`."""

from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from analysis.selectors import with_people
from emotionsite.pagination import NewestFirst
from media_jobs import selectors, services
from media_jobs.refusals import refuse
from media_jobs.responses import file_response

from .filters import MediaFilter
from .serializers import MediaDetailSerializer, MediaSerializer, UploadedSerializer, UploadSerializer


class MediaListView(TeamAPIView):
    reads = MediaSerializer
    filters = MediaFilter
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser,)
    problems = {
        "POST": (
            *("file_missing", "file_too_small", "format_not_supported", "svg_not_supported"),
            *("too_many_pixels", "too_few_pixels", "too_many_frames", "picture_truncated", "picture_damaged"),
            *("quota_pictures", "quota_storage"),
        )
    }

    @extend_schema(tags=["media"], summary="List photos")
    def get(self, request: Request) -> Response:
        """The team's photos, newest first, without their faces."""
        return self.show_page(selectors.photos())

    @extend_schema(
        tags=["media"],
        summary="Upload a photo",
        request={"multipart/form-data": UploadSerializer},
        responses={202: UploadedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Checks and stores one picture and queues its analysis. Bytes that the team has already are not
        stored again: the answer then names the photo they became."""
        file = request.FILES.get("file")
        if file is None:
            raise refuse("file_missing")
        upload = services.photo_upload(
            team=self.access.team,
            file=file,
            size=file.size or 0,
            filename=file.name or "",
            user=self.access.user,
        )
        body = {"job_id": upload.job.pk, "media_id": upload.media.pk, "duplicate": upload.duplicate}
        headers = {"Location": f"/api/v1/jobs/{upload.job.pk}"}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)


class MediaDetailView(TeamAPIView):
    reads = MediaDetailSerializer

    @extend_schema(tags=["media"], summary="Show a photo with its faces")
    def get(self, request: Request, media_id: UUID) -> Response:
        """A photo and, once it is analysed, the faces in it, the largest first."""
        photos = selectors.photos()
        if self.wants("faces"):
            photos = photos.prefetch_related(Prefetch("faces", queryset=with_people()))
        return self.show(get_object_or_404(photos, pk=media_id))

    @extend_schema(tags=["media"], summary="Erase a photo")
    def delete(self, request: Request, media_id: UUID) -> Response:
        """The photo, its faces and its files are gone when the answer comes; work on it is cancelled."""
        get_object_or_404(selectors.media(), pk=media_id)
        services.media_delete(media_id=media_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


PICTURES = ("image/jpeg", "image/png", "image/gif", "image/bmp", "image/webp", "image/heic", "image/tiff")


class MediaFileView(TeamAPIView):
    problems = {"GET": ("pictures_erased",)}

    @extend_schema(
        tags=["media"],
        summary="Fetch a file of a photo",
        operation_id="media_file",
        responses={
            **{(200, kind): OpenApiTypes.BINARY for kind in PICTURES},
            302: OpenApiResponse(description="The original is kept on S3; fetch it there, without your key."),
            304: OpenApiResponse(description="What you have is still the same."),
        },
    )
    def get(self, request: Request, media_id: UUID, part: str) -> HttpResponse:
        """The original as it was sent, a preview of at most 1600 pixels, or a thumbnail of at most 320."""
        photo = get_object_or_404(selectors.media(), pk=media_id)
        return file_response(request._request, photo, part)  # noqa: SLF001
