"""The base of every API view that belongs to a team."""

from contextlib import ExitStack
from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from .access import Access, require_access, team_scope


class TeamAPIView(APIView):
    """An API view that runs inside the scope of the team its caller was let into."""

    access: Access

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self._entered:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Authentication and permission first; only then is it known which team to enter.
        super().initial(request, *args, **kwargs)
        self.access = require_access(request._request)  # noqa: SLF001
        self._entered.enter_context(team_scope(self.access.team))
