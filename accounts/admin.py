"""Admin lists of users, teams and keys."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from .models import ApiKey, Membership, Plan, Team, User
from .plans import team_plan_set

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
    list_display = ["name", "plan", "member_count", "created_at"]
    list_select_related = ["plan"]
    list_filter = ["plan"]
    search_fields = ["name", "memberships__user__email"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(members=Count("memberships"))

    @admin.display(description="members", ordering="members")
    def member_count(self, team: Any) -> int:
        return int(team.members)

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        """The plan goes through its service, which puts the change into the team's record."""
        plan = obj.plan
        if change:
            obj.plan = Team.objects.select_related("plan").get(pk=obj.pk).plan
        super().save_model(request, obj, form, change)
        team_plan_set(team=obj, plan=plan)


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):
    """Limits that teams can be given; an empty field is without limit."""

    list_display = [
        "name",
        "team_count",
        "requests_per_minute",
        "pictures_per_month",
        "stored_faces",
        "storage_bytes",
        "largest_file_bytes",
    ]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(given=Count("teams"))

    @admin.display(description="teams", ordering="given")
    def team_count(self, plan: Any) -> int:
        return int(plan.given)


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
        "networks",
        "pepper",
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
