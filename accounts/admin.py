"""Admin lists of users, teams and keys."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from .models import ApiKey, Membership, Team, User

admin.site.site_header = "EmotionSite"
admin.site.site_title = "EmotionSite"
admin.site.index_title = "Installation"
admin.site.register(User, UserAdmin)
# The admin's own sign-in asks for no second factor and counts no wrong passwords: ours stands in its place.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ["name", "member_count", "created_at"]
    search_fields = ["name", "memberships__user__email"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(members=Count("memberships"))

    @admin.display(description="members", ordering="members")
    def member_count(self, team: Any) -> int:
        return int(team.members)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Read only: keys are made where their text can be shown once."""

    list_display = ["name", "identifier", "team", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["team"]
    fields = [
        "name",
        "identifier",
        "team",
        "scopes",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return ApiKey.unscoped.all()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
