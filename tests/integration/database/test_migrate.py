"""The migrations against the real server: what they make is what ``tables.py`` says, and they can be taken back."""

import ast
import asyncio
import importlib.resources
import re

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from digital_spiral.domain.errors import Misconfigured, Unavailable
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.repositories.api_keys import ApiKeyRepository
from digital_spiral.infrastructure.database.repositories.issue_reads import IssueReadsRepository
from digital_spiral.infrastructure.database.repositories.mirror import MirrorRepository
from digital_spiral.infrastructure.database.repositories.runs import RunRepository
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.database.tables import EXTERNAL_COLUMNS, metadata
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE
from tests.integration.conftest import Database

# What a catalog knows of tables, in a form that two databases can be compared by.
CATALOG = """
SELECT 'column' AS kind, format('%s.%s', attrelid::regclass, attname) AS name,
       concat_ws(' ', attnum, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)) AS definition
  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  JOIN pg_class c ON c.oid = attrelid
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND relname <> 'alembic_version'
UNION ALL
SELECT 'constraint', format('%s.%s', conrelid::regclass, conname), pg_get_constraintdef(oid)
  FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('alembic_version')::oid, 0)
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


async def catalog(connection: asyncpg.Connection) -> set[tuple[str, str, str]]:
    return {(row["kind"], row["name"], row["definition"]) for row in await connection.fetch(CATALOG)}


async def connected(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", "", 1))


async def objects(url: str) -> list[str]:
    """Names of all that a user made in the database: tables, indexes, sequences, functions, types, policies."""
    connection = await connected(url)
    try:
        return [
            row["name"]
            for row in await connection.fetch(
                "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                " UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace"
                " UNION ALL SELECT polname FROM pg_policy"
            )
        ]
    finally:
        await connection.close()


async def test_migrated_catalog_is_that_of_the_tables(database: Database, empty_database: Database) -> None:
    engine = create_single_engine(empty_database.owner_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    expected, migrated = await connected(empty_database.owner_url), await connected(database.owner_url)
    try:
        assert await catalog(migrated) == await catalog(expected)
    finally:
        await expected.close()
        await migrated.close()


async def test_autogenerate_finds_nothing_to_migrate(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    async with create_single_engine(database.owner_url).connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_large_json_is_stored_uncompressed(database: Database) -> None:
    connection = await connected(database.owner_url)
    rows = await connection.fetch(
        "SELECT attrelid::regclass::text AS relation, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND attstorage = 'e'"
    )
    await connection.close()
    assert {(row["relation"], row["attname"]) for row in rows} == {(c.table.name, c.name) for c in EXTERNAL_COLUMNS}


def index_comments(migration: str) -> list[str]:
    """For each index that a migration makes, the comment above it; indexes next to each other may share one."""
    lines = migration.splitlines()
    functions = [node for node in ast.parse(migration).body if isinstance(node, ast.FunctionDef)]
    made = [
        (function.lineno, call.lineno)
        for function in functions
        if function.name != "_index"
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("_index", "op.create_index")
    ]
    above = [[line.strip() for line in reversed(lines[first : last - 1])] for first, last in made]
    return [next((line for line in each if line.startswith("# ")), "no comment") for each in above]


def test_every_index_names_a_query_that_exists() -> None:
    versions = importlib.resources.files("digital_spiral.infrastructure.database") / "migrations" / "versions"
    migrations = [file.read_text("utf-8") for file in versions.iterdir() if file.name.endswith(".py")]
    comments = [comment for text in migrations for comment in index_comments(text)]
    secondary = [index for table in metadata.tables.values() for index in table.indexes]
    assert len(comments) == len(secondary)
    classes = (ApiKeyRepository, IssueReadsRepository, MirrorRepository, RunRepository)
    repositories = {each.__name__: each for each in classes}
    for comment in comments:
        named = re.match(r"# (\w+)\.(\w+)(?: and (\w+))?", comment)
        assert named, comment
        for method in filter(None, named.groups()[1:]):
            assert callable(getattr(repositories[named[1]], method)), comment


async def test_upgrade_downgrade_upgrade(empty_database: Database) -> None:
    owner_url = empty_database.owner_url
    assert await asyncio.to_thread(migrate.current, owner_url) is None
    await asyncio.to_thread(migrate.upgrade, owner_url)
    assert await asyncio.to_thread(migrate.current, owner_url) == migrate.head()
    first = await objects(owner_url)
    await asyncio.to_thread(migrate.downgrade, owner_url, "base")
    assert await asyncio.to_thread(migrate.current, owner_url) is None
    left = {name for name in await objects(owner_url) if "alembic_version" not in name}
    assert left == set()
    await asyncio.to_thread(migrate.upgrade, owner_url)
    assert await objects(owner_url) == first


async def test_downgrade_of_a_database_that_holds_rows(database: Database) -> None:
    connection = await connected(database.owner_url)
    await connection.execute("INSERT INTO tenants VALUES (gen_random_uuid(), 'Acme', now())")
    await connection.close()
    await asyncio.to_thread(migrate.downgrade, database.owner_url, "base")
    assert "tenants" not in await objects(database.owner_url)


async def test_upgrade_of_a_current_database_changes_nothing(database: Database) -> None:
    before = await objects(database.owner_url)
    await asyncio.to_thread(migrate.upgrade, database.owner_url)
    assert await objects(database.owner_url) == before


async def test_concurrent_upgrades_do_not_collide(empty_database: Database) -> None:
    url = empty_database.owner_url
    await asyncio.gather(*(asyncio.to_thread(migrate.upgrade, url) for _ in range(4)))
    assert await asyncio.to_thread(migrate.current, url) == migrate.head()


async def test_upgrade_gives_up_on_a_lock_that_never_comes_free(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.0)
    holder = await connected(empty_database.owner_url)
    await holder.execute("SELECT pg_advisory_lock($1)", migrate._LOCK_KEY)
    try:
        with pytest.raises(Unavailable, match="Another process has been migrating"):
            await asyncio.to_thread(migrate.upgrade, empty_database.owner_url)
    finally:
        await holder.close()
    await asyncio.to_thread(migrate.upgrade, empty_database.owner_url)


async def test_failed_upgrade_leaves_nothing(empty_database: Database) -> None:
    owner = await connected(empty_database.owner_url)
    await owner.execute("CREATE TABLE audit_log (stranger text)")
    await owner.close()
    with pytest.raises(Misconfigured, match=r"not ours.*already exists"):
        await asyncio.to_thread(migrate.upgrade, empty_database.owner_url)
    assert {name for name in await objects(empty_database.owner_url) if "audit_log" not in name} == set()


async def test_application_role_may_ask_for_the_revision(database: Database) -> None:
    assert await asyncio.to_thread(migrate.current, database.app_url) == migrate.head()


async def test_application_role_cannot_migrate(empty_database: Database) -> None:
    with pytest.raises(Misconfigured, match="name the same role"):
        await asyncio.to_thread(migrate.upgrade, empty_database.app_url)


async def test_missing_application_role_is_named_with_the_sql_that_makes_it(empty_database: Database) -> None:
    with pytest.raises(Misconfigured) as caught:
        await asyncio.to_thread(migrate.upgrade, empty_database.owner_url, app_role="nobody_made_this")
    assert "'nobody_made_this' does not exist" in str(caught.value)
    assert "CREATE ROLE nobody_made_this" in str(caught.value)
    assert await objects(empty_database.owner_url) == []


async def test_owner_without_the_right_to_make_tables(empty_database: Database) -> None:
    admin = await connected(empty_database.admin_url)
    await admin.execute(f"REVOKE CREATE ON SCHEMA public FROM {OWNER_ROLE}, pg_database_owner")
    await admin.close()
    with pytest.raises(Misconfigured, match="permission denied for schema public"):
        await asyncio.to_thread(migrate.upgrade, empty_database.owner_url)


async def test_another_name_for_the_application_role(empty_database: Database) -> None:
    role = 'app "quoted" role'
    quoted = '"app ""quoted"" role"'
    admin = await connected(empty_database.admin_url)
    try:
        await admin.execute(f"CREATE ROLE {quoted}")
        await asyncio.to_thread(migrate.upgrade, empty_database.owner_url, app_role=role)
        policies = await admin.fetch("SELECT DISTINCT unnest(roles)::text AS role FROM pg_policies")
        assert [row["role"] for row in policies] == [role]
        assert role != APP_ROLE
    finally:
        await admin.execute(f"DROP OWNED BY {quoted}")
        await admin.execute(f"DROP ROLE {quoted}")
        await admin.close()


def test_head_is_the_newest_file() -> None:
    versions = importlib.resources.files("digital_spiral.infrastructure.database") / "migrations" / "versions"
    assert migrate.head() == max(file.name for file in versions.iterdir() if file.name.endswith(".py")).split("_")[0]
