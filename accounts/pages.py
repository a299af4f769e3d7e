"""Decorator of pages that belong to a team."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from .access import get_access

View = Callable[..., HttpResponse]


def team_page(scope: str) -> Callable[[View], View]:
    """Ask for a sign-in, then for `scope` in the current team; 403 for a member whose role lacks it."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            access = get_access(request)
            if access is None:
                raise PermissionDenied("You are not a member of any team. Ask a team's owner to invite you.")
            if not access.allows(scope):
                raise PermissionDenied(f"Your role in {access.team} does not allow this ({scope}).")
            return view(request, *args, **kwargs)

        return wrapped

    return decorate
