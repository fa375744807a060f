"""A walk through the server's own catalog: what it enforces, whatever the code says."""

import asyncpg
import pytest

from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE
from tests.integration.conftest import Database

WITHOUT_TENANT = {"tenants", "alembic_version"}
USE = ("SELECT", "INSERT", "UPDATE", "DELETE")
OWN_ROWS = "(tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid"
READABLE_COLUMNS = {("tenants", "id"), ("alembic_version", "version_num")}

RELATIONS = """
SELECT relname::text AS name, relkind::text AS kind, relrowsecurity AS enabled, relforcerowsecurity AS forced,
       pg_get_userbyid(relowner)::text AS owner,
       (SELECT attnum FROM pg_attribute a WHERE attrelid = c.oid AND attname = 'tenant_id' AND attnotnull) AS tenant
  FROM pg_class c
 WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'I', 't', 'c')
"""
POLICIES = """
SELECT tablename::text AS name, permissive, roles::text[] AS roles, cmd, qual, with_check FROM pg_policies
"""
KEYS = """
SELECT indrelid::regclass::text AS name, indexrelid::regclass::text AS index, indkey::int2[] AS columns,
       pg_get_indexdef(indexrelid) AS definition
  FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace
"""
REFERENCES = """
SELECT conname::text AS name, conrelid::regclass::text AS source, confrelid::regclass::text AS target,
       conkey AS columns, confkey AS targets, confdeltype::text AS on_delete
  FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
GRANTS = """
SELECT relname::text AS name, NULL::text AS column, grantee = 0 AS everybody,
       pg_get_userbyid(grantee)::text AS role, privilege_type AS privilege
  FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'
UNION ALL
SELECT relname, attname, grantee = 0, pg_get_userbyid(grantee), privilege_type
  FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid, aclexplode(attacl)
 WHERE relnamespace = 'public'::regnamespace
"""


async def weaknesses(connection: asyncpg.Connection) -> list[str]:
    """Everything in the catalog that would let one tenant reach another's rows; empty when tenants are kept apart."""
    tables = {row["name"]: row for row in await connection.fetch(RELATIONS)}
    found = [f"{name} is no table" for name, row in tables.items() if row["kind"] != "r"]
    found += [f"{name} belongs to {APP_ROLE}" for name, row in tables.items() if row["owner"] == APP_ROLE]
    isolated = {name: row for name, row in tables.items() if name not in WITHOUT_TENANT}
    for name, row in isolated.items():
        if row["tenant"] is None:
            found.append(f"{name} has no tenant_id")
        if not (row["enabled"] and row["forced"]):
            found.append(f"{name} has no forced row security")
    found += _weak_policies(await connection.fetch(POLICIES), set(isolated))
    found += _weak_keys(await connection.fetch(KEYS), isolated)
    found += _weak_references(await connection.fetch(REFERENCES), isolated)
    found += _weak_grants(await connection.fetch(GRANTS), set(isolated))
    return found


def _weak_policies(policies: list[asyncpg.Record], isolated: set[str]) -> list[str]:
    found = []
    for row in policies:
        if row["roles"] != [APP_ROLE] or row["permissive"] != "PERMISSIVE" or row["cmd"] != "ALL":
            found.append(f"the policy of {row['name']} is for {row['roles']} and {row['cmd']}")
        if not all((row[part] or "").startswith(OWN_ROWS) for part in ("qual", "with_check")):
            found.append(f"the policy of {row['name']} says {row['qual']} and {row['with_check']}")
    names = [row["name"] for row in policies]
    found += [f"{name} has {names.count(name)} policies" for name in isolated if names.count(name) != 1]
    return found


def _weak_keys(keys: list[asyncpg.Record], isolated: dict[str, asyncpg.Record]) -> list[str]:
    """Keys and indexes that do not begin with the tenant: a unique one would tell of another's values."""
    return [
        f"{row['index']} does not begin with tenant_id"
        for row in keys
        if row["name"] in isolated and row["columns"][0] != isolated[row["name"]]["tenant"]
    ]


def _weak_references(references: list[asyncpg.Record], isolated: dict[str, asyncpg.Record]) -> list[str]:
    found = []
    for row in references:
        first = row["columns"][0] == isolated[row["source"]]["tenant"]
        target_is_tenant = row["target"] == "tenants" and len(row["columns"]) == 1
        if not first or not (target_is_tenant or row["targets"][0] == isolated[row["target"]]["tenant"]):
            found.append(f"{row['name']} does not begin with tenant_id on both sides")
        if row["on_delete"] != "c":
            found.append(f"{row['name']} does not cascade")
    return found


def _weak_grants(grants: list[asyncpg.Record], isolated: set[str]) -> list[str]:
    given = {(row["name"], row["column"], row["privilege"]) for row in grants if row["role"] == APP_ROLE}
    expected: set[tuple[str, str | None, str]] = {
        (name, None, right) for name in isolated for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
    }
    expected |= {(name, column, "SELECT") for name, column in READABLE_COLUMNS}
    found = [f"{APP_ROLE} has too much: {right}" for right in sorted(map(str, given - expected))]
    found += [f"{APP_ROLE} lacks: {right}" for right in sorted(map(str, expected - given))]
    found += [f"everybody has {row['privilege']} on {row['name']}" for row in grants if row["everybody"]]
    return found


@pytest.fixture
async def owner(database: Database) -> asyncpg.Connection:
    """The role that owns the tables; the database is dropped after the test, and its connections with it."""
    return await asyncpg.connect(database.owner_url.replace("+asyncpg", "", 1))


async def test_tenants_are_kept_apart_by_the_server(owner: asyncpg.Connection) -> None:
    assert await weaknesses(owner) == []
    await owner.close()


@pytest.mark.parametrize(
    ("sql", "weakness"),
    [
        ("CREATE TABLE notes (tenant_id uuid NOT NULL, id int)", "notes has no forced row security"),
        ("CREATE TABLE notes (id int)", "notes has no tenant_id"),
        ("CREATE VIEW notes AS SELECT * FROM issues", "notes is no table"),
        ("CREATE MATERIALIZED VIEW notes AS SELECT 1 AS id", "notes is no table"),
        ("ALTER TABLE issues NO FORCE ROW LEVEL SECURITY", "issues has no forced row security"),
        ("ALTER TABLE issues DISABLE ROW LEVEL SECURITY", "issues has no forced row security"),
        ("DROP POLICY tenant_isolation ON issues", "issues has 0 policies"),
        (f"CREATE POLICY more ON issues TO {APP_ROLE} USING (true)", "issues has 2 policies"),
        ("ALTER POLICY tenant_isolation ON issues TO PUBLIC", "the policy of issues is for ['public'] and ALL"),
        ("ALTER POLICY tenant_isolation ON issues USING (true)", "the policy of issues says true and"),
        ("ALTER POLICY tenant_isolation ON issues WITH CHECK (true)", "the policy of issues says"),
        ("CREATE UNIQUE INDEX key ON issues (key)", "key does not begin with tenant_id"),
        (
            "ALTER TABLE issues ADD UNIQUE (jira_id);"
            "ALTER TABLE comments ADD CONSTRAINT loose FOREIGN KEY (issue_id) REFERENCES issues (jira_id)",
            "loose does not begin with tenant_id on both sides",
        ),
        (f"GRANT TRUNCATE ON issues TO {APP_ROLE}", "has too much: ('issues', None, 'TRUNCATE')"),
        (f"GRANT SELECT ON tenants TO {APP_ROLE}", "has too much: ('tenants', None, 'SELECT')"),
        (f"GRANT SELECT (name) ON tenants TO {APP_ROLE}", "has too much: ('tenants', 'name', 'SELECT')"),
        (f"REVOKE DELETE ON issues FROM {APP_ROLE}", "lacks: ('issues', None, 'DELETE')"),
        ("GRANT SELECT ON issues TO PUBLIC", "everybody has SELECT on issues"),
    ],
)
async def test_the_walk_notices(owner: asyncpg.Connection, sql: str, weakness: str) -> None:
    await owner.execute(sql)
    found = await weaknesses(owner)
    await owner.close()
    assert any(weakness in item for item in found), found
