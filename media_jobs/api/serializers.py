"""Photos and jobs as the native API shows them."""

from typing import Any

from rest_framework import serializers

from analysis.api.serializers import FaceSerializer
from media_jobs.models import Job, JobItem, Media


class MediaSerializer(serializers.ModelSerializer[Media]):
    """A photo in a list. Needs the annotations of `selectors.photos`.

    `status` is queued, succeeded, failed or cancelled: the state of the newest work on the photo.
    `face_count` is null until there is a result.
    """

    status = serializers.SerializerMethodField()
    error = serializers.CharField(source="work_error", read_only=True)
    job_id = serializers.UUIDField(source="work_job", read_only=True)
    face_count = serializers.SerializerMethodField()

    class Meta:
        model = Media
        fields = [
            "id",
            "filename",
            "content_type",
            "size",
            "width",
            "height",
            "sha256",
            "created_at",
            "status",
            "error",
            "job_id",
            "face_count",
        ]

    def get_status(self, photo: Any) -> str | None:
        return "queued" if photo.work_status == JobItem.Status.PENDING else photo.work_status

    def get_face_count(self, photo: Media) -> int | None:
        analysis = getattr(photo, "analysis", None)
        return analysis.face_count if analysis else None


class MediaDetailSerializer(MediaSerializer):
    """A photo with its faces, numbered as on the page, and the nets that judged it."""

    faces = FaceSerializer(many=True, read_only=True)
    models = serializers.SerializerMethodField()

    class Meta(MediaSerializer.Meta):
        fields = [*MediaSerializer.Meta.fields, "models", "faces"]

    def get_models(self, photo: Media) -> dict[str, str] | None:
        analysis = getattr(photo, "analysis", None)
        return analysis.model_versions if analysis else None


class JobSerializer(serializers.ModelSerializer[Job]):
    """`done` counts items that are no longer waiting, `error` is null or {code, message}."""

    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = ["id", "status", "done", "total", "error", "created_at", "started_at", "finished_at"]

    def get_error(self, job: Job) -> dict[str, str] | None:
        return {"code": job.error_code, "message": job.error_message} if job.error_code else None
