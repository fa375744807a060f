"""Row security as DDL, for migrations: what the application role may see and do in each table.

A tenant table shows and takes only rows of the transaction's tenant, which is the setting ``app.tenant_id``. Without
it there is no row to see and none that may be written. Row security is forced, so the owner of the tables is bound as
well and a data migration has to lift it for itself.
"""

import re

SETTING = "app.tenant_id"
"""The setting that carries the tenant, set locally to each transaction."""

POLICY = "tenant_isolation"
"""Name of the one policy that each tenant table has."""

# The sub-select makes the planner read the setting once per statement instead of once per row.
_OWN_ROWS = f"tenant_id = (SELECT nullif(current_setting('{SETTING}', true), '')::uuid)"


def quoted(identifier: str) -> str:
    """The name of a role, database, table or column as SQL takes it."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", identifier):
        return identifier
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'


def isolate(table: str, app_role: str) -> list[str]:
    """Statements that give ``app_role`` the rows of its tenant in a table with a ``tenant_id``, and nothing else.

    The policy names the role, because permissive policies add up: one for PUBLIC would widen every other.
    """
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {POLICY} ON {table} TO {quoted(app_role)} USING ({_OWN_ROWS}) WITH CHECK ({_OWN_ROWS})",
        f"REVOKE ALL ON {table} FROM PUBLIC, {quoted(app_role)}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {quoted(app_role)}",
    ]


def expose_columns(table: str, columns: tuple[str, ...], app_role: str) -> list[str]:
    """Statements that let ``app_role`` read these columns of a table without ``tenant_id``, and nothing else."""
    return [
        f"REVOKE ALL ON {table} FROM PUBLIC, {quoted(app_role)}",
        f"GRANT SELECT ({', '.join(columns)}) ON {table} TO {quoted(app_role)}",
    ]


def store_uncompressed(table: str, column: str) -> str:
    """The statement that keeps a large column out of line but uncompressed; it must come before the first row."""
    return f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL"
