"""The commands on real servers, with an emulator as the site and a worker of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from digital_spiral.bootstrap.runtime import open_runtime
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE, SUPERUSER
from digital_spiral.interfaces.cli.app import build_app

pytestmark = pytest.mark.process

TOKEN = "emulator-token"
EMAIL = "admin@example.com"


@dataclass(frozen=True)
class Installation:
    """A home with an embedded Redis of its own, and a database of its own on the shared PostgreSQL."""

    home: Path
    environment: dict[str, str]
    admin_url: str

    def run(self, *arguments: str, stdin: str | None = None, **changed: str) -> Result:
        environment = {**self.environment, **changed}
        return CliRunner().invoke(build_app(open_runtime), list(arguments), input=stdin, env=environment)

    def answer(self, *arguments: str, status: int = 0, stdin: str | None = None) -> dict[str, object]:
        """Run a command with `--json`, check its exit status, and return the last line of stdout."""
        result = self.run(*arguments, "--json", stdin=stdin)
        assert result.exit_code == status, result.output
        answer: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
        return answer

    def sql(self, statement: str) -> list[tuple[str, ...]]:
        """Run a statement as the superuser, past all row security."""

        async def run() -> list[tuple[str, ...]]:
            connection = await asyncpg.connect(self.admin_url.replace("+asyncpg", ""))
            rows = await connection.fetch(statement)
            await connection.close()
            return [tuple(row) for row in rows]

        return asyncio.run(run())

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command as a process."""
        with (self.home / f"{arguments[0]}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "digital_spiral", *arguments],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture(scope="module")
def installation(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A migrated installation with the tenant `acme`."""
    name = f"cli_{uuid.uuid4().hex}"
    postgres.create_database(name)
    home = tmp_path_factory.mktemp("home")
    environment = {
        "DIGITAL_SPIRAL_HOME": str(home),
        "DATABASE_URL": postgres.url(APP_ROLE, name),
        "DATABASE_OWNER_URL": postgres.url(OWNER_ROLE, name),
    }
    made = Installation(home, environment, postgres.url(SUPERUSER, name))
    made.answer("db", "current", status=1)
    assert made.answer("instances", status=1)["error"]
    assert made.answer("db", "upgrade")["before"] is None
    made.answer("tenants", "create", "acme")
    yield made
    assert made.answer("down")["stopped"] == ["Redis"]
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Address of an emulator with a few issues."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jira_emulator", "serve", "--port", "0", "--issues", "40"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    yield process.stdout.readline().decode().strip().removeprefix("jira-emulator ready: ")
    stop(process)


@pytest.fixture(scope="module")
def connected(installation: Installation, site: str) -> dict[str, object]:
    """What `connect` answered for the site, called `emu`."""
    return installation.answer("connect", site, "--email", EMAIL, "--token-stdin", "--name", "emu", stdin=f"{TOKEN}\n")


@pytest.fixture(scope="module")
def copied(installation: Installation, connected: dict[str, object]) -> Iterator[dict[str, object]]:
    """What `sync backfill` answered; the worker and beat keep running."""
    assert connected["created"] is True
    processes = [installation.start("worker", "--concurrency", "1"), installation.start("beat")]
    yield installation.answer("sync", "backfill", "emu", "--wait")
    for process in processes:
        stop(process)


def test_connect_tells_the_account_and_its_time_zone(connected: dict[str, object], site: str) -> None:
    assert connected["base_url"] == site
    assert connected["account_id"]
    assert connected["time_zone"]
    assert connected["missing_permissions"] == []


def test_connecting_again_replaces_the_token(
    installation: Installation, connected: dict[str, object], site: str
) -> None:
    again = installation.run("connect", site, "--email", EMAIL, DIGITAL_SPIRAL_JIRA_TOKEN=TOKEN)
    assert again.exit_code == 0
    assert "Replaced the token of emu" in again.stdout
    assert TOKEN not in again.output
    listed = installation.answer("instances")["instances"]
    assert isinstance(listed, list)
    assert [each["instance_id"] for each in listed] == [connected["instance_id"]]


@pytest.mark.parametrize(
    ("address", "token", "status", "said"),
    [
        ("http://acme.example", TOKEN, 2, "https"),
        ("ftp://acme.example", TOKEN, 2, "address"),
        ("http://127.0.0.1:9", TOKEN, 1, "No connection to 127.0.0.1"),
        ("SITE", "wrong", 1, "token"),
    ],
)
def test_connect_refuses_with_a_sentence(
    installation: Installation, site: str, address: str, token: str, status: int, said: str
) -> None:
    result = installation.run(
        "connect", address.replace("SITE", site), "--email", EMAIL, "--token-stdin", stdin=f"{token}\n"
    )
    assert result.exit_code == status
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_backfill_copies_the_site(copied: dict[str, object]) -> None:
    assert copied["state"] == "succeeded", copied
    assert copied["issues_done"] == 40
    assert copied["jira_requests"]


def test_status_shows_the_newest_run(installation: Installation, copied: dict[str, object]) -> None:
    assert installation.answer("sync", "status", "emu")["run_id"] == copied["run_id"]
    assert "succeeded" in installation.run("sync", "status", "emu").stdout


def test_census_agrees_with_the_site(installation: Installation, copied: dict[str, object]) -> None:
    assert copied["skipped"] == 0
    report = installation.answer("census", "emu")
    assert report["match_percent"] == 100.0
    assert report["findings"] == []
    assert installation.answer("census", "emu", "--project", "DEMO", "--sample", "5")["differences"] == 0


def test_changes_are_in_the_audit_log(installation: Installation, copied: dict[str, object]) -> None:
    written = installation.sql("select action, actor from audit_log order by at")
    for action in ("tenant.create", "instance.connect", "sync.backfill"):
        assert action in [name for name, _ in written]
    assert all(actor.startswith("cli:") for _, actor in written)
    assert copied["run_id"]


def test_doctor_asks_the_connected_sites(installation: Installation, connected: dict[str, object]) -> None:
    result = installation.answer("doctor")
    checks = result["checks"]
    assert isinstance(checks, list)
    assert [check["name"] for check in checks if not check["ok"]] == []
    assert checks[-1]["name"] == f"site {connected['name']}"


def test_another_master_key_is_told_from_a_wrong_token(
    installation: Installation, connected: dict[str, object]
) -> None:
    key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    result = installation.run("census", str(connected["name"]), DIGITAL_SPIRAL_MASTER_KEY=key)
    assert result.exit_code == 1
    assert "master key" in result.stderr


def test_a_database_that_is_down_is_named(installation: Installation) -> None:
    result = installation.run("instances", DATABASE_URL="postgresql://app:secret@127.0.0.1:9/nowhere")
    assert result.exit_code == 1
    assert "127.0.0.1:9" in result.stderr
    assert "secret" not in result.output


def test_a_role_that_tenants_would_not_hold_for_is_refused(installation: Installation) -> None:
    result = installation.run("instances", DATABASE_URL=installation.admin_url)
    assert result.exit_code == 1
    assert "superuser" in result.stderr
    assert "CREATE ROLE" in result.stderr


def test_tenants_are_named_when_there_are_several(installation: Installation) -> None:
    made = installation.answer("tenants", "create", "globex")
    try:
        assert "--tenant" in installation.run("instances").stderr
        assert installation.answer("instances", "--tenant", "globex") == {"instances": []}
        assert installation.answer("instances", "--tenant", str(made["tenant_id"])) == {"instances": []}
        unknown = installation.run("instances", "--tenant", "nobody")
        assert unknown.exit_code == 1
        assert "nobody" in unknown.stderr
    finally:
        installation.sql("delete from tenants where name = 'globex'")


def test_reset_never_touches_an_external_database(installation: Installation) -> None:
    result = installation.run("reset", "--yes")
    assert result.exit_code == 1
    assert "external database" in result.stderr


def test_a_misspelt_setting_is_refused(installation: Installation) -> None:
    result = installation.run("instances", DIGITAL_SPIRAL_HOEM="x")
    assert result.exit_code == 1
    assert "DIGITAL_SPIRAL_HOME" in result.stderr
