"""The embedded PostgreSQL while it runs: who may log in, as whom it runs, what its addresses are good for."""

import json
import os
import pwd
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from digital_spiral.infrastructure.embedded.postgres import postgres_status, start_postgres
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, DATABASE, OWNER_ROLE, SUPERUSER

AS_ROOT = os.geteuid() == 0


async def fetch(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def test_every_address_leads_its_role_into_the_database(server: PostgresServer) -> None:
    expected = [
        (server.app_url, APP_ROLE, DATABASE),
        (server.owner_url, OWNER_ROLE, DATABASE),
        (server.tcp_url(APP_ROLE), APP_ROLE, DATABASE),
        (server.admin_url, SUPERUSER, "postgres"),
    ]
    for url, role, database in expected:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            row = (await connection.execute(text("SELECT current_user, current_database()"))).one()
        await engine.dispose()
        assert tuple(row) == (role, database)


async def test_roles_have_no_right_they_do_not_need(server: PostgresServer) -> None:
    roles = await fetch(
        server.admin_url,
        "SELECT rolname, rolcanlogin, "
        "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS more "
        "FROM pg_roles WHERE rolname LIKE 'digital_spiral%' ORDER BY rolname",
    )
    assert [tuple(role) for role in roles] == [(APP_ROLE, True, False), (OWNER_ROLE, True, False)]
    rights = await fetch(
        server.app_url,
        "SELECT has_database_privilege(current_database(), 'TEMP') AS temp, "
        "has_database_privilege(current_database(), 'CREATE') AS schemas, "
        "has_schema_privilege('public', 'CREATE') AS tables, has_schema_privilege('public', 'USAGE') AS usage",
    )
    assert dict(rights[0]) == {"temp": True, "schemas": False, "tables": False, "usage": True}
    owner = await fetch(server.owner_url, "SELECT has_schema_privilege('public', 'CREATE') AS tables")
    assert owner[0]["tables"]


@pytest.mark.parametrize("password", ["wrong", None])
@pytest.mark.parametrize("role", [APP_ROLE, OWNER_ROLE, SUPERUSER])
async def test_nobody_logs_in_without_the_password(server: PostgresServer, role: str, password: str | None) -> None:
    for host in ("127.0.0.1", str(server.socket_dir)):
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
            await asyncpg.connect(
                host=host, port=server.port, user=role, password=password, database="postgres", passfile="/nonexistent"
            )


async def test_text_sorts_by_code_point_and_letters_are_those_of_unicode(server: PostgresServer) -> None:
    rows = await fetch(
        server.app_url, "SELECT array_agg(w ORDER BY w) AS s, lower('ŽÄ') AS l FROM unnest(ARRAY['b', 'B', 'ä']) w"
    )
    assert (rows[0]["s"], rows[0]["l"]) == (["B", "b", "ä"], "žä")


async def test_statements_are_counted(server: PostgresServer) -> None:
    rows = await fetch(server.admin_url.replace("/postgres?", f"/{DATABASE}?"), "SELECT calls FROM pg_stat_statements")
    assert rows


async def test_passwords_are_neither_in_the_statistics_nor_in_the_log(server: PostgresServer) -> None:
    rows = await fetch(server.admin_url.replace("/postgres?", f"/{DATABASE}?"), "SELECT query FROM pg_stat_statements")
    recorded = "\n".join(row["query"] for row in rows) + (server.home / "postgres" / "server.log").read_text()
    assert "CREATE" in recorded
    assert not any(password in recorded for password in server.passwords.values())


def test_a_second_start_finds_the_running_server(server: PostgresServer) -> None:
    assert start_postgres(server.home) == server
    assert postgres_status(server.home) == server


def test_another_process_finds_the_running_server(server: PostgresServer) -> None:
    code = (
        "import sys; from pathlib import Path; from digital_spiral.infrastructure.embedded.postgres import *; "
        "print(start_postgres(Path(sys.argv[1])).pid)"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(server.home)], capture_output=True, text=True, check=True)
    assert int(answer.stdout) == server.pid


async def test_start_and_status_may_be_called_inside_an_event_loop(server: PostgresServer) -> None:
    assert start_postgres(server.home).pid == server.pid


async def test_a_role_that_lost_its_login_gets_it_back_at_the_next_start(server: PostgresServer) -> None:
    await fetch(server.admin_url, f"ALTER ROLE {APP_ROLE} NOLOGIN")
    start_postgres(server.home)
    assert (await fetch(server.app_url, "SELECT 1 AS one"))[0]["one"] == 1


def test_psql_line_works_and_shows_no_password(server: PostgresServer) -> None:
    line = server.psql_command({"app.tenant_id": "6b6a5d0e-1f3f-4f51-9f0a-2d3c4b5a6978"})
    assert not any(password in line for password in server.passwords.values())
    query = "SELECT current_user || ' ' || current_setting('app.tenant_id')"
    answer = subprocess.run([*shlex.split(line), "-Atc", query], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == f"{APP_ROLE} 6b6a5d0e-1f3f-4f51-9f0a-2d3c4b5a6978"


def test_text_form_shows_no_password(server: PostgresServer) -> None:
    assert not any(password in repr(server) for password in server.passwords.values())


def test_secrets_belong_to_the_caller_alone(server: PostgresServer) -> None:
    for name in ("credentials.json", "pgpass"):
        info = (server.home / "postgres" / name).stat()
        assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (os.geteuid(), 0o600)
    assert set(json.loads((server.home / "postgres" / "credentials.json").read_text())) == set(server.passwords)
    assert not (server.home / "postgres" / "initdb.password").exists()


def test_data_is_closed_to_others(server: PostgresServer) -> None:
    for name in ("data", "run"):
        assert stat.S_IMODE((server.home / "postgres" / name).stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root starts the server as another account")
def test_root_runs_it_as_nobody(server: PostgresServer) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    assert Path(f"/proc/{server.pid}").stat().st_uid == nobody
    assert (server.home / "postgres" / "data").stat().st_uid == nobody


@pytest.mark.skipif(AS_ROOT, reason="a normal user starts the server as itself")
def test_a_normal_user_runs_it_as_itself(server: PostgresServer) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid == os.geteuid()


async def test_databases_can_be_made_copied_and_dropped(server: PostgresServer) -> None:
    server.create_database("first")
    await fetch(server.url(OWNER_ROLE, "first"), "CREATE TABLE kept (n int)")
    await fetch(server.url(OWNER_ROLE, "first"), f"GRANT SELECT ON kept TO {APP_ROLE}")
    server.create_database("second", template="first")
    assert await fetch(server.url(APP_ROLE, "second"), "SELECT n FROM kept") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(server.url(APP_ROLE, "second"), "CREATE TABLE forbidden (n int)")
    server.drop_database("first")
    server.drop_database("second")
    server.drop_database("second")
    names = [row["datname"] for row in await fetch(server.admin_url, "SELECT datname FROM pg_database")]
    assert not {"first", "second"} & set(names)
