"""`digital-spiral keys` on the real database."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from digital_spiral.bootstrap.runtime import open_runtime
from digital_spiral.domain.entities.tenancy import Scope
from digital_spiral.domain.services.api_key_token import parse_token
from digital_spiral.interfaces.cli.app import build_app
from tests.integration.conftest import Database


@dataclass(frozen=True)
class Program:
    """The whole program on a database of its own; no command of `keys` speaks to Redis."""

    environment: dict[str, str]
    admin_url: str

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(build_app(open_runtime), list(arguments), env=self.environment)

    def answer(self, *arguments: str) -> dict[str, object]:
        """Run a command with `--json`, check that it is well, and return the last line of stdout."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        answer: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
        return answer

    def states(self, *arguments: str) -> dict[str, str]:
        """State of each key, by its name."""
        listed = self.answer("keys", "list", *arguments)["keys"]
        assert isinstance(listed, list)
        return {key["name"]: key["state"] for key in listed}

    def sql(self, statement: str) -> None:
        """Run a statement as the superuser, past all row security."""

        async def run() -> None:
            connection = await asyncpg.connect(self.admin_url.replace("+asyncpg", "", 1))
            await connection.execute(statement)
            await connection.close()

        asyncio.run(run())


@pytest.fixture
def program(database: Database, tmp_path: Path) -> Program:
    """An installation with the tenant `acme`."""
    environment = {
        "DIGITAL_SPIRAL_HOME": str(tmp_path),
        "DATABASE_URL": database.app_url,
        "DATABASE_OWNER_URL": database.owner_url,
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "COLUMNS": "200",
    }
    made = Program(environment, database.admin_url)
    made.answer("tenants", "create", "acme")
    return made


def test_a_key_is_printed_once(program: Program) -> None:
    made = program.answer("keys", "create", "reports")
    token = str(made["token"])
    parsed = parse_token(token)
    assert parsed is not None
    assert parsed.prefix == made["prefix"]
    assert made["scopes"] == list(Scope)
    assert (made["expires_at"], made["last_used_at"], made["revoked_at"]) == (None, None, None)
    outputs = [
        program.run("keys", "list"),
        program.run("keys", "list", "--json"),
        program.run("keys", "revoke", "reports"),
    ]
    for result in outputs:
        assert result.exit_code == 0
        assert token[-43:] not in result.output
        assert str(made["prefix"]) in result.output


def test_text_gives_the_token_a_line_of_its_own(program: Program) -> None:
    program.environment["COLUMNS"] = "40"
    result = program.run("keys", "create", "reports")
    assert result.exit_code == 0
    tokens = [line for line in result.stdout.splitlines() if parse_token(line)]
    assert len(tokens) == 1
    assert result.output.count(tokens[0]) == 1
    assert "does not expire" in result.stdout


def test_scopes_and_expiry_are_the_callers(program: Program) -> None:
    before = datetime.now(UTC)
    options = ("--scope", "issues:read", "--scope", "instances:read", "--expires-in", "90")
    made = program.answer("keys", "create", "reports", *options)
    assert made["scopes"] == ["instances:read", "issues:read"]
    expires_at = datetime.fromisoformat(str(made["expires_at"]))
    assert timedelta(days=90) <= expires_at - before <= timedelta(days=90, minutes=5)
    said = " ".join(program.run("keys", "create", "other", *options).stdout.split())
    assert f"for instances:read, issues:read. It expires at {expires_at:%Y-%m-%d}" in said


def test_expired_and_revoked_keys_are_shown_as_such(program: Program) -> None:
    assert "Next: digital-spiral keys create" in program.run("keys", "list").stdout
    for name in ("active", "expired", "revoked"):
        program.answer("keys", "create", name, "--expires-in", "1")
    revoked = program.answer("keys", "revoke", "revoked")
    assert revoked["revoked_at"]
    program.sql("UPDATE api_keys SET expires_at = now() WHERE name IN ('expired', 'revoked')")
    assert program.states() == {"active": "active", "expired": "expired", "revoked": "revoked"}
    shown = program.run("keys", "list").stdout
    for name in ("active", "expired", "revoked"):
        row = next(line for line in shown.splitlines() if f"│ {name} " in line)
        assert row.count(f"│ {name} ") == 2, "once as the name and once as the state"
    assert "never" in shown


def test_a_key_is_revoked_by_its_prefix_and_only_once(program: Program) -> None:
    made = program.answer("keys", "create", "reports")
    assert "Revoked the API key reports" in program.run("keys", "revoke", str(made["prefix"])).stdout
    again = program.run("keys", "revoke", "reports")
    assert again.exit_code == 1
    assert "keys list" in again.stderr
    assert program.answer("keys", "create", "reports")["key_id"] != made["key_id"]


def test_what_cannot_be_is_refused_with_a_sentence(program: Program) -> None:
    program.answer("keys", "create", "taken")
    for arguments, status, said in (
        (("create", "x" * 101), 2, "1 to 100 printable characters"),
        (("create", "taken"), 1, "exists already"),
        (("create", "new", "--scope", "issues:write"), 2, "issues:write"),
        (("create", "new", "--expires-in", "0"), 2, "greater than or equal to 1"),
        (("create", "new", "--expires-in", "36501"), 2, "less than or equal to 36500"),
        (("create", "new", "--tenant", "nobody"), 1, "No tenant is called"),
        (("revoke", "nobody"), 1, "No API key"),
    ):
        result = program.run("keys", *arguments)
        assert result.exit_code == status, result.output
        assert said in result.stderr
        assert "Traceback" not in result.output
    assert program.states() == {"taken": "active"}


def test_each_tenant_has_its_own_keys(program: Program) -> None:
    program.answer("tenants", "create", "globex")
    for tenant in ("acme", "globex"):
        program.answer("keys", "create", "reports", "--tenant", tenant)
    program.answer("keys", "revoke", "reports", "--tenant", "acme")
    assert program.states("--tenant", "acme") == {"reports": "revoked"}
    assert program.states("--tenant", "globex") == {"reports": "active"}
    unnamed = program.run("keys", "list")
    assert unnamed.exit_code == 1
    assert "--tenant" in unnamed.stderr
