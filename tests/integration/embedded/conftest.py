"""Homes for the launchers' tests: PostgreSQL of root runs as `nobody`, who cannot enter pytest's own folders."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digital_spiral.infrastructure.embedded.postgres import start_postgres
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.servers import stop_servers


@contextmanager
def _temporary_home() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="ds-launcher-"))
    base.chmod(0o755)
    home = base / "home"
    try:
        yield home
    finally:
        stop_servers(home)
        shutil.rmtree(base)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that does not exist yet; its servers are stopped after the test."""
    with _temporary_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_home() -> Iterator[Path]:
    """A home that the tests of one module share and leave as they found it."""
    with _temporary_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def server(module_home: Path) -> PostgresServer:
    """A PostgreSQL that the tests of one module share and only look at."""
    return start_postgres(module_home, overrides={"fsync": "off"})
