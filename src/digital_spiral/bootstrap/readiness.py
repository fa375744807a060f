"""Whether requests can be served: the database, its schema, and Redis, each looked at within a short time."""

import asyncio
import logging
import time

import redis.asyncio
import sqlalchemy as sa
from redis.exceptions import RedisError, ResponseError
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.ports import Readiness, ReadinessCheck
from digital_spiral.domain.errors import SpiralError
from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.database.session import connect, create_single_engine
from digital_spiral.infrastructure.embedded.servers import Servers

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
KEPT_SECONDS = 1.0
"""Answers are this old at most. Anybody may ask, so asking more often must not open more connections."""
PROBE_KEY = "digital-spiral:readiness"
PROBE_KEY_SECONDS = 60

_UNKNOWN = "It cannot be read, since the database does not answer."


def build_readiness(servers: Servers) -> Readiness:
    """Return the look at these servers; what it finds is kept for a moment, for whoever asks meanwhile."""
    engine = create_single_engine(servers.database_url, application_name="digital-spiral readiness")
    head = migrate.head()
    lock = asyncio.Lock()
    kept: list[ReadinessCheck] = []
    kept_at = 0.0

    async def readiness() -> list[ReadinessCheck]:
        nonlocal kept, kept_at
        async with lock:
            if not kept or time.monotonic() - kept_at > KEPT_SECONDS:
                (database, migrations), queue = await asyncio.gather(_database(engine, head), _redis(servers.redis_url))
                kept, kept_at = [database, migrations, queue], time.monotonic()
            return kept

    return readiness


async def _database(engine: AsyncEngine, head: str) -> tuple[ReadinessCheck, ReadinessCheck]:
    try:
        async with asyncio.timeout(CHECK_SECONDS), connect(engine) as connection:
            read_only = await connection.scalar(sa.text("SELECT current_setting('transaction_read_only')")) == "on"
            current = await migrate.revision_of(connection)
    except (SpiralError, TimeoutError) as error:
        log.warning("The database is not ready: %s", str(error) or f"no answer within {CHECK_SECONDS} s")
        return (
            ReadinessCheck("database", False, "It does not answer."),
            ReadinessCheck("migrations", False, _UNKNOWN),
        )
    return (
        ReadinessCheck("database", not read_only, "It takes no writes." if read_only else "It answers."),
        ReadinessCheck("migrations", current == head, f"Revision {current or 'none'}, and {head} is needed."),
    )


async def _redis(url: str) -> ReadinessCheck:
    client = redis.asyncio.from_url(url, socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await client.set(PROBE_KEY, 1, ex=PROBE_KEY_SECONDS)
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("Redis is not ready: %s", str(error) or f"no answer within {CHECK_SECONDS} s")
        refused = isinstance(error, ResponseError)  # out of memory, a replica, or its disk is full
        return ReadinessCheck("redis", False, "It takes no writes." if refused else "It does not answer.")
    finally:
        await client.aclose()
    return ReadinessCheck("redis", True, "It answers.")
