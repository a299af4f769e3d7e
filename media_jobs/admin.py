"""Admin lists of jobs. Photos and faces of teams are biometric data and are not shown here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_scopes import scopes_disabled

from .models import Job


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    """Read only: what is queued, what runs, what failed and why."""

    list_display = ["id", "team", "status", "done", "total", "error_code", "created_at", "finished_at"]
    list_filter = ["status", "queue"]
    list_select_related = ["team"]
    date_hierarchy = "created_at"
    fields = (
        *("id", "team", "status", "done", "total", "queue"),
        *("error_code", "error_message", "created_at", "started_at", "finished_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        # Staff see the work of all teams; only figures and states are shown.
        with scopes_disabled():
            return Job.objects.order_by("-created_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
