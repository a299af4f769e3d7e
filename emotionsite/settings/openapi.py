"""What the OpenAPI document says of the whole (`emotionsite.api.schema` says the rest)."""

from typing import Any

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "EmotionSite",
    "VERSION": "1",
    "DESCRIPTION": (
        "Faces and emotions in photos, for many teams. An emotion score says how likely people who look at a "
        "face would name that emotion; it does not say what somebody feels.\n\n"
        "Every answer belongs to the team of the key that asks. Errors are problem+json with a stable `code`."
    ),
    "LICENSE": {"name": "Apache-2.0"},
    "SERVERS": [{"url": "/", "description": "This installation"}],
    "OAS_VERSION": "3.0.3",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "emotionsite.api.parts.share",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "PhotoStatus": "media_jobs.api.serializers.PHOTO_STATES",
        "JobStatus": "media_jobs.models.Job.Status",
        "ItemStatus": "media_jobs.models.JobItem.Status",
        "VideoStatus": "media_jobs.models.Video.Status",
        "VideoPreviewState": "media_jobs.api.video_serializers.PREVIEWS",
        "ExportStatus": "media_jobs.models.Export.Status",
        "GalleryJobKind": "galleries.models.GalleryJob.Kind",
        "ExportKind": "media_jobs.api.exports.KINDS",
        "RecognitionQuality": "galleries.models.EnrolledFace.Quality",
        "RemovalKind": "media_jobs.models.Removal.Kind",
        "RemovalStatus": "media_jobs.models.Removal.Status",
        "DeliveryStatus": "media_jobs.models.WebhookDelivery.Status",
        "Emotion": "ml_models.EMOTIONS",
        "KeyState": "accounts.api.keys.STATES",
        "InvitationState": "accounts.api.people_serializers.STATES",
    },
    "TAGS": [
        {"name": "media", "description": "Photos and the faces in them."},
        {"name": "faces", "description": "Faces in all photos of the team."},
        {"name": "detect", "description": "Faces in a picture that is not stored."},
        {"name": "galleries", "description": "People who are enrolled, and who is it?"},
        {"name": "jobs", "description": "The analysis of photos and videos, as it goes on."},
        {"name": "batches", "description": "Many pictures as one job."},
        {"name": "videos", "description": "Videos, their people through time, and their files."},
        {"name": "uploads", "description": "Large files that come in parts, by tus 1.0.0."},
        {"name": "webhooks", "description": "Addresses that are told what happened."},
        {"name": "teams", "description": "The team itself."},
        {"name": "members", "description": "People of the team and their roles."},
        {"name": "invitations", "description": "Links that make their readers members."},
        {"name": "keys", "description": "Keys with which programs ask."},
        {"name": "usage", "description": "Limits and what is used of them."},
        {"name": "privacy", "description": "What is computed, and how long it is kept."},
        {"name": "exports", "description": "Files made of the team's data."},
        {"name": "removals", "description": "Erasures of many photos or people."},
        {"name": "audit", "description": "The record of who did what."},
    ],
}
