"""Two tenants with the same ids in every table: no statement of the application role reaches the other's rows."""

import uuid
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.database.tables import (
    TENANT_TABLES,
    comments,
    issue_links,
    issues,
    jira_instances,
    metadata,
    tenants,
)
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE, SUPERUSER
from tests.integration.database.conftest import Populated, driver, set_tenant

each_table = pytest.mark.parametrize("table", TENANT_TABLES, ids=lambda table: table.name)


async def refused(connection: AsyncConnection, sql: sa.Executable | str, reason: str) -> None:
    """Assert that the server refuses the statement for this reason."""
    with pytest.raises(exc.DBAPIError, match=reason):
        async with connection.begin_nested():
            await connection.execute(sa.text(sql) if isinstance(sql, str) else sql)


@each_table
async def test_reading_shows_own_rows_only(member: AsyncConnection, populated: Populated, table: sa.Table) -> None:
    rows = (await member.execute(sa.select(table.c.tenant_id))).scalars().all()
    assert rows == [populated.own.tenant_id]
    theirs = sa.select(table).where(table.c.tenant_id == populated.other.tenant_id)
    assert (await member.execute(theirs)).all() == []
    assert await member.scalar(sa.select(sa.func.count()).select_from(table)) == 1
    assert await member.scalar(sa.select(theirs.exists())) is False
    assert await member.scalar(sa.select(sa.func.count(table.c.tenant_id.distinct()))) == 1
    assert (await member.execute(theirs.with_for_update())).all() == []


@each_table
async def test_updating_reaches_own_rows_only(member: AsyncConnection, populated: Populated, table: sa.Table) -> None:
    unchanged = {table.c.tenant_id: table.c.tenant_id}
    everything = await member.execute(sa.update(table).values(unchanged))
    assert everything.rowcount == 1
    theirs = sa.update(table).where(table.c.tenant_id == populated.other.tenant_id)
    assert (await member.execute(theirs.values(unchanged))).rowcount == 0


@each_table
async def test_moving_a_row_to_another_tenant_is_refused(
    member: AsyncConnection, populated: Populated, table: sa.Table
) -> None:
    values: dict[str, object] = {"tenant_id": populated.other.tenant_id}
    if "instance_id" in table.c:
        values["instance_id"] = populated.other.instance_id
    await refused(member, sa.update(table).values(values), "violates row-level security policy")


@each_table
async def test_deleting_reaches_own_rows_only(member: AsyncConnection, populated: Populated, table: sa.Table) -> None:
    theirs = sa.delete(table).where(table.c.tenant_id == populated.other.tenant_id)
    assert (await member.execute(theirs)).rowcount == 0
    assert (await member.execute(sa.delete(table))).rowcount == 1
    await set_tenant(member, populated.other.tenant_id)
    for others in TENANT_TABLES:
        assert await member.scalar(sa.select(sa.func.count()).select_from(others)) == 1, others.name


@each_table
async def test_inserting_for_another_tenant_is_refused(
    member: AsyncConnection, populated: Populated, table: sa.Table
) -> None:
    reason = "violates row-level security policy"
    await refused(member, insert(table).values(populated.other.another(table)), reason)
    await refused(member, insert(table).values(populated.other.sample(table)), reason)
    upsert = insert(table).values(populated.other.sample(table))
    keys = table.primary_key.columns
    await refused(
        member, upsert.on_conflict_do_update(index_elements=keys, set_={"tenant_id": upsert.excluded.tenant_id}), reason
    )
    await refused(member, upsert.on_conflict_do_nothing(), reason)


@each_table
async def test_own_rows_can_be_written(member: AsyncConnection, populated: Populated, table: sa.Table) -> None:
    await member.execute(insert(table).values(populated.own.another(table)))
    assert await member.scalar(sa.select(sa.func.count()).select_from(table)) == 2
    assert (await member.execute(sa.delete(table))).rowcount == 2


@each_table
async def test_without_a_tenant_there_are_no_rows(
    nobody: AsyncConnection, populated: Populated, table: sa.Table
) -> None:
    count = sa.select(sa.func.count()).select_from(table)
    assert await nobody.scalar(count) == 0
    assert (await nobody.execute(sa.update(table).values(tenant_id=populated.own.tenant_id))).rowcount == 0
    assert (await nobody.execute(sa.delete(table))).rowcount == 0
    new_row = insert(table).values(populated.own.another(table))
    await refused(nobody, new_row, "violates row-level security policy")
    await nobody.execute(sa.text("SELECT set_config('app.tenant_id', '', true)"))
    assert await nobody.scalar(count) == 0
    await refused(nobody, new_row, "violates row-level security policy")


@each_table
async def test_whole_table_statements_are_refused(member: AsyncConnection, table: sa.Table) -> None:
    name = table.name
    await refused(member, f"TRUNCATE {name}", "permission denied")
    await refused(member, f"TRUNCATE {name} CASCADE", "permission denied")
    await refused(member, f"DROP TABLE {name} CASCADE", "must be owner")
    await refused(member, f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY", "must be owner")
    await refused(member, f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY", "must be owner")
    await refused(member, f"DROP POLICY tenant_isolation ON {name}", "must be owner")
    await refused(member, f"CREATE POLICY mine ON {name} USING (true)", "must be owner")
    await refused(member, f"CREATE INDEX mine ON {name} (tenant_id)", "must be owner")
    await refused(member, f"CREATE RULE mine AS ON INSERT TO {name} DO NOTHING", "must be owner")
    acl = sa.text("SELECT relacl::text FROM pg_class WHERE oid = CAST(:name AS regclass)")
    before = await member.scalar(acl, {"name": name})
    await member.execute(sa.text(f"GRANT ALL ON {name} TO PUBLIC"))  # a warning, not an error
    assert await member.scalar(acl, {"name": name}) == before


@each_table
async def test_copy_takes_no_rows_and_gives_own_rows_only(
    member: AsyncConnection, populated: Populated, table: sa.Table
) -> None:
    connection = await driver(member)
    received = bytearray()

    async def receive(data: bytes) -> None:
        received.extend(data)

    await connection.copy_from_table(table.name, columns=["tenant_id"], output=receive)
    assert received.decode().split() == [str(populated.own.tenant_id)]
    row = populated.own.another(table)
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="COPY FROM not supported with row-level security"):
        await connection.copy_records_to_table(
            table.name, records=[(row["tenant_id"],)], columns=["tenant_id"], schema_name="public"
        )


@each_table
async def test_switching_row_security_off_is_an_error_not_a_way_out(member: AsyncConnection, table: sa.Table) -> None:
    await member.execute(sa.text("SET LOCAL row_security = off"))
    await refused(member, sa.select(table), "would be affected by row-level security")
    await refused(member, sa.delete(table), "would be affected by row-level security")


@each_table
async def test_the_owner_is_bound_as_well(populated: Populated, table: sa.Table) -> None:
    async with create_single_engine(populated.database.owner_url).connect() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (f"SET ROLE {OWNER_ROLE}", "permission denied to set role"),
        (f"SET ROLE {SUPERUSER}", "permission denied to set role"),
        (f"SET SESSION AUTHORIZATION {OWNER_ROLE}", "permission denied"),
        (f"ALTER ROLE {APP_ROLE} BYPASSRLS", "permission denied|must be superuser"),
        (f"GRANT {OWNER_ROLE} TO {APP_ROLE}", "permission denied|must have admin option"),
        (f"REASSIGN OWNED BY {OWNER_ROLE} TO {APP_ROLE}", "permission denied"),
        ("CREATE ROLE accomplice", "permission denied"),
        ("CREATE TABLE public.mine (id int)", "permission denied for schema public"),
        ("CREATE VIEW public.mine AS SELECT * FROM issues", "permission denied for schema public"),
        ("CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "permission denied for schema public"),
        ("CREATE SCHEMA mine", "permission denied for database"),
        ("CREATE EXTENSION file_fdw", "permission denied"),
        ("ALTER TABLE tenants OWNER TO CURRENT_USER", "must be owner"),
        ("DROP TABLE tenants CASCADE", "must be owner"),
        ("COPY issues TO PROGRAM 'cat'", "permission denied|must be superuser"),
        ("SELECT starelid FROM pg_statistic", "permission denied"),
        ("SELECT rolpassword FROM pg_authid", "permission denied"),
        ("UPDATE pg_policy SET polroles = '{0}'", "permission denied"),
        ("SET session_replication_role = replica", "permission denied"),
    ],
)
async def test_the_application_role_cannot_become_more(member: AsyncConnection, sql: str, reason: str) -> None:
    await refused(member, sql, reason)


async def test_of_tenants_only_ids_can_be_read(member: AsyncConnection, populated: Populated) -> None:
    ids = (await member.execute(sa.select(tenants.c.id))).scalars().all()
    assert set(ids) == {populated.own.tenant_id, populated.other.tenant_id}
    for sql in (
        "SELECT name FROM tenants",
        "SELECT * FROM tenants",
        "SELECT id FROM tenants FOR UPDATE",
        "SELECT id FROM tenants ORDER BY name",
        "INSERT INTO tenants VALUES (gen_random_uuid(), 'Mine', now())",
        "UPDATE tenants SET name = 'Mine'",
        "DELETE FROM tenants",
        "TRUNCATE tenants CASCADE",
        "COPY tenants TO STDOUT",
    ):
        await refused(member, sql, "permission denied")


async def test_joins_and_aggregates_see_own_rows_only(member: AsyncConnection, populated: Populated) -> None:
    joined = sa.select(sa.func.count()).select_from(issues.join(comments, issues.c.jira_id == comments.c.issue_id))
    assert await member.scalar(joined) == 1
    products = " CROSS JOIN ".join(table.name for table in TENANT_TABLES)
    assert await member.scalar(sa.text(f"SELECT count(*) FROM {products}")) == 1  # noqa: S608
    union = sa.union_all(*(sa.select(table.c.tenant_id) for table in TENANT_TABLES)).subquery()
    assert await member.scalar(sa.select(sa.func.count(union.c.tenant_id.distinct()))) == 1
    listed = await member.scalar(sa.text("SELECT array_agg(DISTINCT tenant_id) FROM issues TABLESAMPLE SYSTEM (100)"))
    assert listed == [populated.own.tenant_id]


async def test_tables_and_cursors_filled_from_a_query_hold_own_rows_only(member: AsyncConnection) -> None:
    await member.execute(sa.text("CREATE TEMPORARY TABLE loot AS SELECT * FROM issues"))
    assert await member.scalar(sa.text("SELECT count(*) FROM loot")) == 1
    await member.execute(sa.text("DECLARE loot CURSOR FOR SELECT * FROM issues"))
    assert len((await member.execute(sa.text("FETCH ALL FROM loot"))).all()) == 1


async def test_a_function_in_a_condition_is_not_shown_hidden_rows(
    member: AsyncConnection, populated: Populated
) -> None:
    """A function that is cheap and tells what it is given would, without row security's barrier, run first."""
    connection = await driver(member)
    told: list[str] = []
    connection.add_log_listener(lambda _, message: told.append(message.message))
    await connection.execute(
        "CREATE FUNCTION pg_temp.tell(value uuid) RETURNS bool LANGUAGE plpgsql COST 0.0001"
        " AS $$ BEGIN RAISE NOTICE 'saw %', value; RETURN true; END $$"
    )
    assert len(await connection.fetch("SELECT * FROM issues WHERE pg_temp.tell(tenant_id)")) == 1
    assert told == [f"saw {populated.own.tenant_id}"]


async def test_plans_count_own_rows_only(member: AsyncConnection, populated: Populated) -> None:
    def actual_rows(node: dict[str, Any]) -> list[float]:
        return [float(node["Actual Rows"]), *(rows for child in node.get("Plans", []) for rows in actual_rows(child))]

    sql = "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM issues"
    (plan,) = await member.scalar(sa.text(sql)) or [{}]
    assert max(actual_rows(plan["Plan"])) == 1
    (plan,) = await member.scalar(sa.text(f"{sql} WHERE tenant_id = '{populated.other.tenant_id}'")) or [{}]
    assert plan["Plan"]["Actual Rows"] == 0


async def test_statistics_show_no_values_of_hidden_rows(populated: Populated, member: AsyncConnection) -> None:
    async with create_single_engine(populated.database.owner_url).begin() as owner:
        await owner.execute(sa.text("ANALYZE"))
    shown = await member.execute(
        sa.text("SELECT tablename FROM pg_stats WHERE tablename = ANY(:names)"), {"names": list(metadata.tables)}
    )
    assert {row.tablename for row in shown} <= {"tenants", "alembic_version"}


async def test_a_reference_to_another_tenants_row_is_as_good_as_none(
    member: AsyncConnection, populated: Populated
) -> None:
    """Whether the other tenant has issue 7 or nobody has it, the answer is the same."""
    own, other = populated.own, populated.other
    await set_tenant(member, other.tenant_id)
    await member.execute(insert(issues).values(other.sample(issues, jira_id=7)))
    await set_tenant(member, own.tenant_id)
    for issue_id in (7, 8):
        child = own.sample(comments, jira_id=99, issue_id=issue_id)
        await refused(member, insert(comments).values(child), "violates foreign key constraint")
    stolen = own.sample(comments, jira_id=99, instance_id=other.instance_id)
    await refused(member, insert(comments).values(stolen), "violates foreign key constraint")
    link = own.sample(issue_links, jira_id=99, instance_id=other.instance_id)
    await refused(member, insert(issue_links).values(link), "violates foreign key constraint")


async def test_a_taken_name_of_another_tenant_is_free(member: AsyncConnection, populated: Populated) -> None:
    async def add(row: dict[str, object]) -> None:
        await member.execute(insert(jira_instances).values(row))

    await set_tenant(member, populated.other.tenant_id)
    await add(populated.other.sample(jira_instances, id=uuid.uuid4(), name="taken", base_url="taken"))
    await set_tenant(member, populated.own.tenant_id)
    await add(populated.own.sample(jira_instances, id=uuid.uuid4(), name="taken", base_url="taken"))


async def test_a_prepared_statement_follows_the_tenant(nobody: AsyncConnection, populated: Populated) -> None:
    """After some executions the server keeps one plan for all parameters; the tenant must not be frozen into it."""
    connection = await driver(nobody)
    await nobody.execute(sa.select(1))
    prepared = await connection.prepare("SELECT tenant_id FROM issues WHERE jira_id = $1")
    for _ in range(12):
        for rows in (populated.own, populated.other):
            await connection.execute(f"SELECT set_config('app.tenant_id', '{rows.tenant_id}', true)")
            assert [row["tenant_id"] for row in await prepared.fetch(1)] == [rows.tenant_id]


async def test_a_tenant_that_is_no_uuid_is_an_error(member: AsyncConnection) -> None:
    await member.execute(sa.text("SELECT set_config('app.tenant_id', 'everybody', true)"))
    await refused(member, "SELECT * FROM issues", "invalid input syntax for type uuid")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO issue_sprints SELECT '{other}', instance_id, issue_id, 5 FROM issue_sprints",
        "WITH moved AS (DELETE FROM issue_sprints RETURNING *)"
        " INSERT INTO issue_sprints SELECT '{other}', instance_id, issue_id, sprint_id FROM moved",
        "MERGE INTO issue_sprints t USING issue_sprints s ON t.sprint_id = s.sprint_id"
        " WHEN MATCHED THEN UPDATE SET tenant_id = '{other}'",
    ],
    ids=["insert-select", "cte", "merge"],
)
async def test_compound_statements_are_checked(member: AsyncConnection, populated: Populated, sql: str) -> None:
    await refused(member, sql.format(other=populated.other.tenant_id), "violates row-level security policy")


async def test_a_deleted_tenant_leaves_no_row_and_the_other_loses_none(populated: Populated) -> None:
    """Cascades run past row security, so a deletion by the owner, who sees no rows, is complete all the same."""
    own, other = populated.own, populated.other
    async with create_single_engine(populated.database.admin_url).connect() as admin:
        await admin.execute(sa.text(f"SET LOCAL ROLE {OWNER_ROLE}"))
        await admin.execute(sa.delete(tenants).where(tenants.c.id == own.tenant_id))
        await admin.execute(sa.text("RESET ROLE"))
        for table in TENANT_TABLES:
            left = (await admin.execute(sa.select(table.c.tenant_id))).scalars().all()
            assert left == [other.tenant_id], table.name


def test_every_table_but_tenants_is_covered() -> None:
    assert {table.name for table in TENANT_TABLES} == set(metadata.tables) - {"tenants"}
