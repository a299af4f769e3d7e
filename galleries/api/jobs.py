"""`/api/v1/galleries/jobs`: long work on galleries, and the archives it makes."""

from typing import ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters import ChoiceFilter, UUIDFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope
from emotionsite.api.examples import example
from emotionsite.filters import CreatedFilterSet
from emotionsite.pagination import NewestFirst
from galleries.job_files import gallery_jobs, job_file_response
from galleries.jobs import job_cancel
from galleries.models import GalleryJob

JOB = {
    "id": "c2f1b7a4-7a52-4d1f-9d0b-5b0f9a1f6c11",
    "gallery_id": "5b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d",
    "kind": "import",
    "status": "running",
    "done": 120,
    "total": 400,
    "failed": 1,
    "error_code": "",
    "error_message": "",
    "size": 0,
    "created_at": "2026-11-22T09:17:04.084459Z",
    "started_at": "2026-11-22T09:17:05.140021Z",
    "finished_at": None,
    "expires_at": None,
}
NOTE = {
    "entry": "faces/00001.jsonl:17",
    "code": "vector_length_wrong",
    "message": "The vector is not of length 1, as those of faces are. Divide it by its length, or export it "
    "again.",
}


@example(JOB)
class GalleryJobSerializer(serializers.ModelSerializer[GalleryJob]):
    """`failed` of `done` things did not work; the job itself can succeed all the same.

    `gallery_id` is null for work on all photos of the team and on snapshots, and until an import has made its
    gallery. `size` is the bytes of the file that can be fetched until `expires_at`.
    """

    gallery_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = GalleryJob
        fields = list(JOB)
        read_only_fields = fields


class JobNoteSerializer(serializers.Serializer[object]):
    """What was wrong with one entry: a line of an archive, a photo, or the id of a face."""

    entry = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


@example({**JOB, "notes": [NOTE]})
class GalleryJobDetailSerializer(GalleryJobSerializer):
    """A job with what was wrong with single entries, at most a thousand of them."""

    notes = JobNoteSerializer(many=True, read_only=True)

    class Meta(GalleryJobSerializer.Meta):
        fields = [*JOB, "notes"]
        read_only_fields = fields


class GalleryJobFilter(CreatedFilterSet):
    gallery = UUIDFilter(field_name="gallery_id", help_text="Jobs of this gallery.")
    kind = ChoiceFilter(choices=GalleryJob.Kind.choices, help_text="What is done.")
    status = ChoiceFilter(choices=GalleryJob.Status.choices, help_text="State of the job.")

    class Meta:
        model = GalleryJob
        fields: list[str] = []


def job_or_404(job_id: UUID) -> GalleryJob:
    return get_object_or_404(gallery_jobs(), pk=job_id)


class GalleryJobListView(TeamAPIView):
    reads = GalleryJobSerializer
    filters = GalleryJobFilter
    pagination_class = NewestFirst

    @extend_schema(tags=["galleries"], summary="List jobs of galleries", operation_id="gallery_jobs_list")
    def get(self, request: Request) -> Response:
        """Trainings, imports, exports and the like, newest first."""
        return self.show_page(gallery_jobs().defer("notes", "options"))


class GalleryJobDetailView(TeamAPIView):
    reads = GalleryJobDetailSerializer
    required_scopes: ClassVar = {"DELETE": Scope.ANALYZE}

    @extend_schema(tags=["galleries"], summary="Show a job of a gallery", operation_id="gallery_job_show")
    def get(self, request: Request, job_id: UUID) -> Response:
        """How far it is, and what was wrong with single entries."""
        return self.show(job_or_404(job_id))

    @extend_schema(
        tags=["galleries"],
        summary="Cancel a job of a gallery",
        operation_id="gallery_job_cancel",
        responses=GalleryJobDetailSerializer,
    )
    def delete(self, request: Request, job_id: UUID) -> Response:
        """It stops at its next step; what it has done stays. One that is over is left as it is."""
        job_cancel(job=job_or_404(job_id))
        return Response(GalleryJobDetailSerializer(job_or_404(job_id)).data)


class GalleryJobFileView(TeamAPIView):
    required_scopes: ClassVar = {"GET": Scope.MANAGE}
    problems: ClassVar = {"GET": ("gallery_file_not_ready",)}

    @extend_schema(
        tags=["galleries"],
        summary="Fetch the archive of a gallery",
        operation_id="gallery_job_file",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="The file is kept on S3; fetch it there, without your key."),
        },
    )
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """The ZIP that an export has made. That it was fetched is recorded."""
        return job_file_response(job_or_404(job_id))
