"""Admin lists of teams and keys, and, for superusers, of users, groups, plans and second factors."""

from typing import Any

from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from emotionsite.problems import Refusal

from .access import team_scope
from .audit import record
from .keys import api_key_revoke
from .members import member_remove_by_staff, member_set_by_staff
from .models import ApiKey, Membership, Plan, Role, Team, User
from .plans import team_plan_set
from .team_admin import InstallationAdmin, ReadOnlyTeamAdmin, TeamAdmin

# These come with Django and django-allauth, open to everybody with the permission; ours are for superusers.
for model in (Group, EmailAddress, Authenticator):
    admin.site.unregister(model)


@admin.register(User)
class UserAdmin(InstallationAdmin, DjangoUserAdmin):
    """No deletion: people delete themselves at `/accounts/delete/`, which reaches teams and files too."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "email", "usable_password", "password1", "password2"),
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Group)
class GroupAdmin(InstallationAdmin, DjangoGroupAdmin):
    pass


@admin.register(EmailAddress)
class EmailAddressAdmin(InstallationAdmin, AllauthEmailAddressAdmin):
    list_select_related = ["user"]
    raw_id_fields = ()
    autocomplete_fields = ["user"]


@admin.register(Authenticator)
class AuthenticatorAdmin(InstallationAdmin):
    """Second factors, to delete for somebody who lost theirs. What is in them is not shown."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]
    fields = ["user", "type", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        with transaction.atomic():
            if obj.type == Authenticator.Type.TOTP:
                record("user.second_factor_off", team=None, obj=obj.user, name=obj.user.username)
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Authenticator]) -> None:
        for one in queryset.select_related("user"):
            self.delete_model(request, one)


class MembershipForm(forms.ModelForm):
    """A membership stays its user's; only its role changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "user" in self.fields:
            self.fields["user"].disabled = True


class MembershipInline(TabularInline):
    """Members of a team. Superusers change them; a team's own people do that on the team's pages."""

    model = Membership
    form = MembershipForm
    extra = 0
    fields = ["user", "role"]
    autocomplete_fields = ["user"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows: QuerySet[Membership] = super().get_queryset(request)
        return rows.select_related("user", "team")


@admin.register(Team)
class TeamsAdmin(TeamAdmin):
    """Teams with their members. Name, plan and members are for superusers to change; what a team decides
    about itself (retention, switches, second factor) is shown, and changed on its own pages."""

    team_lookup = "pk"
    list_display = ["name", "plan", "member_count", "created_at", "deleting_at"]
    list_select_related = ["plan"]
    list_filter = ["plan"]
    search_fields = ["name", "memberships__user__email"]
    ordering = ["name", "id"]
    inlines = [MembershipInline]
    fields = [
        *("name", "plan", "require_mfa", "keep_originals_days", "keep_faces_days", "keep_results_days"),
        *(
            "analyze_emotion",
            "analyze_age",
            "analyze_gender",
            "analyze_identity",
            "created_at",
            "deleting_at",
        ),
    ]
    readonly_fields = fields[2:]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(members=Count("memberships"))

    @admin.display(description="members", ordering="members")
    def member_count(self, team: Any) -> int:
        return int(team.members)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A rule of people that a change breaks is told on the page; nothing is changed then."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        """The plan goes through its service, which puts the change into the team's record."""
        before = Team.objects.select_related("plan").get(pk=obj.pk)
        plan, obj.plan = obj.plan, before.plan
        super().save_model(request, obj, form, change)
        if before.name != obj.name:
            record("team.renamed", team=obj, obj=obj, before=before.name, now=obj.name)
        team_plan_set(team=obj, plan=plan)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Members go through the services that keep an owner in every team. New owners come first, so that
        the old one may go in the same form."""
        formset.save(commit=False)
        given = [*formset.new_objects, *(membership for membership, _ in formset.changed_objects)]
        for one in sorted(given, key=lambda membership: membership.role != Role.OWNER):
            member_set_by_staff(team=form.instance, user=one.user, role=one.role)
        for one in formset.deleted_objects:
            member_remove_by_staff(team=form.instance, membership_id=one.pk)


@admin.register(Plan)
class PlanAdmin(InstallationAdmin):
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
class ApiKeyAdmin(ReadOnlyTeamAdmin):
    """Keys are made where their text can be shown once; here they are looked at and revoked."""

    list_display = ["name", "identifier", "team", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["team"]
    list_filter = ["team"]
    search_fields = ["name", "identifier"]
    staff_permissions = ("view", "change")
    actions = ["revoke"]
    fields = [
        *("name", "identifier", "team", "scopes", "networks", "pepper"),
        *("created_at", "expires_at", "revoked_at", "last_used_at"),
    ]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @admin.action(description="Revoke for good", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        keys = list(queryset.filter(revoked_at=None))
        for key in keys:
            with transaction.atomic(), team_scope(key.team):
                api_key_revoke(key=key)
        messages.success(request, f"{len(keys)} keys were revoked.")
