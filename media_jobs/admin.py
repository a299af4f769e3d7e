"""Admin lists of photos, videos and jobs. The faces in them are biometric data and are not shown here."""

from datetime import timedelta

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.team_admin import ReadOnlyTeamAdmin

from .models import Job, Media, Video


@admin.register(Media)
class MediaAdmin(ReadOnlyTeamAdmin):
    """Read only: which photos there are, how large, and what became of them."""

    list_display = ["filename", "team", "width", "height", "size", "created_at"]
    list_select_related = ["team"]
    list_filter = ["team"]
    search_fields = ["filename"]
    show_full_result_count = False
    ordering = ["-created_at"]
    fields = (
        *("id", "team", "filename", "content_type", "size", "stored_bytes", "width", "height"),
        *("sha256", "created_at", "pictures_erased_at", "faces_erased_at"),
    )


@admin.register(Video)
class VideoAdmin(ReadOnlyTeamAdmin):
    """Read only: which videos there are, how long, and what became of them."""

    list_display = ["filename", "team", "status", "duration", "size", "people_count", "created_at", "page"]
    list_select_related = ["team"]
    list_filter = ["team", "status"]
    search_fields = ["filename"]
    show_full_result_count = False
    ordering = ["-created_at"]
    fields = (
        *("id", "team", "filename", "status", "error_code", "error_message", "live"),
        *("container", "codec", "width", "height", "duration", "frame_count", "frame_rate", "size"),
        *("stored_bytes", "sha256", "frames_per_second", "analyzed_frames", "people_count"),
        *("created_at", "started_at", "finished_at", "pictures_erased_at", "faces_erased_at", "page"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Video]:
        # Long columns that only workers and pages need.
        rows: QuerySet[Video] = super().get_queryset(request)
        return rows.defer("facts", "parts", "summary", "sealed_source", "model_versions")

    @admin.display(ordering="duration_ms")
    def duration(self, video: Video) -> str:
        """As h:mm:ss."""
        return str(timedelta(seconds=round(video.duration_ms / 1000)))

    @admin.display(description="page")
    def page(self, video: Video) -> SafeString:
        """Only members of the video's team can open it."""
        return format_html('<a href="{}">Open</a>', reverse("team_video", args=[video.pk]))


@admin.register(Job)
class JobAdmin(ReadOnlyTeamAdmin):
    """Read only: what is queued, what runs, what failed and why."""

    list_display = ["id", "team", "status", "done", "total", "error_code", "created_at", "finished_at"]
    list_filter = ["team", "status", "queue"]
    list_select_related = ["team"]
    ordering = ["-created_at"]
    date_hierarchy = "created_at"
    fields = (
        *("id", "team", "status", "done", "total", "queue"),
        *("error_code", "error_message", "created_at", "started_at", "finished_at"),
    )
