"""Row-level security of tables that carry a team, as an operation of migrations.

Every table with a column `team_id` needs one; a test looks for tables without.
"""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

# In sub-selects, so that Postgres computes them once a statement and not once a row.
OWN_ROWS = (
    "team_id = (SELECT nullif(current_setting('emotionsite.team', true), '')::uuid)"
    " OR (SELECT current_setting('emotionsite.across', true)) = 'on'"
)


class ProtectRows(Operation):
    """Let a session see and write only rows of the team it was told (`emotionsite.database`).

    Forced, so that it holds for the table's owner too; only a superuser passes.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, *tables: str) -> None:
        self.tables = tables

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, list(self.tables), {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Django's models do not know of policies."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        for table in self.tables:
            name = schema_editor.quote_name(table)
            schema_editor.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
            schema_editor.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
            schema_editor.execute(
                f"CREATE POLICY own_team ON {name} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})"
            )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        for table in reversed(self.tables):
            name = schema_editor.quote_name(table)
            schema_editor.execute(f"DROP POLICY own_team ON {name}")
            schema_editor.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
            schema_editor.execute(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY")

    def describe(self) -> str:
        return f"Protect the rows of {', '.join(self.tables)}"
