"""`/api/v1/media` and `/api/v1/jobs`."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.pagination import NewestFirst
from media_jobs import selectors, services
from media_jobs.refusals import refuse
from media_jobs.responses import file_response

from .serializers import JobSerializer, MediaDetailSerializer, MediaSerializer


class MediaListView(TeamAPIView):
    """GET: the team's photos, newest first, in cursor pages. POST: upload one photo."""

    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        page = pages.paginate_queryset(selectors.photos(), request, view=self)
        return pages.get_paginated_response(MediaSerializer(page, many=True).data)

    def post(self, request: Request) -> Response:
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
    """GET: a photo with its faces. DELETE: the photo, its faces and its files."""

    def get(self, request: Request, media_id: UUID) -> Response:
        photo = get_object_or_404(selectors.photos().prefetch_related("faces"), pk=media_id)
        return Response(MediaDetailSerializer(photo).data)

    def delete(self, request: Request, media_id: UUID) -> Response:
        get_object_or_404(selectors.media(), pk=media_id)
        services.media_delete(media_id=media_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MediaFileView(TeamAPIView):
    """GET: the original, the preview or the thumbnail of a photo."""

    def get(self, request: Request, media_id: UUID, part: str) -> HttpResponse:
        photo = get_object_or_404(selectors.media(), pk=media_id)
        return file_response(request._request, photo, part)  # noqa: SLF001


class JobListView(TeamAPIView):
    """GET: the team's jobs, newest first."""

    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        page = pages.paginate_queryset(selectors.jobs(), request, view=self)
        return pages.get_paginated_response(JobSerializer(page, many=True).data)


class JobDetailView(TeamAPIView):
    """GET: how far a job is."""

    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(JobSerializer(get_object_or_404(selectors.jobs(), pk=job_id)).data)
