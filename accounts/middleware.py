"""Sets the team of a request before any view runs."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from .access import access_of_member, set_access, team_scope


def team_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Put the signed-in member's `Access` on `request.access` and run the view inside the team's scope.

    A visitor gets None and no scope: a query for rows of a team then raises instead of answering. API
    views replace the access when a key was sent (accounts.authentication).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        access = access_of_member(request)
        set_access(request, access)
        if access is None:
            return get_response(request)
        structlog.contextvars.bind_contextvars(team_id=str(access.team.id))
        with team_scope(access.team):
            return get_response(request)

    return middleware
