"""The base of every API view that belongs to a team."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.access import Access, require_access, team_scope


class TeamAPIView(APIView):
    """An API view that runs inside the scope of the team its caller was let into.

    `required_scopes` names the right that a method needs where it is not the usual one
    (`accounts.permissions.TeamScope`).
    """

    access: Access
    required_scopes: ClassVar[Mapping[str, str]] = {}

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self._entered:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Authentication and permission first; only then is it known which team to enter.
        super().initial(request, *args, **kwargs)
        self.access = require_access(request._request)  # noqa: SLF001
        self._entered.enter_context(team_scope(self.access.team))
