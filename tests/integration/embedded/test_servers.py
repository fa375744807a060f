"""Which servers an installation uses: the named ones first, else the embedded ones."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.embedded.postgres import postgres_status
from digital_spiral.infrastructure.embedded.redis import redis_status
from digital_spiral.infrastructure.embedded.servers import ensure_servers, stop_servers

APP = SecretStr("postgresql://app:secret-word@db.example.com/spiral")
OWNER = SecretStr("postgresql://owner:secret-word@db.example.com/spiral")
REDIS = SecretStr("rediss://:secret-word@redis.example.com:6380/0")


def test_embedded_servers_are_started_and_stopped_together(home: Path) -> None:
    servers = ensure_servers(Settings(home=home))
    assert (servers.postgres, servers.redis) == (postgres_status(home), redis_status(home))
    assert servers.postgres is not None
    assert (servers.database_url, servers.owner_url) == (servers.postgres.app_url, servers.postgres.owner_url)
    assert servers.broker_url == servers.redis_url.replace("unix:", "redis+socket:").replace("db=", "virtual_host=")
    assert stop_servers(home) == ["Redis", "PostgreSQL"]
    assert stop_servers(home) == []


def test_named_servers_are_taken_as_they_are_and_nothing_is_started(home: Path) -> None:
    servers = ensure_servers(Settings(home=home, database_url=APP, database_owner_url=OWNER, redis_url=REDIS))
    assert servers.database_url == "postgresql+asyncpg://app:secret-word@db.example.com/spiral"
    assert servers.owner_url == "postgresql+asyncpg://owner:secret-word@db.example.com/spiral"
    assert servers.redis_url == servers.broker_url == REDIS.get_secret_value()
    assert (servers.postgres, servers.redis, home.exists()) == (None, None, False)
    assert "secret-word" not in repr(servers)


def test_owner_address_may_be_left_out_but_not_stand_alone(home: Path) -> None:
    assert ensure_servers(Settings(home=home, database_url=APP, redis_url=REDIS)).owner_url is None
    with pytest.raises(Misconfigured, match="Set both"):
        ensure_servers(Settings(home=home, database_owner_url=OWNER, redis_url=REDIS))
