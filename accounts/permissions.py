"""One permission for the API: the caller's access must hold the scope that the method needs."""

from typing import TYPE_CHECKING

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from .access import get_access
from .models import Scope
from .refusals import refuse

if TYPE_CHECKING:
    # DRF loads this module while it is still loading its own views.
    from rest_framework.views import APIView


class TeamScope(BasePermission):
    """`read` for safe methods, `analyze` for the others, unless the view's `required_scopes` names another.

    A member who lacks the second factor that the team asks for may do nothing yet, and nobody may do
    anything in a team that is being deleted.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        access = get_access(request._request)  # noqa: SLF001
        if access is None:
            raise NotAuthenticated("Sign in, or send 'Authorization: Bearer es_...' with a key of your team.")
        if access.moved and request.method not in SAFE_METHODS:
            raise PermissionDenied("You are not a member any more of the team you were in. Reload the page.")
        if access.team.deleting_at is not None:
            raise refuse("team_is_being_deleted", team=access.team)
        if access.mfa_missing:
            raise refuse("mfa_required", team=access.team)
        wanted = getattr(view, "required_scopes", {}).get(request.method) or (
            Scope.READ if request.method in SAFE_METHODS else Scope.ANALYZE
        )
        if not access.allows(wanted):
            raise PermissionDenied(f"This needs the right '{wanted}', which your key or role does not have.")
        return True
