"""What the OpenAPI document says of the whole (`emotionsite.api.schema` says the rest)."""

from typing import Any

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "EmotionSite",
    "VERSION": "1",
    "DESCRIPTION": (
        "Faces and emotions in photos, for many teams. An emotion score says how likely people who look at a face "
        "would name that emotion; it does not say what somebody feels.\n\n"
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
        "KeyState": "accounts.api.keys.STATES",
        "InvitationState": "accounts.api.people_serializers.STATES",
    },
    "TAGS": [
        {"name": "media", "description": "Photos and the faces in them."},
        {"name": "jobs", "description": "The analysis of photos, as it goes on."},
    ],
}
