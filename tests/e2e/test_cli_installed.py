"""The package alone, without the checkout around it, can migrate a database."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

import pytest

from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]


def test_migrations_ship_inside_the_package(postgres: PostgresServer, tmp_path: Path) -> None:
    """What the wheel takes is copied as the wheel takes it: the two package folders, whole."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for package in configuration["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        shutil.copytree(ROOT / package, tmp_path / "site" / Path(package).name)
    name = f"installed_{uuid.uuid4().hex}"
    postgres.create_database(name)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "DIGITAL_SPIRAL_HOME": str(tmp_path / "home"),
        "DATABASE_URL": postgres.url(APP_ROLE, name),
        "DATABASE_OWNER_URL": postgres.url(OWNER_ROLE, name),
    }

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        place = python("-c", "import digital_spiral.infrastructure.database.migrate as m; print(m.__file__)")
        assert place.startswith(str(tmp_path))
        python("-m", "digital_spiral", "db", "upgrade")
        answer = json.loads(python("-m", "digital_spiral", "db", "current", "--json"))
        assert answer["current"] == answer["head"]
    finally:
        subprocess.run(
            [sys.executable, "-m", "digital_spiral", "down"], env=environment, capture_output=True, check=True
        )
        postgres.drop_database(name)
