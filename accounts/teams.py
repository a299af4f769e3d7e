"""Settings of a team that its people change: the name, and whether a second factor is asked for."""

from django.db import transaction

from .access import Access, has_second_factor, team_scope
from .audit import record
from .models import Role, Team, User
from .people_rules import acting_role, people_lock
from .refusals import refuse


@transaction.atomic
def team_change(*, access: Access, name: str | None = None, require_mfa: bool | None = None) -> Team:
    """Change the name of the caller's team, or whether its members need a second factor; None leaves it.

    Once it is asked for, a member without one gets nothing of the team from the next request on.
    Raises ValidationError for a bad name, Refusal: role_too_low, owner_only, second_factor_first.
    """
    with team_scope(access.team):
        people_lock(team=access.team)
        acting = acting_role(access)
        team = Team.objects.get(pk=access.team.pk)
        if require_mfa is not None and require_mfa != team.require_mfa:
            if acting != Role.OWNER:
                raise refuse("owner_only")
            if require_mfa and not _has_second_factor(access.user):
                raise refuse("second_factor_first")
            team.require_mfa = require_mfa
            record("team.settings_changed", team=team, obj=team, require_mfa=require_mfa)
        if name is not None and name != team.name:
            before, team.name = team.name, name
            record("team.renamed", team=team, obj=team, before=before, now=name)
        team.full_clean()
        team.save(update_fields=["name", "require_mfa"])
    return team


def _has_second_factor(user: User | None) -> bool:
    return user is not None and User.objects.filter(has_second_factor(user), pk=user.pk).exists()
