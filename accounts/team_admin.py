"""What every list of the admin panel derives from: who of the staff sees which rows.

The panel runs across teams (`accounts.middleware`), so Postgres' fence is open there and this module is
what keeps teams apart. Superusers see everything. Other staff see rows of the teams that they own or
administer, in lists, pages of one row, choices, filters, search and actions alike, because each of these
starts from `get_queryset`; and only with Django's permission for the model (`manage.py make_staff`).
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.sites import AdminSite
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from .access import has_second_factor
from .models import Membership, Role, Team, User

MANAGERS = (Role.OWNER, Role.ADMIN)


def teams_of_staff(user: User) -> QuerySet[Team]:
    """Teams whose rows this staff member sees in the panel. Call it across teams.

    A team that asks for a second factor shows nothing to a member without one, here as on its pages.
    """
    if user.is_superuser:
        return Team.objects.all()
    memberships = Membership.objects.filter(user=user, role__in=MANAGERS)
    allowed = memberships.filter(Q(team__require_mfa=False) | Q(has_second_factor(user)))
    return Team.objects.filter(pk__in=allowed.values("team"))


def rows_for_staff(*, request: HttpRequest, model: type[Model], site: AdminSite) -> QuerySet[Any]:
    """Rows of `model` that may be shown or chosen in the panel, whether it has a list of its own or not.

    A model without list and without team is not for those who see only their teams.
    """
    try:
        return site.get_model_admin(model).get_queryset(request)
    except NotRegistered:
        rows: QuerySet[Any] = model._default_manager.all()  # noqa: SLF001
    user: Any = request.user
    if user.is_superuser:
        return rows
    if any(field.name == "team" for field in model._meta.fields):  # noqa: SLF001
        return rows.filter(team__in=teams_of_staff(user))
    return rows.none()


class OwnRowsForm(AutocompleteDropdownForm):
    """Knows the name of a chosen row only where the staff member may see that row."""

    def __init__(self, *args: Any, request: HttpRequest, name: str, field: Any, **kwargs: Any) -> None:
        super().__init__(*args, request=request, name=name, field=field, **kwargs)
        site = kwargs["model_admin"].admin_site
        self.fields[name].queryset = rows_for_staff(
            request=request, model=field.remote_field.model, site=site
        )


class OwnRowsFilter(AutocompleteSelectFilter):
    """A filter by a row of another model; it is searched for, so that thousands of teams fit."""

    form_class = OwnRowsForm


class TeamAdmin(ModelAdmin):
    """Admin of a model whose rows belong to teams.

    `team_lookup` is the way from the row to its team; "pk" for the team itself. Rows are made by the product
    and erased by its services, which reach files and records too: so nothing is added or deleted here, and a
    row never changes its team. No raw id fields: they tell the names of other teams' rows.
    """

    team_lookup = "team"
    #: Of Django's four permissions, those that `manage.py make_staff` gives for this model.
    staff_permissions: tuple[str, ...] = ("view",)
    list_filter_submit = True
    # Counting all rows once more for every value of every filter is too dear in tables this long.
    show_facets = ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        user: Any = request.user
        if user.is_superuser:
            return rows
        return rows.filter(**{f"{self.team_lookup}__in": teams_of_staff(user)})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = super().get_readonly_fields(request, obj)
        return fixed if obj is None or "team" in fixed else (*fixed, "team")

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        """Filters by another model offer only rows of one's own teams."""
        return [self._own_rows(entry) for entry in super().get_list_filter(request)]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", self._choices(db_field, request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", self._choices(db_field, request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _choices(self, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        return rows_for_staff(request=request, model=db_field.remote_field.model, site=self.admin_site)

    def _own_rows(self, entry: Any) -> Any:
        if not isinstance(entry, str):
            return entry
        field: Field[Any, Any] = self.model._meta.get_field(entry)  # noqa: SLF001
        return (entry, OwnRowsFilter) if field.remote_field else entry


class ReadOnlyTeamAdmin(TeamAdmin):
    """Rows to look at."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class InstallationAdmin(ModelAdmin):
    """Admin of a model that belongs to no team: for superusers only, whatever permissions others were given.

    Who may change users, groups or plans could give themselves everything else.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_superuser(request)

    @staticmethod
    def _is_superuser(request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.is_active and user.is_superuser)
