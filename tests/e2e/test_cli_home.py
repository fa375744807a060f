"""A home with its embedded servers: made by the first command, looked at by `doctor`, taken away by `reset`."""

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digital_spiral.bootstrap.runtime import open_runtime
from digital_spiral.infrastructure.embedded.servers import stop_servers
from digital_spiral.interfaces.cli.app import build_app

pytestmark = pytest.mark.process

NO_SERVERS: dict[str, str | None] = {"DATABASE_URL": None, "DATABASE_OWNER_URL": None, "REDIS_URL": None}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home that PostgreSQL's account can reach, too, when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="ds-home-"))
    folder.chmod(0o755)
    yield folder
    stop_servers(folder)
    shutil.rmtree(folder)


def run(home: Path, *arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(
        build_app(open_runtime),
        [*arguments, "--home", str(home), "--json"],
        env={**NO_SERVERS, "COLUMNS": "300", **environment},
    )


def answer(result: Result) -> dict[str, object]:
    found: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return found


def wrong_checks(result: Result) -> list[str]:
    checks = answer(result)["checks"]
    assert isinstance(checks, list)
    return [check["name"] for check in checks if not check["ok"]]


def test_the_life_of_a_home(home: Path) -> None:
    ill = run(home, "doctor")
    assert ill.exit_code == 1
    assert wrong_checks(ill) == ["schema"]
    assert run(home, "db", "upgrade").exit_code == 0
    well = run(home, "doctor")
    assert (well.exit_code, wrong_checks(well)) == (0, [])
    assert run(home, "tenants", "create", "acme").exit_code == 0
    assert answer(run(home, "instances")) == {"instances": []}
    assert answer(run(home, "down"))["stopped"] == ["Redis", "PostgreSQL"]
    assert answer(run(home, "instances")) == {"instances": []}
    assert answer(run(home, "reset", "--yes"))["deleted"] == [str(home / name) for name in ("postgres", "redis")]
    assert (home / "master.key").exists()
    assert answer(run(home, "reset", "--yes"))["deleted"] == []


def test_an_open_master_key_is_an_illness(tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    key.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    key.chmod(0o644)
    nowhere = "postgresql://app:secret@127.0.0.1:9/nowhere"
    result = run(tmp_path, "doctor", DATABASE_URL=nowhere, REDIS_URL="redis://127.0.0.1:9/0")
    assert result.exit_code == 1
    assert wrong_checks(result) == ["master key", "Redis", "database role", "schema"]
    assert "chmod 600" in result.stdout
    assert "secret" not in result.stdout


def test_a_taken_port_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = run(home, "db", "current", DIGITAL_SPIRAL_POSTGRES_PORT=str(port))
    assert result.exit_code == 1
    assert str(port) in result.stderr
    assert "Traceback" not in result.output


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    result = run(file, "db", "current")
    assert result.exit_code == 2
    assert "is a file" in result.stderr
