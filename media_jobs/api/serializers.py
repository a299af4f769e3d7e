"""Photos and jobs as the native API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analysis.api.serializers import FaceSerializer
from emotionsite.api.examples import example
from media_jobs.models import Job, JobItem, Media

PHOTO_STATES = ("queued", "succeeded", "failed", "cancelled")
PHOTO = {
    "id": "fbe4a2aa-bae6-446a-8553-2d492fd808a4",
    "filename": "grace_hopper.jpg",
    "content_type": "image/jpeg",
    "size": 61306,
    "width": 512,
    "height": 600,
    "sha256": "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    "created_at": "2026-11-22T09:17:04.084459Z",
    "pictures_erased_at": None,
    "faces_erased_at": None,
    "status": "succeeded",
    "error": "",
    "job_id": "00ddc9a7-20dd-45cc-8672-6643b17a81e4",
    "face_count": 1,
}


@example(PHOTO)
class MediaSerializer(serializers.ModelSerializer[Media]):
    """A photo in a list. Needs the annotations of `selectors.photos`.

    `status` is the state of the newest work on the photo. `face_count` is null until there is a result.
    """

    status = serializers.SerializerMethodField()
    error = serializers.CharField(source="work_error", read_only=True, allow_null=True)
    job_id = serializers.UUIDField(source="work_job", read_only=True, allow_null=True)
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
            "pictures_erased_at",
            "faces_erased_at",
            "status",
            "error",
            "job_id",
            "face_count",
        ]

    @extend_schema_field(serializers.ChoiceField(PHOTO_STATES, allow_null=True))
    def get_status(self, photo: Any) -> str | None:
        return "queued" if photo.work_status == JobItem.Status.PENDING else photo.work_status

    def get_face_count(self, photo: Media) -> int | None:
        analysis = getattr(photo, "analysis", None)
        return analysis.face_count if analysis else None


@example(
    {
        **PHOTO,
        "models": {"detection": "mtcnn-1f2e3d4c5b6a", "emotion": "emotion-v1-0a1b2c3d4e5f"},
        "faces": [example.of(FaceSerializer)],
    }
)
class MediaDetailSerializer(MediaSerializer):
    """A photo with its faces, numbered as on the page, and the nets that judged it."""

    faces = FaceSerializer(many=True, read_only=True)
    models = serializers.SerializerMethodField()

    class Meta(MediaSerializer.Meta):
        fields = [*MediaSerializer.Meta.fields, "models", "faces"]

    def get_models(self, photo: Media) -> dict[str, str] | None:
        analysis = getattr(photo, "analysis", None)
        return analysis.model_versions if analysis else None


@example({"file": "grace_hopper.jpg"})
class UploadSerializer(serializers.Serializer[Any]):
    """The form of an upload."""

    file = serializers.FileField(help_text="One JPEG, PNG, GIF, BMP, WebP, HEIC or TIFF picture.")


@example({"job_id": PHOTO["job_id"], "media_id": PHOTO["id"], "duplicate": False}, 202)
class UploadedSerializer(serializers.Serializer[Any]):
    """What became of an upload. `duplicate` is true when the team had these bytes already."""

    job_id = serializers.UUIDField(read_only=True)
    media_id = serializers.UUIDField(read_only=True)
    duplicate = serializers.BooleanField(read_only=True)


class JobErrorSerializer(serializers.Serializer[Any]):
    """Why a job failed: a code for programs and a sentence for people."""

    code = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)


@example(
    {
        "id": PHOTO["job_id"],
        "status": "succeeded",
        "done": 1,
        "total": 1,
        "error": None,
        "created_at": "2026-11-22T09:17:04.091000Z",
        "started_at": "2026-11-22T09:17:04.190000Z",
        "finished_at": "2026-11-22T09:17:04.402000Z",
    }
)
class JobSerializer(serializers.ModelSerializer[Job]):
    """`done` counts items that are no longer waiting, `error` is null or {code, message}."""

    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = ["id", "status", "done", "total", "error", "created_at", "started_at", "finished_at"]

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        return {"code": job.error_code, "message": job.error_message} if job.error_code else None
