"""What every page's frame shows about the signed-in member."""

from typing import Any

from django.http import HttpRequest

from .access import get_access
from .models import Scope


def team(request: HttpRequest) -> dict[str, Any]:
    access = get_access(request)
    return {
        "team": access.team if access else None,
        "may_analyze": bool(access and access.allows(Scope.ANALYZE)),
    }
