"""A connection that is lost while COPY waits for the server to take more is an error, not a wait for ever."""

import asyncio
import os
import signal

import pytest
import sqlalchemy as sa

from digital_spiral.domain.entities.sync import RunState
from digital_spiral.infrastructure.database.session import create_single_engine
from tests.integration.conftest import Database
from tests.integration.sync.conftest import Copy

WRITER = sa.text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
    "AND query LIKE 'COPY%stage_issues%'"
)


async def test_a_connection_lost_in_the_middle_of_copy_is_noticed(
    copy: Copy, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's process is held until the client can send no more, and ended then."""
    for issue in copy.site.issues.values():
        issue.fields = issue.fields.replace(b'"summary":"', b'"summary":"' + b"x" * 200_000, 1)
    admin = create_single_engine(database.admin_url)
    run = await copy.start()

    async def interrupt() -> None:
        async with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            pid = None
            while pid is None:
                pid = await connection.scalar(WRITER)
            os.kill(pid, signal.SIGSTOP)
            try:
                await connection.execute(sa.select(sa.func.pg_terminate_backend(pid)))
            finally:
                os.kill(pid, signal.SIGCONT)

    async with asyncio.timeout(60):
        await asyncio.gather(copy.backfiller(batch_size=1000, in_flight=1000).run(copy.tenant.id, run.id), interrupt())
    assert (await copy.run(run.id)).state is RunState.SUCCEEDED
    assert "waits, and tries again" in caplog.text
    assert (await copy.census()).match_percent == 100.0
