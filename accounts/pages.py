"""Decorator of pages that belong to a team."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from .access import Access, get_access
from .models import User
from .refusals import refuse

View = Callable[..., HttpResponseBase]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def team_page(scope: str) -> Callable[[View], View]:
    """Ask for a sign-in, then for `scope` in the current team; 403 for a member whose role lacks it.

    A member who lacks the second factor that the team asks for is sent to set it up.
    """

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            access = get_access(request)
            if access is None:
                return render(request, "team/none.html", status=403)
            if access.moved:
                _tell_moved(request, access)
            if access.team.deleting_at is not None:
                raise PermissionDenied(refuse("team_is_being_deleted", team=access.team).message)
            if access.mfa_missing:
                return redirect("mfa_index")
            if not access.allows(scope):
                raise PermissionDenied(f"Your role in {access.team} does not allow this ({scope}).")
            return view(request, *args, **kwargs)

        return wrapped

    return decorate


def signed_in(request: HttpRequest) -> User:
    """The user, in a view that lets only signed-in people in."""
    if not isinstance(request.user, User):
        raise LookupError("This view was reached without a user; put login_required on it.")
    return request.user


def _tell_moved(request: HttpRequest, access: Access) -> None:
    """Say that the team is another one now; what a page of the old team sends is refused."""
    sentence = f"You are not a member any more of the team you were in. You are in {access.team} now."
    if request.method not in SAFE_METHODS:
        raise PermissionDenied(f"{sentence} Nothing was changed: open the page again.")
    messages.warning(request, sentence)
