"""What row security costs: the product's own statements, sent by its role and by one that no policy binds.

Both roles read the same rows of the same tables over sessions set up alike. Rounds alternate, since the machine's
speed drifts; the medians are compared. Every statement names the tenant itself, as all of the product's do; row
security comes on top.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.api_requests import vocabulary
from benchmarks.copies import Copies, Place
from benchmarks.report import Section, Table
from digital_spiral.domain.entities.issue_views import IssueFilter, IssueSort
from digital_spiral.infrastructure.database.policies import SETTING
from digital_spiral.infrastructure.database.repositories.issue_reads import IssueReadsRepository
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.embedded.postgres import start_postgres
from digital_spiral.infrastructure.embedded.provisioning import SUPERUSER

ROUNDS = 15
_LOOK_UPS = 1000
_LISTS = 40
_PAGE = 51
"""Rows that the API asks for when a page has 50: one more tells whether there is a next page."""


@dataclass(frozen=True)
class Statement:
    """A query with its parameters."""

    query: str
    parameters: Sequence[Any]


@dataclass(frozen=True)
class Work:
    """What is done in one round; ``repetitions`` is how often the thing that is timed happens in it."""

    name: str
    statements: Sequence[Statement]
    repetitions: int


def section(copies: Copies) -> Section:
    """Compare look-ups and lists under row security with the same without it."""
    place, rounds = copies.to_read(), 3 if copies.quick else ROUNDS
    try:
        times = asyncio.run(_measured(place, rounds))
    finally:
        copies.done_reading(place)
    rows = [
        [name, f"{bound * 1e6:,.0f}", f"{free * 1e6:,.0f}", f"{bound / free:.2f}"]
        for name, (bound, free) in times.items()
    ]
    title = f"Row security at {place.issues:,} issues, medians of {rounds} alternating rounds"
    return Section(
        name="rls",
        tables=[Table(title=title, head=("", "with, us", "without, us", "ratio"), rows=rows)],
        data={name: {"with_seconds": bound, "without_seconds": free} for name, (bound, free) in times.items()},
    )


async def _measured(place: Place, rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds for each kind of work with row security and without."""
    server = start_postgres(place.home)
    async with AsyncExitStack() as opened:
        bound = await opened.enter_async_context(_session(server.app_url, place))
        free = await opened.enter_async_context(_session(server.url(SUPERUSER), place))
        work = await _work(bound, place)
        times: dict[str, tuple[list[float], list[float]]] = {each.name: ([], []) for each in work}
        for _ in range(1 + rounds):
            for each in work:
                for seconds, connection in zip(times[each.name], (bound, free), strict=True):
                    seconds.append(await _timed(connection, each))
        # The first round prepares the statements and reads what was on disk only.
        return {name: (median(first[1:]), median(second[1:])) for name, (first, second) in times.items()}


@asynccontextmanager
async def _session(url: str, place: Place) -> AsyncIterator[AsyncConnection]:
    """An open transaction of the place's tenant, as the product begins them."""
    async with create_single_engine(url).connect() as connection:
        await connection.execute(
            sa.text("SELECT set_config(:name, :tenant, true)"), {"name": SETTING, "tenant": str(place.tenant_id)}
        )
        yield connection


async def _work(connection: AsyncConnection, place: Place) -> list[Work]:
    """The statements that the product's repository sends, noted while it sends them."""
    words = await vocabulary(place)
    keys, projects = words.keys[:_LOOK_UPS], words.projects
    reads = IssueReadsRepository(connection, place.tenant_id)
    driver = await _driver(connection)
    sent: list[Statement] = []

    def note(query: asyncpg.connection.LoggedQuery) -> None:
        sent.append(Statement(query.query, query.args))

    def noted(name: str, repetitions: int) -> Work:
        statements = list(sent)
        sent.clear()
        return Work(name, statements, repetitions)

    with driver.query_logger(note):
        for key in keys:
            await reads.locate(key, None)
        look_ups = noted("issue by key", len(keys))
        for number in range(_LISTS):
            wanted = IssueFilter(
                instance_id=None,
                projects=[projects[number % len(projects)]],
                status_categories=["new", "indeterminate"],
            )
            await reads.issues(wanted, IssueSort.UPDATED_DESC, _PAGE, None)
        lists = noted("open issues of a project, newest first", _LISTS)
    return [look_ups, lists]


async def _timed(connection: AsyncConnection, work: Work) -> float:
    """Seconds that one repetition of the work takes."""
    driver = await _driver(connection)
    started = time.perf_counter()
    for statement in work.statements:
        await driver.fetch(statement.query, *statement.parameters)
    return (time.perf_counter() - started) / work.repetitions


async def _driver(connection: AsyncConnection) -> asyncpg.Connection:
    return (await connection.get_raw_connection()).driver_connection
