"""Says who acts, and sets the team of a request before any view runs."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from emotionsite.client_address import client_address

from .access import access_of_member, across_teams, set_access, team_scope
from .audit import Actor, acting_as


def team_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Put the signed-in member's `Access` on `request.access` and run the view inside the team's scope.

    A visitor gets None and no scope: a query for rows of a team then raises instead of answering. API
    views replace the access when a key was sent (accounts.authentication). The admin, which only staff
    enter, sees all teams.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        with acting_as(_actor_of(request)):
            if request.user.is_staff and request.path.startswith(reverse("admin:index")):
                set_access(request, None)
                with across_teams():
                    return get_response(request)
            access = access_of_member(request)
            set_access(request, access)
            if access is None:
                return get_response(request)
            structlog.contextvars.bind_contextvars(team_id=str(access.team.id))
            with team_scope(access.team):
                return get_response(request)

    return middleware


def _actor_of(request: HttpRequest) -> Actor:
    user = request.user
    known = user.is_authenticated
    return Actor(
        user_id=user.pk if known else None,
        name=user.get_username() if known else "visitor",
        address=client_address(request),
        request_id=request.META.get("HTTP_X_REQUEST_ID", ""),
    )
