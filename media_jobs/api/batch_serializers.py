"""Batches as the native API takes and shows them."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from emotionsite.api.examples import example
from emotionsite.fetching.targets import MAX_LENGTH
from media_jobs.batch_selectors import counts_of, seconds_left
from media_jobs.batches import Reference
from media_jobs.buckets import BUCKET_NAME, REGION, BucketSource
from media_jobs.listing import MAX_ITEMS
from media_jobs.models import Job, JobItem

LONGEST_NAME = 255
# Of ten thousand items that are all wrong in the same way, the first few say it.
NAMED_ERRORS = 5
ID = "6c3fb0aa-4f39-4c4e-9a52-1a7d3c64e8f1"
MEDIA_ID = "fbe4a2aa-bae6-446a-8553-2d492fd808a4"
ADDRESS = "https://photos.example.org/summer/002.jpg"
BATCH = {
    "id": ID,
    "name": "Summer",
    "status": "running",
    "listing": False,
    "total": 500,
    "done": 204,
    "succeeded": 201,
    "failed": 3,
    "cancelled": 0,
    "pending": 296,
    "error": None,
    "created_at": "2026-11-22T09:17:04.084459Z",
    "started_at": "2026-11-22T09:17:05.190311Z",
    "finished_at": None,
}
DETAIL = {**BATCH, "seconds_left": 31}


class ErrorSerializer(serializers.Serializer[Any]):
    """Why something failed: a code for programs, a sentence for people."""

    code = serializers.CharField()
    message = serializers.CharField()


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_ITEMS,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "description": "Either a photo of your team (`media_id`) or an address (`url`).",
            "properties": {
                "media_id": {"type": "string", "format": "uuid"},
                "url": {"type": "string", "format": "uri", "minLength": 1, "maxLength": MAX_LENGTH},
                "name": {"type": "string", "maxLength": LONGEST_NAME, "description": "What you call it."},
            },
        },
    }
)
class ItemsField(serializers.Field[Any, Any, Any, Any]):
    """A list of items, checked by hand: nested serializers take seconds for ten thousand."""

    def to_internal_value(self, data: Any) -> list[Reference]:
        if not isinstance(data, list):
            raise serializers.ValidationError("Send a list of items.")
        references: list[Reference] = []
        errors: dict[str, list[str]] = {}
        for number, item in enumerate(data, start=1):
            answer = read_item(item)
            if isinstance(answer, Reference):
                references.append(answer)
            elif len(errors) < NAMED_ERRORS:
                errors[str(number)] = [answer]
        if errors:
            raise serializers.ValidationError(errors)
        return references

    def to_representation(self, value: Any) -> Any:
        raise NotImplementedError("Items are only read.")


def read_item(item: Any) -> Reference | str:
    """One item, or the sentence that says what is wrong with it."""
    if not isinstance(item, dict) or not set(item) <= {"media_id", "url", "name"}:
        return "An item is an object with 'media_id' or 'url', and 'name' if you like."
    if ("media_id" in item) == ("url" in item):
        return "An item has either 'media_id' or 'url'."
    if not all(isinstance(value, str) and _is_text(value) for value in item.values()):
        return "The values of an item are texts."
    name = item.get("name", "")
    if len(name) > LONGEST_NAME:
        return f"A name has at most {LONGEST_NAME} letters."
    if "url" in item:
        return Reference(url=item["url"], name=name) if item["url"] else "An address is not empty."
    try:
        return Reference(media_id=UUID(item["media_id"]), name=name)
    except ValueError:
        return "A 'media_id' is a UUID."


def _is_text(value: str) -> bool:
    """Whether a string of JSON is text: half of a surrogate pair can be stored nowhere, nor can a zero."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


class BucketSerializer(serializers.Serializer[Any]):
    """A prefix of an S3 bucket. The credentials are used to list it and wiped then."""

    bucket = serializers.RegexField(BUCKET_NAME.pattern, max_length=63)
    prefix = serializers.CharField(default="", allow_blank=True, max_length=1024, trim_whitespace=False)
    region = serializers.RegexField(f"^{REGION.pattern}$", default="us-east-1", max_length=41)
    endpoint = serializers.CharField(
        default="", allow_blank=True, max_length=500, help_text="of a service other than AWS"
    )
    access_key = serializers.CharField(max_length=128)
    secret_key = serializers.CharField(max_length=256, trim_whitespace=False)
    session_token = serializers.CharField(default="", allow_blank=True, max_length=3000)


@example(
    {
        "name": "Campaign 12",
        "items": [
            {"url": "https://example.org/photo.jpg", "name": "photo.jpg"},
            {"media_id": "fbe4a2aa-bae6-446a-8553-2d492fd808a4"},
        ],
    }
)
@example({"name": "Summer", "items": [{"media_id": MEDIA_ID}, {"url": ADDRESS, "name": "second"}]})
class BatchRequestSerializer(serializers.Serializer[Any]):
    """Either `items` or `s3`."""

    name = serializers.CharField(default="", allow_blank=True, max_length=120)
    items = ItemsField(required=False)
    s3 = BucketSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("items" in attrs) == ("s3" in attrs):
            raise serializers.ValidationError("Send 'items' or 's3', or a form with the file 'archive'.")
        if "s3" in attrs:
            attrs["s3"] = BucketSource(**attrs["s3"])
        return attrs


@example({"name": "Campaign 12", "archive": "photos.zip"})
@example({"name": "Summer", "archive": "summer.zip"})
class BatchArchiveSerializer(serializers.Serializer[Any]):
    """A ZIP archive of pictures as multipart/form-data."""

    name = serializers.CharField(default="", allow_blank=True, max_length=120)
    archive = serializers.FileField(allow_empty_file=True, max_length=LONGEST_NAME)


@example(
    {
        "id": "6c1b3f6e-5b0a-4f5d-9a41-2f3f0f0c7d21",
        "name": "Campaign 12",
        "status": "running",
        "listing": False,
        "total": 500,
        "done": 120,
        "succeeded": 118,
        "failed": 2,
        "cancelled": 0,
        "pending": 380,
        "error": None,
        "created_at": "2026-11-22T09:17:04.084459Z",
        "started_at": "2026-11-22T09:17:05.120044Z",
        "finished_at": None,
    }
)
@example(BATCH)
class BatchSerializer(serializers.ModelSerializer[Job]):
    """A batch in a list. Needs `batch_selectors.batches`.

    While `listing` is true, the pictures of an archive or a bucket are still being counted.
    """

    succeeded = serializers.SerializerMethodField()
    cancelled = serializers.SerializerMethodField()
    pending = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            *("id", "name", "status", "listing"),
            *("total", "done", "succeeded", "failed", "cancelled", "pending"),
            *("error", "created_at", "started_at", "finished_at"),
        ]
        read_only_fields = fields

    def get_succeeded(self, batch: Job) -> int:
        return counts_of(batch).succeeded

    def get_cancelled(self, batch: Job) -> int:
        return counts_of(batch).cancelled

    def get_pending(self, batch: Job) -> int:
        return counts_of(batch).pending

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, batch: Job) -> dict[str, str] | None:
        return error_of(batch)


@example({**example.of(BatchSerializer), "seconds_left": 74})
@example(DETAIL)
class BatchDetailSerializer(BatchSerializer):
    """One batch, with an estimate of what it still takes."""

    seconds_left = serializers.SerializerMethodField()

    class Meta(BatchSerializer.Meta):
        fields = [*BatchSerializer.Meta.fields, "seconds_left"]
        read_only_fields = fields

    def get_seconds_left(self, batch: Job) -> int | None:
        return seconds_left(batch)


@example(
    {
        "position": 7,
        "name": "photo.jpg",
        "media_id": None,
        "status": "failed",
        "error": {
            "code": "url_answered_error",
            "message": "example.org answered with the status 404 instead of the file. Check that the address "
            "works without signing in.",
        },
        "finished_at": "2026-11-22T09:17:09.551020Z",
    }
)
@example(
    {
        "position": 1,
        "name": "second",
        "media_id": None,
        "status": "failed",
        "error": {
            "code": "url_answered_error",
            "message": "photos.example.org answered with the status 404 instead of the file. Check that the "
            "address works without signing in.",
        },
        "finished_at": "2026-11-22T09:17:05.402113Z",
    }
)
class BatchItemSerializer(serializers.ModelSerializer[JobItem]):
    """One picture of a batch. `media_id` is null until its bytes are there."""

    media_id = serializers.UUIDField(read_only=True, allow_null=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = JobItem
        fields = ["position", "name", "media_id", "status", "error", "finished_at"]
        read_only_fields = fields

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, item: JobItem) -> dict[str, str] | None:
        return error_of(item)


def error_of(row: Job | JobItem) -> dict[str, str] | None:
    return {"code": row.error_code, "message": row.error_message} if row.error_code else None
