"""The two roles: one owns the tables, the other uses them. What the second must not be, and the SQL that makes both."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.database.policies import POLICY, quoted
from digital_spiral.infrastructure.database.session import connect
from digital_spiral.infrastructure.database.tables import TENANT_TABLES, metadata

DEFAULT_OWNER_ROLE = "digital_spiral_owner"
DEFAULT_APP_ROLE = "digital_spiral_app"

# Rights count when the role has them itself or may take them on with SET ROLE: MEMBER says both.
_ATTRIBUTES = sa.text(
    "SELECT current_user AS role, current_database() AS database,"
    " bool_or(rolsuper) AS superuser, bool_or(rolbypassrls) AS bypasses, bool_or(rolcreaterole) AS makes_roles,"
    " coalesce(bool_or(rolname IN"
    "  ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')), false) AS reads_files,"
    " has_schema_privilege(current_user, 'public', 'CREATE') AS makes_tables,"
    " has_database_privilege(current_user, current_database(), 'TEMPORARY') AS makes_temporary"
    " FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')"
)
_TABLES = sa.text(
    "SELECT relname AS name, pg_get_userbyid(relowner) AS owner,"
    " pg_has_role(current_user, relowner, 'MEMBER') AS owned,"
    " has_table_privilege(c.oid, 'TRUNCATE') AS truncates,"
    " has_table_privilege(c.oid, 'REFERENCES') OR has_table_privilege(c.oid, 'TRIGGER') AS alters,"
    " has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
    "  AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE') AS usable,"
    " relrowsecurity AND relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p"
    "  WHERE p.polrelid = c.oid AND p.polname = :policy"
    "  AND p.polroles = ARRAY[current_user::regrole::oid]) AS isolated,"
    " (SELECT pg_get_userbyid(polroles[1]) FROM pg_policy p"
    "  WHERE p.polrelid = c.oid AND p.polname = :policy AND p.polroles[1] <> 0) AS isolated_for"
    " FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY(:names)"
    " ORDER BY relname"
)


def role_sql(database: str, owner_role: str = DEFAULT_OWNER_ROLE, app_role: str = DEFAULT_APP_ROLE) -> str:
    """SQL for psql that makes both roles and gives the application role exactly its rights.

    It is for a superuser connected to ``database``, can be run again, and takes rights that are too many away from
    the application role.
    """
    owner, app, name = quoted(owner_role), quoted(app_role), quoted(database)
    return "\n".join(
        [
            *(_create_role(role) for role in (owner_role, app_role)),
            f"ALTER ROLE {owner} LOGIN;",
            f"ALTER ROLE {app} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;",
            f"ALTER DATABASE {name} OWNER TO {owner};",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC, {app};",
            f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {app};",
            f"REVOKE ALL ON SCHEMA public FROM PUBLIC, {app};",
            f"GRANT USAGE, CREATE ON SCHEMA public TO {owner};",
            f"GRANT USAGE ON SCHEMA public TO {app};",
            f"REVOKE TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA public FROM {app};",
            f"REVOKE {owner} FROM {app};",
            f"\\password {owner}",
            f"\\password {app}",
        ]
    )


def _create_role(role: str) -> str:
    literal = role.replace("'", "''")
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{literal}') "
        f"THEN CREATE ROLE {quoted(role)}; END IF; END $$;"
    )


async def check_application_role(engine: AsyncEngine) -> None:
    """Refuse a role for which tenants would not be kept apart, or which lacks what the product needs.

    Tables that do not exist yet are no reason to refuse, so this can run before and after the migrations.

    Raises:
        Misconfigured: It is a superuser, bypasses row security, owns a table, may make itself one of these, or
            may do more or less than it needs; the message holds the SQL that makes the roles.
        Unavailable: The server cannot be reached.
    """
    async with connect(engine) as connection:
        attributes = (await connection.execute(_ATTRIBUTES)).one()
        parameters = {"policy": POLICY, "names": list(metadata.tables)}
        existing = (await connection.execute(_TABLES, parameters)).all()
    problems = _problems(attributes, existing)
    if not problems:
        return
    owner = existing[0].owner if existing else DEFAULT_OWNER_ROLE
    # A role that is made for more than this keeps its rights, and the product gets one of its own.
    wanted = DEFAULT_APP_ROLE if attributes.superuser or attributes.role == owner else attributes.role
    raise Misconfigured(
        f"The role {attributes.role!r} in DATABASE_URL cannot be the application role: it {'; it '.join(problems)}. "
        f"Run in psql, as a superuser in the database {attributes.database!r}, then `digital-spiral db upgrade`:\n\n"
        f"{role_sql(attributes.database, owner, wanted)}"
    )


def _problems(attributes: sa.Row[Any], existing: Sequence[sa.Row[Any]]) -> list[str]:
    if attributes.superuser:
        return ["is a superuser, or may become one, and so sees every tenant's rows"]
    return [*_table_problems(existing), *_attribute_problems(attributes)]


def _attribute_problems(found: sa.Row[Any]) -> list[str]:
    problems = {
        "bypasses row security (BYPASSRLS), or may become a role that does": found.bypasses,
        "may make roles (CREATEROLE), and so give itself other rights": found.makes_roles,
        "may read or write files of the server": found.reads_files,
        "may make tables (CREATE on the schema public)": found.makes_tables,
        "may not make temporary tables, which bulk writing needs": not found.makes_temporary,
    }
    return [text for text, applies in problems.items() if applies]


def _table_problems(existing: Sequence[sa.Row[Any]]) -> list[str]:
    """What is wrong with the role's rights on the tables that exist."""
    owned = [row.name for row in existing if row.owned]
    if owned:
        return [f"owns, or may become the owner of, {_some(owned)}"]
    names = {table.name for table in TENANT_TABLES}
    tenant_tables = [row for row in existing if row.name in names]
    groups = {
        "may empty, past all row security, (TRUNCATE)": [row.name for row in existing if row.truncates],
        "may refer to or put triggers on (REFERENCES, TRIGGER)": [row.name for row in existing if row.alters],
        "may not read and write": [row.name for row in tenant_tables if not row.usable],
        "is not bound by the row security of": [row.name for row in tenant_tables if not row.isolated],
    }
    problems = [f"{text} {_some(found)}" for text, found in groups.items() if found]
    made_for = {row.isolated_for for row in tenant_tables if not row.isolated and row.isolated_for}
    return problems + [f"is not {role!r}, for which the tables were made: name that one" for role in sorted(made_for)]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more tables" if len(names) > 3 else "")
