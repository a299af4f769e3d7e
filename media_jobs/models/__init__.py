"""Pictures and videos, work on them, calls to webhooks, exports and removals."""

from .jobs import Job, JobItem
from .media import SAME_BYTES, Media, ReleasedFile
from .removal import Export, Removal
from .videos import Video, VideoChunk, VideoPreview, VideoUpload
from .webhooks import Webhook, WebhookAttempt, WebhookDelivery

__all__ = [
    "SAME_BYTES",
    "Export",
    "Job",
    "JobItem",
    "Media",
    "ReleasedFile",
    "Removal",
    "Video",
    "VideoChunk",
    "VideoPreview",
    "VideoUpload",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
]
