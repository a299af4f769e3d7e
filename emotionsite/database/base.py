"""The second fence between teams: every statement runs with the scope's team known to Postgres.

Row-level security compares a row's team with the setting `emotionsite.team` of the session. The backend
brings that setting up to date before a statement whenever the scope has changed: a statement outside any
scope finds no row of any team, and `accounts.access.across_teams` alone sees all (`emotionsite.across`).
`accounts.row_security` makes the policies.

Needs sessions of its own: a pooler in front of Postgres must pool sessions, not transactions.
"""

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base
from django_scopes import get_scope
from psycopg.pq import TransactionStatus

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]
TELL = "SELECT set_config('emotionsite.team', %s, false), set_config('emotionsite.across', %s, false)"


def scope_settings() -> tuple[str, str]:
    """(team id or '', 'on' or 'off') for the scope the caller is in."""
    scope = get_scope()
    if scope.get("_enabled") is False:
        return "", "on"
    team = scope.get("team")
    return ("" if team is None else str(team.pk)), "off"


class DatabaseWrapper(base.DatabaseWrapper):
    """Keeps `_told`, what the session was last told; None when that is not certain."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told: tuple[str, str] | None = None
        self.execute_wrappers.append(self._tell)

    def _tell(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        wanted = scope_settings()
        # In a transaction that has failed, Postgres takes nothing but its end.
        failed = self.connection.info.transaction_status == TransactionStatus.INERROR
        if wanted != self._told and not failed:
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute(TELL, wanted)
            self._told = wanted
        return execute(sql, params, many, context)

    def doubt(self) -> None:
        """Tell the session its team again before the next statement: what it was told may be undone."""
        self._told = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._told = None
        return super().get_new_connection(conn_params)

    def _close(self) -> Any:
        self._told = None
        return super()._close()  # type: ignore[misc]  # the stubs leave it out

    # A setting made inside a transaction is undone with it, and then the one before holds again.
    def _rollback(self) -> Any:
        self._told = None
        return super()._rollback()  # type: ignore[misc]  # the stubs leave it out

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # the stubs leave it out
        self._told = None
