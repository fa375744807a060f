"""Start-up refuses a role under which tenants would not be kept apart, and says how to make the right one."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import NamedTuple

import asyncpg
import pytest
import sqlalchemy as sa

from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.roles import check_application_role, role_sql
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.database.tables import metadata
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE
from tests.integration.conftest import Database


class Candidate(NamedTuple):
    """A role that might become the application role: its name and its address."""

    role: str
    url: sa.URL


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The superuser in the test's database."""
    connection = await asyncpg.connect(database.admin_url.replace("+asyncpg", "", 1))
    yield connection
    await connection.close()


@pytest.fixture
async def candidate(admin: asyncpg.Connection, database: Database) -> AsyncIterator[Candidate]:
    """A role that may log in and has the rights of the application role by membership in nothing."""
    role = f"candidate_{uuid.uuid4().hex}"
    await admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'candidate'")
    await admin.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{database.name}" TO {role}')
    await admin.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    yield Candidate(role, sa.make_url(database.app_url).set(username=role, password="candidate"))
    await admin.execute(f"DROP OWNED BY {role}")
    await admin.execute(f"DROP ROLE {role}")


async def refusal(url: str | sa.URL) -> str:
    with pytest.raises(Misconfigured) as caught:
        await check_application_role(create_single_engine(url))
    return str(caught.value)


async def test_the_application_role_is_accepted(database: Database) -> None:
    await check_application_role(create_single_engine(database.app_url))


async def test_it_can_be_checked_before_the_tables_exist(empty_database: Database) -> None:
    await check_application_role(create_single_engine(empty_database.app_url))


async def test_a_superuser_is_refused_and_never_told_to_lose_its_rights(database: Database) -> None:
    message = await refusal(database.admin_url)
    assert "is a superuser" in message
    assert "ALTER ROLE digital_spiral_app LOGIN NOSUPERUSER" in message
    assert "ALTER ROLE postgres" not in message


async def test_the_owner_is_refused(database: Database) -> None:
    message = await refusal(database.owner_url)
    others = len(metadata.tables) - 3
    assert f"owns, or may become the owner of, api_keys, attachments, audit_log and {others} more tables" in message
    assert f"ALTER ROLE {OWNER_ROLE} LOGIN NOSUPERUSER" not in message


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("ALTER ROLE {role} BYPASSRLS", "bypasses row security"),
        ("ALTER ROLE {role} CREATEROLE", "may make roles"),
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("GRANT postgres TO {role}", "may become one"),
        (f"GRANT {OWNER_ROLE} TO {{role}}", "may become the owner of"),
        (f"ALTER ROLE {{role}} NOINHERIT; GRANT {OWNER_ROLE} TO {{role}}", "may become the owner of"),
        ("ALTER TABLE issues OWNER TO {role}", "owns, or may become the owner of, issues"),
        ("GRANT pg_execute_server_program TO {role}", "files of the server"),
        ("GRANT pg_read_server_files TO {role}", "files of the server"),
        ("GRANT CREATE ON SCHEMA public TO {role}", "may make tables"),
        ("GRANT TRUNCATE ON issues TO {role}", "may empty, past all row security, (TRUNCATE) issues"),
        ("GRANT TRIGGER ON comments TO {role}", "may refer to or put triggers on (REFERENCES, TRIGGER) comments"),
        ("SELECT", "may not read and write api_keys"),
        ("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", "is not bound by the row security of"),
        ("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", f"is not '{APP_ROLE}', for which the tables were made"),
    ],
)
async def test_dangerous_or_useless_rights_are_named(
    admin: asyncpg.Connection, candidate: Candidate, sql: str, says: str
) -> None:
    await admin.execute(sql.format(role=candidate.role))
    try:
        message = await refusal(candidate.url)
    finally:
        await admin.execute(f"ALTER TABLE issues OWNER TO {OWNER_ROLE}")
    assert says in message
    assert f"The role '{candidate.role}' in DATABASE_URL" in message
    assert f"CREATE ROLE {OWNER_ROLE}" in message


async def test_temporary_tables_are_needed(admin: asyncpg.Connection, database: Database) -> None:
    await admin.execute(f'REVOKE TEMPORARY ON DATABASE "{database.name}" FROM {APP_ROLE}')
    assert "may not make temporary tables" in await refusal(database.app_url)


async def test_missing_isolation_is_noticed_at_start_up(admin: asyncpg.Connection, database: Database) -> None:
    await admin.execute("ALTER TABLE issues NO FORCE ROW LEVEL SECURITY")
    assert "is not bound by the row security of issues" in await refusal(database.app_url)


async def test_the_printed_sql_makes_roles_that_work(
    empty_database: Database, candidate: Candidate, database: Database
) -> None:
    """From a role with far too many rights and a database of the superuser to an accepted pair of roles."""
    owner = f"owner_{uuid.uuid4().hex}"
    url = sa.make_url(empty_database.app_url).set(username=candidate.role, password="candidate")
    owner_url = url.set(username=owner, password="owner").render_as_string(hide_password=False)
    sql = role_sql(empty_database.name, owner, candidate.role)
    assert sql.count("\\password") == 2
    commands = "\n".join(line for line in sql.splitlines() if not line.startswith("\\password"))
    admin = await asyncpg.connect(empty_database.admin_url.replace("+asyncpg", "", 1))
    try:
        await admin.execute(f"ALTER ROLE {candidate.role} SUPERUSER CREATEROLE BYPASSRLS")
        await admin.execute(f"GRANT ALL ON SCHEMA public TO {candidate.role}, PUBLIC")
        for _ in range(2):
            await admin.execute(commands)
        await admin.execute(f"ALTER ROLE {owner} PASSWORD 'owner'")
        await asyncio.to_thread(migrate.upgrade, owner_url, app_role=candidate.role)
        await check_application_role(create_single_engine(url))
    finally:
        await admin.execute(f"DROP OWNED BY {candidate.role}")
        await admin.execute(f"REASSIGN OWNED BY {owner} TO postgres; DROP OWNED BY {owner}; DROP ROLE {owner}")
        await admin.close()
