"""How long a team keeps what, and what it does not want computed."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from .access import Access, team_scope
from .audit import record
from .models import Team
from .people_rules import acting_role, people_lock

SETTINGS = (
    *("keep_originals_days", "keep_faces_days", "keep_results_days"),
    *("analyze_emotion", "analyze_age", "analyze_gender", "analyze_identity"),
)


def privacy_of(team: Team) -> dict[str, Any]:
    """The settings by name: days (None: for ever) and switches."""
    return {name: getattr(team, name) for name in SETTINGS}


@transaction.atomic
def privacy_change(*, access: Access, changes: Mapping[str, Any]) -> Team:
    """Change some of SETTINGS of the caller's team. What is past its day then goes with the next run of beat.

    Raises ValidationError for a value that cannot be, Refusal `role_too_low`.
    """
    with team_scope(access.team):
        people_lock(team=access.team)
        acting_role(access)
        team = Team.objects.get(pk=access.team.pk)
        before = privacy_of(team)
        for name in SETTINGS:
            if name in changes:
                setattr(team, name, changes[name])
        team.full_clean()
        after = privacy_of(team)
        changed = [name for name in SETTINGS if before[name] != after[name]]
        if changed:
            team.save(update_fields=changed)
            record(
                "team.settings_changed",
                team=team,
                obj=team,
                before={name: before[name] for name in changed},
                after={name: after[name] for name in changed},
            )
    return team
