"""Admin lists of photos and jobs. The faces in them are biometric data and are not shown here."""

from django.contrib import admin

from accounts.team_admin import ReadOnlyTeamAdmin

from .models import Job, Media


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
