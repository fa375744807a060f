"""The right to work on an instance, as a session-level advisory lock on a connection of its own.

The lock ends with its session, so a worker that is killed frees it at once: its socket closes, and the server notices.
A worker that lost its session without knowing is stopped by the epoch of its run (``RunRepository.advance``).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.infrastructure.database.session import connect, create_single_engine

# A holder's machine that vanished without closing its socket is noticed in about 8 seconds instead of two hours.
_KEEPALIVES = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "1", "tcp_keepalives_count": "3"}

# The server shows a 64-bit advisory lock as two 32-bit halves.
_IS_HELD = sa.text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint = :high AND objid::bigint = :low)"
)


class DatabaseLease:
    """Leases of instances in the database behind ``engine``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # A pooled connection may be handed on or recycled; the lock needs a session that is nobody else's.
        self._sessions = create_single_engine(
            engine.url, application_name="digital-spiral lease", settings=_KEEPALIVES
        ).execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def hold(self, instance_id: UUID) -> AsyncIterator[bool]:
        """Try to take the lease for as long as the context lasts; yields whether it was had."""
        async with connect(self._sessions) as connection:
            yield bool(await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_lock_key(instance_id)))))

    async def is_free(self, instance_id: UUID) -> bool:
        """Whether nobody holds the lease just now.

        It looks without taking the lock, so that it never stands in the way of a worker that wants it.
        """
        key = _lock_key(instance_id) % 2**64
        async with connect(self._engine) as connection:
            return not await connection.scalar(_IS_HELD, {"high": key >> 32, "low": key % 2**32})


def _lock_key(instance_id: UUID) -> int:
    """The instance's lock number: 64 signed bits, made even by a digest."""
    return int.from_bytes(blake2b(instance_id.bytes, digest_size=8, person=b"lease").digest(), "big", signed=True)
