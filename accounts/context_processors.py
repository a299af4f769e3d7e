"""What every page's frame shows about the signed-in member."""

from typing import Any

from django.http import HttpRequest

from .access import get_access
from .models import Role, Scope
from .team_area import team_places


def team(request: HttpRequest) -> dict[str, Any]:
    access = get_access(request)
    return {
        "team": access.team if access else None,
        "teams": access.teams if access else (),
        "may_analyze": bool(access and access.allows(Scope.ANALYZE)),
        "may_manage": bool(access and access.allows(Scope.MANAGE)),
        "is_owner": bool(access and access.role == Role.OWNER),
        # Computed where a template asks for them only.
        "team_places": lambda: team_places(request),
    }
