"""Who may enter the admin panel without being a superuser."""

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from .audit import record
from .models import User
from .team_admin import TeamAdmin

GROUP = "Gallery staff"


@transaction.atomic
def staff_make(*, user: User) -> None:
    """Let a user into the panel, for the teams they own or administer. Safe to repeat.

    The group's permissions are renewed each time, so once more after an upgrade gives those of new lists.
    """
    group, _ = Group.objects.get_or_create(name=GROUP)
    group.permissions.set(_permissions())
    user.groups.add(group)
    if not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
        record("user.made_staff", team=None, obj=user, name=user.username)


@transaction.atomic
def staff_end(*, user: User) -> None:
    """Let a user into the panel no more; a superuser stays one, but cannot enter it either."""
    user.groups.remove(*Group.objects.filter(name=GROUP))
    if user.is_staff:
        user.is_staff = False
        user.save(update_fields=["is_staff"])
        record("user.no_longer_staff", team=None, obj=user, name=user.username)


def _permissions() -> list[Permission]:
    """What each list of a team's rows says its staff may do."""
    wanted = Q(pk__in=[])
    for model, model_admin in admin.site._registry.items():  # noqa: SLF001
        if isinstance(model_admin, TeamAdmin):
            names = [f"{deed}_{model._meta.model_name}" for deed in model_admin.staff_permissions]  # noqa: SLF001
            wanted |= Q(content_type__app_label=model._meta.app_label, codename__in=names)  # noqa: SLF001
    return list(Permission.objects.filter(wanted))
