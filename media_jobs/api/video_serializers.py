"""Videos as the native API takes and shows them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django_filters import CharFilter, ChoiceFilter
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from emotionsite.api.examples import example
from emotionsite.fetching.targets import MAX_LENGTH
from emotionsite.filters import CreatedFilterSet
from media_jobs.models import Video
from media_jobs.refusals import refuse
from media_jobs.video.delivery import preview_state
from media_jobs.video.intake import DEFAULT_RATE, FASTEST_RATE, SLOWEST_RATE
from media_jobs.video.selectors import VideoProgress, progress_of_many

from .serializers import JobErrorSerializer

PREVIEWS = ("original", "queued", "ready", "failed")
ID = "4b7f7a52-6f5e-4a3c-9d0a-1f2e3d4c5b6a"
JOB_ID = "0d9c8b7a-6f5e-4d3c-8b1a-9f8e7d6c5b4a"
VIDEO = {
    "id": ID,
    "job_id": JOB_ID,
    "name": "interview.mp4",
    "status": "analyzing",
    "error": None,
    "progress": {"done": 120, "total": 300, "percent": 40, "seconds_left": 21},
    "frames_per_second": 5.0,
    "gallery_id": None,
    "live": False,
    "container": "mp4",
    "content_type": "video/mp4",
    "codec": "h264",
    "size": 7340032,
    "sha256": "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    "width": 1280,
    "height": 720,
    "rotation": 0,
    "duration_ms": 60000,
    "frame_count": 1500,
    "frame_rate": 25.0,
    "variable_rate": False,
    "has_audio": True,
    "preview": "original",
    "analyzed_frames": 120,
    "people_count": None,
    "models": {},
    "created_at": "2026-11-30T09:17:04.084459Z",
    "started_at": "2026-11-30T09:17:05.190311Z",
    "finished_at": None,
    "pictures_erased_at": None,
    "faces_erased_at": None,
}


class VideoFilter(CreatedFilterSet):
    status = ChoiceFilter(choices=Video.Status.choices, help_text="State of the video.")
    name = CharFilter(
        field_name="filename",
        lookup_expr="icontains",
        max_length=255,
        help_text="Part of the video's name, in any case of letters.",
    )

    class Meta:
        model = Video
        fields: list[str] = []


@example(VIDEO["progress"])
class ProgressSerializer(serializers.Serializer[Any]):
    """How far the analysis is. `done` and `total` count frames; `seconds_left` is an estimate, null where
    nothing is known."""

    done = serializers.IntegerField(read_only=True)
    total = serializers.IntegerField(read_only=True)
    percent = serializers.IntegerField(read_only=True, min_value=0, max_value=100)
    seconds_left = serializers.IntegerField(read_only=True, allow_null=True)


class _Videos(serializers.ListSerializer[Any]):
    """Asks how far all videos of a page are at once."""

    def to_representation(self, data: Any) -> list[Any]:
        rows = list(data)
        child = self.child
        if isinstance(child, VideoSerializer) and "progress" in child.fields:
            child.known = progress_of_many(rows)
        return super().to_representation(rows)


@example(VIDEO)
class VideoSerializer(serializers.ModelSerializer[Video]):
    """A video. Needs `selectors.videos`.

    What is known of the file is zero or empty while it is fetched. `width` and `height` are of the upright
    picture, `rotation` what the file turns it by. `frames_per_second` is how many frames are analysed, null
    for every one. `preview` says what browsers can show: the `original`, or a copy that is `queued`, `ready`
    or `failed`; null where there is nothing. `people_count` is null until the video is ready.
    """

    known: Mapping[UUID, VideoProgress] | None = None

    name = serializers.CharField(source="filename", read_only=True)
    job_id = serializers.UUIDField(read_only=True, allow_null=True)
    error = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    preview = serializers.SerializerMethodField()
    people_count = serializers.SerializerMethodField()
    models = serializers.JSONField(source="model_versions", read_only=True)

    class Meta:
        model = Video
        list_serializer_class = _Videos
        fields = list(VIDEO)

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, video: Video) -> dict[str, str] | None:
        return {"code": video.error_code, "message": video.error_message} if video.error_code else None

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, video: Video) -> Any:
        known = progress_of_many([video]) if self.known is None else self.known
        return ProgressSerializer(known[video.pk]).data

    @extend_schema_field(serializers.ChoiceField(PREVIEWS, allow_null=True))
    def get_preview(self, video: Video) -> str | None:
        return preview_state(video)

    def get_people_count(self, video: Video) -> int | None:
        return video.people_count if video.status == Video.Status.READY else None


class OptionsSerializer(serializers.Serializer[Any]):
    """How a video is analysed."""

    frames_per_second = serializers.FloatField(
        default=DEFAULT_RATE,
        allow_null=True,
        min_value=SLOWEST_RATE,
        max_value=FASTEST_RATE,
        help_text="Frames analysed in a second of the video; null (in a form: nothing) for every frame.",
    )
    gallery = serializers.CharField(
        required=False,
        max_length=64,
        help_text="Id or key of a gallery in which the people of the video are looked up.",
    )


@example({"frames_per_second": 10, "gallery": "staff"})
class VideoAgainSerializer(OptionsSerializer):
    """The options of another analysis."""


@example({"upload_id": ID, "frames_per_second": 5, "name": "interview.mp4"})
class VideoRequestSerializer(OptionsSerializer):
    """A video to be analysed: a finished upload, or an address it is fetched from; one of them."""

    upload_id = serializers.UUIDField(required=False, help_text="A finished upload in parts.")
    url = serializers.CharField(required=False, max_length=MAX_LENGTH, help_text="Address of the video.")
    name = serializers.CharField(
        required=False, max_length=255, help_text="What you call it; without, the name of the file."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("upload_id" in attrs) == ("url" in attrs):
            raise refuse("video_missing")
        return attrs


@example({"file": "interview.mp4", "frames_per_second": "5"})
class VideoFormSerializer(OptionsSerializer):
    """A small video in the request itself."""

    file = serializers.FileField(allow_empty_file=True, help_text="One video, at most as large as a photo.")
    name = serializers.CharField(
        required=False, max_length=255, help_text="What you call it; without, the name of the file."
    )


@example({"job_id": JOB_ID, "video_id": ID}, 202)
class VideoStartedSerializer(serializers.Serializer[Any]):
    """The video, and the job that analyses it."""

    job_id = serializers.UUIDField(read_only=True)
    video_id = serializers.UUIDField(read_only=True)


@example(
    {
        "id": ID,
        "filename": "interview.mp4",
        "length": 734003200,
        "offset": 8388608,
        "created_at": "2026-11-30T09:17:04.084459Z",
        "expires_at": "2026-12-01T09:18:11.190311Z",
    }
)
class VideoUploadSerializer(serializers.Serializer[Any]):
    """An upload that is not yet a video: `offset` of its `length` bytes are here."""

    id = serializers.UUIDField(read_only=True)
    filename = serializers.CharField(read_only=True)
    length = serializers.IntegerField(read_only=True)
    offset = serializers.IntegerField(source="received", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    expires_at = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DateTimeField())
    def get_expires_at(self, upload: Any) -> str:
        from media_jobs.video.uploads import expires_at

        return serializers.DateTimeField().to_representation(expires_at(upload)) or ""
